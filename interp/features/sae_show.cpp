#include "interp/features/sae_show.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "interp/activations.h"
#include "interp/features/contexts.h"
#include "interp/features/quantiles.h"
#include "interp/read/readout.h"

namespace glass {
namespace {

constexpr std::size_t kEffects = 8, kNeighbours = 5;

// Only what lies in the stream, or is added to it, has an effect on logits that can be told.
bool reaches_logits(const Specimen& specimen, const Sae& sae) {
  return sae.d() == specimen.config().n_embd;
}

std::vector<double> direction(const SaeModel& model, int feature) {
  return slice(model.sae->W_dec.value, 0, feature, feature + 1).to_host();
}

// One feature over a window of the scanned text, (T); `neurons`: all of every layer, layer after
// layer, (T,inner) each.
struct Seen {
  std::vector<double> feature;
  std::vector<std::vector<double>> neurons;
};
Seen seen_in(const Specimen& specimen, const SaeModel& model, int feature, std::int64_t start,
             bool with_neurons) {
  const std::span<const std::int32_t> ids =
      std::span(model.scan.text)
          .subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(model.scan.T));
  std::vector<std::string> names = {model.place};
  for (int l = 0; with_neurons && l < specimen.config().n_layer; ++l)
    names.push_back(in_block(l, "mlp.hook_post"));
  const Activations all = look(specimen.gpt, specimen.row(ids), names);
  const Tensor& x = all[model.place];
  const Tensor codes = model.sae->codes(reshape(contiguous(x), {x.dim(1), x.dim(2)}));
  Seen seen{slice(codes, 1, feature, feature + 1).to_host(), {}};
  for (std::size_t i = 1; i < names.size(); ++i) seen.neurons.push_back(all[names[i]].to_host());
  return seen;
}

// What it does on ordinary days, and which neurons go with it.
void look_around(const Specimen& specimen, const SaeModel& model, const NeuronShowOptions& options,
                 SaeFeature& r) {
  if (r.record.positive == 0) return;
  const GPTConfig& c = specimen.config();
  WindowValues values;
  std::vector<Correlations> layers(c.has_mlp() ? static_cast<std::size_t>(c.n_layer) : 0);
  for (const std::int64_t start : spread_windows(model.scan)) {
    const Seen seen = seen_in(specimen, model, r.feature, start, c.has_mlp());
    for (std::size_t l = 0; l < layers.size(); ++l) layers[l].add(seen.feature, seen.neurons[l]);
    values[start] = seen.feature;
  }
  r.quantiles = quantiles_of(specimen, model.scan, values, Among::those_above_0, options);
  std::vector<double> all;
  for (const Correlations& layer : layers) {
    const std::vector<double> own = layer.values();
    all.insert(all.end(), own.begin(), own.end());
  }
  for (const std::int32_t i : extremes_of(all, kNeighbours).top) {
    const double correlation = all[static_cast<std::size_t>(i)];
    if (correlation <= 0) break;
    const int inner = static_cast<int>(c.inner());
    r.neurons.push_back({i / inner, i % inner, correlation});
  }
}

}   // namespace

SaeOverview overview_of(const Specimen& specimen, const SaeModel& model, std::size_t rows) {
  const UnitScan& scan = model.scan;
  SaeOverview o{model.from,
                model.path,
                model.place,
                scan.source,
                model.sae->features(),
                model.sae->d(),
                model.sae->k,
                model.steps,
                model.tokens,
                model.metrics,
                {},
                {}};
  const double tokens = static_cast<double>(scan.text.size());
  std::vector<double> worth;
  for (const UnitRecord& r : scan.records) {
    o.density.push_back(static_cast<double>(r.positive) / tokens);
    worth.push_back(r.variance + r.mean * r.mean);
  }
  for (const std::int32_t f : extremes_of(worth, rows).top) {
    const UnitRecord& r = scan.at(0, f);
    if (r.positive == 0 || r.top.empty()) break;
    const std::string strongest =
        specimen.label(scan.text[static_cast<std::size_t>(r.top[0].position)]);
    std::string promotes;
    if (reaches_logits(specimen, *model.sae))
      promotes =
          specimen.label(extremes_of(logit_effects(specimen.gpt, direction(model, f)), 1).top[0]);
    o.rows.push_back(
        {f, o.density[static_cast<std::size_t>(f)], r.max, r.token_share, strongest, promotes});
  }
  return o;
}

