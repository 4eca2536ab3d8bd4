// An autoencoder as a file: safetensors, whose notes say which weights and tokenizer it belongs to.
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/json_value.h"
#include "interp/features/sae_train.h"
#include "model/saved_model.h"

namespace glass {
namespace {

constexpr const char *kKind = "sparse autoencoder", *kVersion = "1";

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
  save_safetensors(model.path, std::move(tensors),
                   {{"glass.kind", kKind},
                    {"glass.sae", kVersion},
                    {"glass.model", model.from.digest},
                    {"glass.tokenizer", model.scan.tokenizer_digest},
                    {"glass.source", model.scan.source},
                    {"glass.source.digest", model.scan.source_digest},
                    {"glass.window", std::to_string(model.scan.T)},
                    {"glass.place", model.place},
                    {"glass.k", std::to_string(model.sae->k)},
                    {"glass.steps", std::to_string(model.steps)},
                    {"glass.tokens", std::to_string(model.tokens)},
                    {"glass.metrics", metrics.text()},
                    {"glass.command", model.from.command}});
}

std::unique_ptr<SaeModel> load_sae(const std::string& path, const Specimen& specimen,
                                   const std::string& renew) {
  const Safetensors file = load_safetensors(path);
  const auto note = [&](const char* key) {
    const auto found = file.notes.find(key);
    return found == file.notes.end() ? std::string() : found->second;
  };
  const auto tensor = [&](const char* name) -> const StoredTensor& {
    for (const StoredTensor& t : file.tensors)
      if (t.name == name) return t;
    fail(ContentError(path + " has no " + name + "; it is not whole. Train it again: " + renew));
  };
  if (note("glass.kind") != kKind)
    fail(ContentError(path + " is no sparse autoencoder; train one: " + renew));
  const auto require = [&](const char* key, const std::string& now, const std::string& what) {
    if (note(key) != now)
      fail(ContentError(path + " is stale: it was trained with " + what +
                        " than now. Renew it: " + renew));
  };
  require("glass.sae", kVersion, "another version of this program");
  require("glass.model", specimen.from.digest, "other weights");
  require("glass.tokenizer", digest_of(specimen.tokenizer), "another tokenizer");

  const std::vector<std::int64_t>& shape = tensor("W_dec").shape;
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1)
    fail(ContentError(path + ": W_dec is no matrix."));
  auto model = std::make_unique<SaeModel>();
  model->from = specimen.from, model->path = path, model->place = note("glass.place");
  model->steps = std::atoll(note("glass.steps").c_str()),
  model->tokens = std::atoll(note("glass.tokens").c_str());
  model->sae = std::make_unique<Sae>(shape[1], shape[0], std::atoll(note("glass.k").c_str()),
                                     specimen.gpt.device(), specimen.gpt.dtype(), 0);
  for (Parameter* p : model->sae->parameters()) fill_from(p->value, tensor(p->name.c_str()), path);
  const JsonValue metrics = parse_json(note("glass.metrics"), path + ": glass.metrics");
  each_metric(model->metrics, [&](const char* name, double& value) {
    const JsonValue& kept = metrics.at(name, path + ": glass.metrics");
    value = kept.kind == JsonValue::Kind::null ? std::nan("") : kept.number(path + ": " + name);
  });
  UnitScan& scan = model->scan;
  scan.from = specimen.from, scan.source = note("glass.source"),
  scan.source_digest = note("glass.source.digest");
  scan.tokenizer_digest = note("glass.tokenizer"),
  scan.T = std::atoll(note("glass.window").c_str());
  scan.layers = 1, scan.units = static_cast<int>(shape[0]);
  read_records(scan, file, path, specimen.config().vocab_size);
  return model;
}

}   // namespace glass
