// An autoencoder as a file: safetensors, whose notes say which weights and tokenizer it belongs to.
#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/json_value.h"
#include "engine/base/text.h"
#include "interp/activations.h"
#include "interp/features/sae_train.h"
#include "model/saved_model.h"

namespace glass {
namespace {

constexpr std::int64_t kMostFeatures = 10000000, kMostSteps = std::int64_t{1} << 53;

// The one list of numbers that a file keeps of how it was judged.
template <class Metrics, class F>
void each_metric(Metrics& m, const F& f) {
  f("l0", m.l0);
  f("explained_variance", m.explained_variance);
  f("ce_clean", m.ce_clean);
  f("ce_sae", m.ce_sae);
  f("ce_zero", m.ce_zero);
  f("ce_recovered", m.ce_recovered);
  f("kl", m.kl);
  f("kl_zero", m.kl_zero);
  f("dead", m.dead);
}

}   // namespace

void put(Json& json, const SaeMetrics& metrics) {
  each_metric(metrics, [&](const char* name, double value) { json.field(name, value); });
}

void save_sae(const SaeModel& model) {
  Sae& sae = *model.sae;
  std::vector<StoredTensor> tensors = stored(model.scan);
  for (const Parameter* p : sae.parameters()) tensors.push_back(stored(p->name, p->value));
  Json metrics;
  metrics.object();
  put(metrics, model.metrics);
  metrics.end();
  Notes notes = notes_of(model.scan);
  notes["glass.place"] = model.place;
  notes["glass.k"] = std::to_string(sae.k);
  notes["glass.steps"] = std::to_string(model.steps);
  notes["glass.tokens"] = std::to_string(model.tokens);
  notes["glass.metrics"] = metrics.text();
  save_kept(model.path, kKeptSae, model.from, std::move(tensors), std::move(notes));
}

namespace {

// The place that it reads, where this model has it and it is as wide as the decoder.
std::string place_of(const KeptFile& file, const Specimen& specimen, std::int64_t d) {
  const std::string place = file.note("glass.place");
  const std::vector<std::string> all = specimen.gpt.taps();
  if (std::find(all.begin(), all.end(), place) == all.end())
    file.refuse("this model has no place " + in_quotes(place));
  const std::int32_t token[] = {0};
  const Activations seen = look(specimen.gpt, specimen.row(token), {place});
  if (!seen.has(place) || seen[place].rank() != 3 || seen[place].dim(2) != d)
    file.refuse(place + " is not " + std::to_string(d) + " wide");
  return place;
}

}   // namespace

std::unique_ptr<SaeModel> load_sae(const ByteSource& source, const Specimen& specimen,
                                   const std::string& renew) {
  const KeptFile file(source, kKeptSae, specimen, renew);
  const std::vector<std::int64_t>& shape = file.tensor("W_dec").shape;
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1 || shape[0] > kMostFeatures)
    file.refuse("its W_dec is no matrix of directions");
  auto model = std::make_unique<SaeModel>();
  model->from = specimen.from, model->place = place_of(file, specimen, shape[1]);
  model->steps = file.integer("glass.steps", 0, kMostSteps);
  model->tokens = file.integer("glass.tokens", 0, kMostSteps);
  model->sae = std::make_unique<Sae>(shape[1], shape[0], file.integer("glass.k", 1, shape[0]),
                                     specimen.gpt.device(), specimen.gpt.dtype(), 0);
  for (Parameter* p : model->sae->parameters()) file.fill(p->value, p->name);
  const std::string where = source.name() + ": glass.metrics";
  const JsonValue metrics = parse_json(file.note("glass.metrics"), where);
  each_metric(model->metrics, [&](const char* name, double& value) {
    const JsonValue& kept = metrics.at(name, where);
    value = kept.kind == JsonValue::Kind::null ? std::nan("") : kept.number(where + ": " + name);
  });
  model->scan = read_scan(file, specimen, 1, static_cast<int>(shape[0]));
  return model;
}

std::unique_ptr<SaeModel> load_sae(const std::string& path, const Specimen& specimen,
                                   const std::string& renew) {
  auto model = load_sae(FileSource(path), specimen, renew);
  model->path = path;
  return model;
}

}   // namespace glass
