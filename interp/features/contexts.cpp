#include "interp/features/contexts.h"

#include <algorithm>
#include <cmath>

#include "engine/base/text.h"

namespace glass {

NeuronContext context_of(const Specimen& specimen, std::span<const std::int32_t> text,
                         std::int64_t T, const Moment& moment, std::span<const double> values,
                         int before, int after) {
  const std::int64_t window = moment.position / T * T;
  const std::int64_t first = std::max(window, moment.position - before),
                     last = std::min(window + T - 1, moment.position + after);
  NeuronContext c{moment.value, moment.position, first == window, "", {}, {}, {}};
  for (std::int64_t i = first; i <= last; ++i) {
    const std::string label = specimen.label(text[static_cast<std::size_t>(i)]);
    c.values.push_back(values[static_cast<std::size_t>(i - window)]);
    if (i == moment.position) c.token = label;
    else (i < moment.position ? c.before : c.after).push_back(label);
  }
  return c;
}

void add_contexts(Page& page, const std::string& title,
                  const std::vector<NeuronContext>& contexts) {
  double most = 0, least = 0;
  for (const NeuronContext& c : contexts) {
    for (const double v : c.values) most = std::max(most, std::abs(v)), least = std::min(least, v);
  }
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    const NeuronContext& c = contexts[i];
    Strip strip{i == 0 ? title : "", {}, {}};
    strip.title += (strip.title.empty() ? "" : ". ") +
                   format("%.3f at token %lld", c.value, static_cast<long long>(c.position));
    if (c.window_begins) {
      strip.tokens.push_back("|");
      strip.values.push_back(std::nan(""));
    }
    strip.tokens.insert(strip.tokens.end(), c.before.begin(), c.before.end());
    strip.tokens.push_back(c.token);
    strip.tokens.insert(strip.tokens.end(), c.after.begin(), c.after.end());
    strip.values.insert(strip.values.end(), c.values.begin(), c.values.end());
    // What is never below zero, as a sparse feature, needs no second colour.
    if (least < 0) strip.colours = Heatmap::Colours::diverging;
    strip.range = Range{least < 0 ? -most : 0, most};
    strip.last = i + 1 == contexts.size();
    page.add(std::move(strip));
  }
}

void put_contexts(Json& json, const std::string& name, const std::vector<NeuronContext>& contexts) {
  json.key(name).array();
  for (const NeuronContext& c : contexts) {
    json.object().field("value", c.value).field("position", c.position).field("token", c.token);
    json.field("before", c.before).field("after", c.after).field("values", c.values);
    json.field("window_begins", c.window_begins).end();
  }
  json.end();
}

Figure histogram_figure(const std::string& title, std::span<const std::int64_t> counts, double low,
                        double high) {
  Chart chart;
  chart.title = title;
  chart.x_label = "activation";
  chart.y_label = "log10(1 + tokens)";
  Series series{"", {}};
  const double width = (high - low) / static_cast<double>(counts.size());
  for (std::size_t b = 0; b < counts.size(); ++b) {
    const double y = std::log10(1 + static_cast<double>(counts[b])),
                 x = low + static_cast<double>(b) * width;
    series.points.push_back({x, y});
    series.points.push_back({x + width, y});
  }
  chart.series.push_back(std::move(series));
  chart.height = 240;
  return chart;
}

Figure effects_figure(const std::string& title, const std::vector<LogitEffect>& up,
                      const std::vector<LogitEffect>& down) {
  Bars bars{title, "logits, up to a scale", {}};
  for (const LogitEffect& e : up) bars.bars.push_back({e.token, e.effect});
  for (auto e = down.rbegin(); e != down.rend(); ++e) bars.bars.push_back({e->token, e->effect});
  return bars;
}

void put_effects(Json& json, const std::string& name, const std::vector<LogitEffect>& effects) {
  json.key(name).array();
  for (const LogitEffect& e : effects)
    json.object().field("id", e.id).field("token", e.token).field("effect", e.effect).end();
  json.end();
}

}   // namespace glass