SaeFeature feature_of(const Specimen& specimen, const SaeModel& model, int feature,
                      const NeuronShowOptions& options) {
  const UnitScan& scan = model.scan;
  if (feature < 0 || feature >= scan.units)
    fail(UsageError("this autoencoder has no feature " + std::to_string(feature) +
                    ": there are 0 .. " + std::to_string(scan.units - 1) + "."));
  SaeFeature r{model.from,  model.place,
               scan.source, static_cast<std::int64_t>(scan.text.size()),
               feature,     scan.at(0, feature),
               {},          {},
               {},          {},
               {},          {},
               {}};
  for (const Moment& m : r.record.top) {
    if (m.value <= 0 || r.contexts.size() == options.contexts) break;
    const std::int64_t start = m.position / scan.T * scan.T;
    r.contexts.push_back(context_of(specimen, scan.text, scan.T, m,
                                    seen_in(specimen, model, feature, start, false).feature,
                                    options.before, options.after));
  }
  look_around(specimen, model, options, r);
  const std::vector<double> own = direction(model, feature);
  if (reaches_logits(specimen, *model.sae)) {
    const std::vector<double> effects = logit_effects(specimen.gpt, own);
    const Extremes extremes = extremes_of(effects, kEffects);
    r.promotes = named(specimen, effects, extremes.top);
    r.demotes = named(specimen, effects, extremes.bottom);
  }
  const Tensor one = slice(model.sae->W_dec.value, 0, feature, feature + 1);
  std::vector<double> cosines =
      linear(one, model.sae->W_dec.value).to_host();   // rows have length 1
  cosines[static_cast<std::size_t>(feature)] = -2;
  for (const std::int32_t f : extremes_of(cosines, std::min(kNeighbours, cosines.size() - 1)).top)
    r.neighbours.emplace_back(f, cosines[static_cast<std::size_t>(f)]);
  for (const TokenMean& t : r.record.tokens)
    if (t.mean > 0) r.tokens.emplace_back(specimen.label(t.token), t);
  return r;
}

// ---- telling it ---------------------------------------------------------------------------------

namespace {

// How many features are on how often, by powers of ten.
Figure density_figure(const std::vector<double>& density) {
  constexpr int kLowest = -6;
  std::vector<int> counts(-kLowest + 1, 0);
  int never = 0;
  for (const double share : density) {
    if (share <= 0) ++never;
    else
      ++counts[static_cast<std::size_t>(
          std::clamp(static_cast<int>(std::floor(std::log10(share))), kLowest, 0) - kLowest)];
  }
  Bars bars{"How often features are on", "features", {{"never", static_cast<double>(never)}}};
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const int power = static_cast<int>(i) + kLowest;
    if (counts[i] > 0)
      bars.bars.push_back(
          {"from 1e" + std::to_string(power) + " of tokens", static_cast<double>(counts[i])});
  }
  return bars;
}

}   // namespace

Page page_of(const SaeOverview& o) {
  Page page{"sae", "Sparse features of " + o.place, o.from};
  page.add(Paragraph{"Every activation is written as a sum of at most " + std::to_string(o.k) +
                     " of " + with_commas(o.features) + " directions (d = " + std::to_string(o.d) +
                     "), learned from " + with_commas(o.tokens) +
                     " tokens. Judged on text that was not learned from:"});
  const SaeMetrics& m = o.metrics;
  Table table{"", {"measure", "value", ""}, {}, {Align::left, Align::right, Align::left}};
  const auto row = [&](const char* name, const std::string& value, const char* what) {
    table.rows.push_back({name, value, what});
  };
  row("L0", format("%.1f", m.l0), "features on, a token");
  row("explained variance", format("%.4f", m.explained_variance), "of the activation");
  row("CE recovered", format("%.4f", m.ce_recovered),
      "1: the model predicts as well with it; 0: as badly as without");
  row("loss", format("%.4f", m.ce_clean), "of the model as it is");
  row("loss with it", format("%.4f", m.ce_sae), "the reconstruction in place of the activation");
  row("loss with zero", format("%.4f", m.ce_zero), "nothing in its place");
  row("KL", format("%.4f", m.kl),
      format("from the model as it is; with zero %.4f", m.kl_zero).c_str());
  row("dead", format("%.1f%%", 100 * m.dead), "features that never fired");
  page.add(std::move(table));
  page.add(density_figure(o.density));
  Table rows{"The features that say most",
             {"feature", "on", "max", "token", "strongest at", "promotes"},
             {},
             {}};
  rows.align = {Align::right, Align::right, Align::right, Align::right, Align::left, Align::left};
  for (const SaeOverview::Row& r : o.rows)
    rows.rows.push_back({std::to_string(r.feature), format("%.2f%%", 100 * r.density),
                         format("%.2f", r.max),
                         std::isnan(r.token_share) ? "-" : format("%.0f%%", 100 * r.token_share),
                         r.strongest, r.promotes});
  page.add(std::move(rows));
  return page;
}

