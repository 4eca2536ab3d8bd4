#include "interp/features/neurons.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "interp/activations.h"
#include "interp/features/contexts.h"
#include "interp/features/quantiles.h"
#include "interp/heads/weights.h"
#include "interp/read/readout.h"

namespace glass {
namespace {

constexpr std::size_t kEffects = 8;

// The neuron over windows of the scanned text, each computed once more.
WindowValues values_over(const Specimen& specimen, const UnitScan& scan, int layer, int neuron,
                         std::vector<std::int64_t> starts) {
  constexpr std::size_t kBatch = 8;
  const std::size_t T = static_cast<std::size_t>(scan.T);
  const std::string place = in_block(layer, "mlp.hook_post");
  std::sort(starts.begin(), starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  WindowValues values;
  for (std::size_t first = 0; first < starts.size(); first += kBatch) {
    const std::size_t count = std::min(kBatch, starts.size() - first);
    std::vector<std::int32_t> ids;
    for (std::size_t i = first; i < first + count; ++i) {
      const auto begin = scan.text.begin() + static_cast<std::ptrdiff_t>(starts[i]);
      ids.insert(ids.end(), begin, begin + static_cast<std::ptrdiff_t>(T));
    }
    const Tensor rows =
        Tensor::ids(specimen.gpt.device(), ids, {static_cast<std::int64_t>(count), scan.T});
    const Activations seen =
        look(specimen.gpt, rows, std::vector<std::string>{place}, Positions::last);
    const std::vector<double> x = slice(seen[place], 2, neuron, neuron + 1).to_host();
    for (std::size_t i = 0; i < count; ++i) {
      const auto begin = x.begin() + static_cast<std::ptrdiff_t>(i * T);
      values[starts[first + i]].assign(begin, begin + static_cast<std::ptrdiff_t>(T));
    }
  }
  return values;
}

std::vector<NeuronContext> contexts_of(const Specimen& specimen, const UnitScan& scan, int layer,
                                       int neuron, std::vector<Moment> moments,
                                       const NeuronShowOptions& options) {
  if (moments.size() > options.contexts) moments.resize(options.contexts);
  std::vector<std::int64_t> starts;
  for (const Moment& m : moments) starts.push_back(m.position / scan.T * scan.T);
  const WindowValues values = values_over(specimen, scan, layer, neuron, starts);
  std::vector<NeuronContext> all;
  for (const Moment& m : moments)
    all.push_back(context_of(specimen, scan.text, scan.T, m,
                             values.at(m.position / scan.T * scan.T), options.before,
                             options.after));
  return all;
}

void require_below(const char* what, int asked, int count) {
  if (asked >= 0 && asked < count) return;
  fail(UsageError("this model has no " + std::string(what) + " " + std::to_string(asked) +
                  ": there are 0 .. " + std::to_string(count - 1) + "."));
}

}   // namespace

std::vector<LogitEffect> named(const Specimen& specimen, const std::vector<double>& effects,
                               const std::vector<std::int32_t>& ids) {
  std::vector<LogitEffect> all;
  for (const std::int32_t id : ids)
    all.push_back({id, specimen.label(id), effects[static_cast<std::size_t>(id)]});
  return all;
}

NeuronResult neuron_of(const Specimen& specimen, const UnitScan& scan, int layer, int neuron,
                       const NeuronShowOptions& options) {
  require_below("layer", layer, scan.layers);
  require_below("neuron", neuron, scan.units);
  NeuronResult r{specimen.from,
                 scan.source,
                 static_cast<std::int64_t>(scan.text.size()),
                 layer,
                 neuron,
                 scan.at(layer, neuron),
                 {},
                 {},
                 {},
                 {},
                 {},
                 {},
                 specimen.config().norm == NormPlace::post};
  r.contexts = contexts_of(specimen, scan, layer, neuron, r.record.top, options);
  r.weakest = contexts_of(specimen, scan, layer, neuron, r.record.bottom, options);
  r.quantiles =
      quantiles_of(specimen, scan, values_over(specimen, scan, layer, neuron, spread_windows(scan)),
                   Among::all, options);
  const Tensor W = weight_in_block(specimen.gpt, layer, "mlp.c_proj.weight");   // (C, inner)
  const std::vector<double> effects =
      logit_effects(specimen.gpt, slice(W, 1, neuron, neuron + 1).to_host());
  const Extremes extremes = extremes_of(effects, kEffects);
  r.promotes = named(specimen, effects, extremes.top);
  r.demotes = named(specimen, effects, extremes.bottom);
  for (const TokenMean& t : r.record.tokens) r.tokens.emplace_back(specimen.label(t.token), t);
  return r;
}

NeuronOverview overview_of(const Specimen& specimen, const UnitScan& scan, std::size_t rows) {
  NeuronOverview o{specimen.from,
                   scan.source,
                   scan.path,
                   static_cast<std::int64_t>(scan.text.size()),
                   {},
                   {},
                   {},
                   {},
                   scan.layers,
                   scan.units};
  std::vector<NeuronOverview::Row> all;
  for (int l = 0; l < scan.layers; ++l) {
    o.dead.push_back(0);
    for (int n = 0; n < scan.units; ++n) {
      const UnitRecord& r = scan.at(l, n);
      if (r.positive == 0) ++o.dead.back();
      const double deviation = std::sqrt(r.variance);
      all.push_back(
          {l, n, static_cast<double>(r.positive) / static_cast<double>(o.tokens_scanned), r.mean,
           r.max, deviation > 0 && r.max > 0 ? (r.max - r.mean) / deviation : 0, r.token_share,
           r.top.empty() ? ""
                         : specimen.label(scan.text[static_cast<std::size_t>(r.top[0].position)])});
    }
  }
  const auto best = [&](const auto& value) {
    std::vector<NeuronOverview::Row> sorted = all;
    const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(std::min(rows, sorted.size()));
    std::partial_sort(sorted.begin(), last, sorted.end(), [&](const auto& a, const auto& b) {
      if (value(a) != value(b)) return value(a) > value(b);
      return a.layer != b.layer ? a.layer < b.layer : a.neuron < b.neuron;
    });
    sorted.erase(last, sorted.end());
    return sorted;
  };
  o.most_active = best([](const auto& r) { return r.active; });
  o.peaked = best([](const auto& r) { return r.peak; });
  if (!std::isnan(all.front().token_share))
    o.most_selective = best([](const auto& r) { return r.token_share; });
  return o;
}

// ---- telling it ---------------------------------------------------------------------------------

Page page_of(const NeuronResult& r) {
  const std::string name = std::to_string(r.layer) + "." + std::to_string(r.neuron);
  Page page{"neuron-" + name, "What neuron " + name + " stands for", r.from};
  const double active =
      static_cast<double>(r.record.positive) / static_cast<double>(r.tokens_scanned);
  std::string summary = "Over " + with_commas(r.tokens_scanned) + " tokens (" + r.source +
                        ") it is above 0 at " + format("%.1f%%", 100 * active) +
                        ", with a mean of " + format("%.3f", r.record.mean) +
                        " and a deviation of " + format("%.3f", std::sqrt(r.record.variance)) + ".";
  if (!std::isnan(r.record.token_share))
    summary += " The token alone explains " + format("%.0f%%", 100 * r.record.token_share) +
               " of its variance: near 100% it is a detector of tokens, near 0% it looks at what "
               "stands before.";
  page.add(Paragraph{summary});
  page.add(Paragraph{
      "The strongest moments, one of each window at most. A bar | stands where the model began to "
      "read: it saw nothing before it, and nothing behind the strongest token."});
  add_contexts(page, "Strongest", r.contexts);
  const std::size_t few = std::min<std::size_t>(3, r.weakest.size());   // the JSON has all
  add_contexts(page, "Weakest",
               {r.weakest.begin(), r.weakest.begin() + static_cast<std::ptrdiff_t>(few)});
  add_quantiles(page, r.quantiles, Among::all);
  page.add(histogram_figure("How its values are spread", r.record.histogram, r.record.low,
                            r.record.high));
  if (!r.tokens.empty()) {
    Table table{"Tokens that wake it most",
                {"token", "mean", "times"},
                {},
                {Align::left, Align::right, Align::right}};
    for (const auto& [label, t] : r.tokens)
      table.rows.push_back({label, format("%.3f", t.mean), with_commas(t.count)});
    page.add(std::move(table));
  }
  page.add(effects_figure("What its output does to logits", r.promotes, r.demotes));
  if (r.post_norm)
    page.add(Paragraph{
        "This model norms its stream behind every sum (post-norm): the effect on logits is that of "
        "its output alone, before the norms that follow."});
  return page;
}

void put(Json& json, const NeuronResult& r) {
  json.field("layer", r.layer).field("neuron", r.neuron).field("source", r.source);
  json.field("tokens_scanned", r.tokens_scanned).field("stale", false);
  put_contexts(json, "contexts", r.contexts);
  put_contexts(json, "weakest", r.weakest);
  put_quantiles(json, r.quantiles);
  json.field("mean", r.record.mean).field("variance", r.record.variance).field("min", r.record.min);
  json.field("max", r.record.max)
      .field("positive", r.record.positive)
      .field("token_share", r.record.token_share);
  json.key("histogram").object().field("low", r.record.low).field("high", r.record.high);
  json.field("counts", r.record.histogram).end().key("tokens").array();
  for (const auto& [label, t] : r.tokens)
    json.object()
        .field("id", t.token)
        .field("token", label)
        .field("mean", t.mean)
        .field("count", t.count)
        .end();
  json.end();
  put_effects(json, "promotes", r.promotes);
  put_effects(json, "demotes", r.demotes);
}

namespace {

Table rows_of(const std::string& title, const std::vector<NeuronOverview::Row>& rows) {
  Table table{title, {"neuron", "above 0", "mean", "max", "peak", "token", "strongest at"}, {}, {}};
  table.align = {Align::left,  Align::right, Align::right, Align::right,
                 Align::right, Align::right, Align::left};
  for (const NeuronOverview::Row& r : rows)
    table.rows.push_back(
        {std::to_string(r.layer) + "." + std::to_string(r.neuron), format("%.1f%%", 100 * r.active),
         format("%.3f", r.mean), format("%.3f", r.max), format("%.1f", r.peak),
         std::isnan(r.token_share) ? "-" : format("%.0f%%", 100 * r.token_share), r.strongest});
  return table;
}

void put_rows(Json& json, const char* name, const std::vector<NeuronOverview::Row>& rows) {
  json.key(name).array();
  for (const NeuronOverview::Row& r : rows) {
    json.object()
        .field("layer", r.layer)
        .field("neuron", r.neuron)
        .field("active", r.active)
        .field("mean", r.mean);
    json.field("max", r.max)
        .field("peak", r.peak)
        .field("token_share", r.token_share)
        .field("token", r.strongest)
        .end();
  }
  json.end();
}

}   // namespace

Page page_of(const NeuronOverview& o) {
  Page page{"neurons", "The neurons", o.from};
  page.add(Paragraph{with_commas(std::int64_t{o.layers} * o.neurons) + " neurons over " +
                     with_commas(o.tokens_scanned) + " tokens of " + o.source +
                     ". Peak: how many deviations the strongest moment lies above the mean. "
                     "Token: how much of the variance the token alone explains. glass interp "
                     "neurons show L N tells more "
                     "of one."});
  if (!o.most_selective.empty()) page.add(rows_of("What a token explains best", o.most_selective));
  page.add(rows_of("What rises highest above its mean", o.peaked));
  page.add(rows_of("The most active", o.most_active));
  Table dead{"Dead: never above 0", {"layer", "neurons"}, {}, {Align::right, Align::right}};
  for (std::size_t l = 0; l < o.dead.size(); ++l)
    dead.rows.push_back({std::to_string(l), with_commas(o.dead[l])});
  page.add(std::move(dead));
  return page;
}

void put(Json& json, const NeuronOverview& o) {
  json.field("source", o.source)
      .field("tokens_scanned", o.tokens_scanned)
      .field("layers", o.layers);
  json.field("neurons", o.neurons).field("stale", false).field("file", o.path);
  put_rows(json, "most_selective", o.most_selective);
  put_rows(json, "peaked", o.peaked);
  put_rows(json, "most_active", o.most_active);
  json.field("dead", o.dead);
}

}   // namespace glass
