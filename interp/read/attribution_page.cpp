// How an attribution is shown.
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/text.h"
#include "interp/read/attribution.h"

namespace glass {
namespace {

constexpr std::size_t kMostBars = 24;

std::string question(const AttributionResult& r) {
  return r.foil_name.empty() ? "the logit of " + r.target_name
                             : "the logit of " + r.target_name + " minus that of " + r.foil_name;
}

// The parts with the largest shares, in the order in which they write; each bar says how far the
// sum has come.
Bars waterfall(const AttributionResult& r) {
  std::vector<double> sizes;
  for (const AttributionPart& p : r.parts) sizes.push_back(std::abs(p.value));
  std::sort(sizes.begin(), sizes.end(), std::greater<>());
  const bool all = sizes.size() <= kMostBars;
  const double least = all ? 0 : sizes[kMostBars - 1];
  Bars bars{"Shares in " + question(r), "logits", {}};
  double sum = 0, other = 0;
  int others = 0;
  const auto add = [&](const std::string& name, double value) {
    sum += value;
    bars.bars.push_back({name, value, "sum " + format("%.3f", sum)});
  };
  for (const AttributionPart& p : r.parts) {
    if (all || std::abs(p.value) >= least) add(p.name, p.value);
    else other += p.value, ++others;
  }
  if (others > 0) add(std::to_string(others) + " others", other);
  add("constant", r.constant);
  return bars;
}

Heatmap heads(const AttributionResult& r) {
  Heatmap map{"By head", "layer", "head", {}, {}};
  for (int l = 0; l < r.layers; ++l) map.rows.push_back(std::to_string(l));
  for (int h = 0; h < r.heads; ++h) map.columns.push_back(std::to_string(h));
  for (const AttributionPart& p : r.parts)
    if (p.kind == AttributionPart::Kind::head) map.values.push_back(p.value);
  map.colours = Heatmap::Colours::diverging;
  map.numbers = Heatmap::Numbers::shown;
  map.unit = "logits";
  return map;
}

Table neurons(const AttributionResult& r) {
  Table table{"Mlp " + std::to_string(r.mlp) + " by neuron", {"neuron", "activation", "share"}, {}};
  table.align = {Align::left, Align::right, Align::right};
  for (const AttributionResult::Neuron& n : r.neurons)
    table.rows.push_back({std::to_string(r.mlp) + "." + std::to_string(n.index),
                          format("%.3f", n.activation), format("%+.4f", n.value)});
  table.rows.push_back({"all others, and the bias", "", format("%+.4f", r.other_neurons)});
  return table;
}

std::string conclusion(const AttributionResult& r) {
  const auto most = std::max_element(
      r.parts.begin(), r.parts.end(),
      [](const auto& a, const auto& b) { return std::abs(a.value) < std::abs(b.value); });
  return "The shares add up to " + format("%.4f", r.sum()) + ", and the model says " +
         format("%.4f", r.logit) + ". The largest one, " + format("%+.3f", most->value) +
         ", is that of " + most->name + ".";
}

}   // namespace

Page page_of(const AttributionResult& r) {
  Page page{"attribute", "Who wrote this logit?", r.from};
  page.add(
      Paragraph{"After \"" + r.tokens.back() + "\", what is asked about is " + question(r) +
                ". Every part of the model wrote something into the stream; a bar is what the head "
                "reads of it. That is the direct way: what a part does through later parts is in "
                "their shares."});
  page.add(waterfall(r));
  page.add(Paragraph{conclusion(r)});
  page.add(heads(r));
  Strip strip{
      "Head " + std::to_string(r.head_layer) + "." + std::to_string(r.head) + " by where it looked",
      r.tokens, r.by_source};
  strip.colours = Heatmap::Colours::diverging;
  page.add(std::move(strip));
  if (r.mlp >= 0) page.add(neurons(r));
  return page;
}

void put(Json& json, const AttributionResult& r) {
  json.field("tokens", r.tokens).key("target").object();
  json.field("id", r.target).field("token", r.target_name).end();
  if (r.foil < 0) json.key("foil").null();
  else json.key("foil").object().field("id", r.foil).field("token", r.foil_name).end();
  json.key("components").array();
  for (const AttributionPart& p : r.parts)
    json.object().field("name", p.name).field("value", p.value).end();
  json.end().field("constant", r.constant).field("sum", r.sum()).field("logit", r.logit);
  json.key("sources").object().field("layer", r.head_layer).field("head", r.head);
  json.field("values", r.by_source).end();
  if (r.mlp < 0) {
    json.key("neurons").null();
    return;
  }
  json.key("neurons").object().field("layer", r.mlp).key("top").array();
  for (const AttributionResult::Neuron& n : r.neurons) {
    json.object().field("index", n.index).field("activation", n.activation);
    json.field("value", n.value).end();
  }
  json.end().field("others", r.other_neurons).end();
}

}   // namespace glass