void put(Json& json, const SaeOverview& o) {
  json.field("place", o.place)
      .field("file", o.path)
      .field("source", o.source)
      .field("features", o.features);
  json.field("d", o.d)
      .field("k", o.k)
      .field("steps", o.steps)
      .field("tokens", o.tokens)
      .field("stale", false);
  put(json, o.metrics);
  json.field("density", o.density).key("rows").array();
  for (const SaeOverview::Row& r : o.rows) {
    json.object().field("feature", r.feature).field("density", r.density).field("max", r.max);
    json.field("token_share", r.token_share)
        .field("token", r.strongest)
        .field("promotes", r.promotes)
        .end();
  }
  json.end();
}

Page page_of(const SaeFeature& r) {
  Page page{"feature-" + std::to_string(r.feature),
            "What feature " + std::to_string(r.feature) + " of " + r.place + " stands for", r.from};
  const double on = static_cast<double>(r.record.positive) / static_cast<double>(r.tokens_scanned);
  std::string summary = "It is on at " + format("%.3f%%", 100 * on) + " of " +
                        with_commas(r.tokens_scanned) + " tokens of " + r.source + ".";
  if (r.record.positive == 0) summary += " It never fired: it is dead, on this text at least.";
  else if (!std::isnan(r.record.token_share))
    summary += " The token alone explains " + format("%.0f%%", 100 * r.record.token_share) +
               " of its variance.";
  page.add(Paragraph{summary});
  add_contexts(page, "Strongest", r.contexts);
  add_quantiles(page, r.quantiles, Among::those_above_0);
  if (r.quantiles.empty() && r.record.positive > 0)
    page.add(Paragraph{
        "It is on too seldom to show ordinary days of it: never in a sample of the text."});
  page.add(histogram_figure("How its values are spread", r.record.histogram, r.record.low,
                            r.record.high));
  if (!r.promotes.empty())
    page.add(effects_figure("What its direction does to logits", r.promotes, r.demotes));
  Table tokens{"Tokens that wake it most",
               {"token", "mean", "times"},
               {},
               {Align::left, Align::right, Align::right}};
  for (const auto& [label, t] : r.tokens)
    tokens.rows.push_back({label, format("%.3f", t.mean), with_commas(t.count)});
  if (!tokens.rows.empty()) page.add(std::move(tokens));
  Table near{"Features in nearly the same direction",
             {"feature", "cosine"},
             {},
             {Align::right, Align::right}};
  for (const auto& [f, cosine] : r.neighbours)
    near.rows.push_back({std::to_string(f), format("%.3f", cosine)});
  page.add(std::move(near));
  if (r.neurons.empty()) return page;
  Table neurons{"Neurons that rise and fall with it",
                {"neuron", "correlation"},
                {},
                {Align::right, Align::right}};
  for (const SaeFeature::Neuron& n : r.neurons)
    neurons.rows.push_back(
        {std::to_string(n.layer) + "." + std::to_string(n.neuron), format("%.3f", n.correlation)});
  page.add(std::move(neurons));
  return page;
}

void put(Json& json, const SaeFeature& r) {
  json.field("feature", r.feature).field("place", r.place).field("source", r.source);
  json.field("tokens_scanned", r.tokens_scanned).field("stale", false);
  put_contexts(json, "contexts", r.contexts);
  put_quantiles(json, r.quantiles);
  json.field("density",
             static_cast<double>(r.record.positive) / static_cast<double>(r.tokens_scanned));
  json.field("max", r.record.max).field("token_share", r.record.token_share);
  json.key("histogram").object().field("low", r.record.low).field("high", r.record.high);
  json.field("counts", r.record.histogram).end();
  put_effects(json, "promotes", r.promotes);
  put_effects(json, "demotes", r.demotes);
  json.key("neighbours").array();
  for (const auto& [f, cosine] : r.neighbours)
    json.object().field("feature", f).field("cosine", cosine).end();
  json.end().key("neurons").array();
  for (const SaeFeature::Neuron& n : r.neurons) {
    json.object().field("layer", n.layer).field("neuron", n.neuron);
    json.field("correlation", n.correlation).end();
  }
  json.end();
}

}   // namespace glass
