// What glass interp dynamics shows.
#include <algorithm>
#include <cmath>

#include "engine/base/text.h"
#include "interp/heads/dynamics.h"

namespace glass {
namespace {

std::string head_name(const DynamicsResult& r, std::size_t i) {
  const auto H = static_cast<std::size_t>(r.heads);
  return std::to_string(i / H) + "." + std::to_string(i % H);
}

Series line(const DynamicsResult& r, const std::string& name, const std::vector<double>& y,
            Colour colour) {
  Series series{name, {}, colour, Emphasis::normal};
  for (std::size_t i = 0; i < y.size(); ++i)
    series.points.push_back({static_cast<double>(r.steps[i]), y[i]});
  return series;
}

// A line from bottom to top where the transition is.
void mark(Chart& chart, const DynamicsResult& r, double top) {
  if (r.transition.step < 0) return;
  const auto x = static_cast<double>(r.transition.step);
  chart.series.push_back({"", {{x, 0}, {x, top}}, kFadedInk, Emphasis::faint});
}

// The heads that score highest at the end.
std::vector<std::size_t> leaders(const DynamicsResult& r) {
  std::vector<std::size_t> order(r.scores.back().size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return r.scores.back()[a] > r.scores.back()[b];
  });
  return order;
}

Chart scores(const DynamicsResult& r) {
  Chart chart;
  chart.title = "Induction score";
  chart.subtitle =
      "attention to the token behind the earlier occurrence, of the heads that end highest";
  chart.x_label = "step", chart.y_label = "score", chart.x_grain = Grain::whole;
  chart.y_range = Range{0, 1};
  const std::vector<std::size_t> order = leaders(r);
  const Colour colours[] = {kBlue, kVermilion, kGreen};
  for (std::size_t i = 0; i < std::min<std::size_t>(3, order.size()); ++i) {
    std::vector<double> y;
    for (const auto& step : r.scores) y.push_back(step[order[i]]);
    chart.series.push_back(line(r, head_name(r, order[i]), y, colours[i]));
  }
  chart.series.push_back(line(r, "best, least of all lengths", r.robust, kPurple));
  chart.references = {{"threshold", kInductionThreshold}, {"everywhere alike", r.uniform_baseline}};
  mark(chart, r, 1);
  return chart;
}

Chart losses(const DynamicsResult& r) {
  Chart chart;
  chart.title = "Loss";
  chart.subtitle = "in the second copy of random repeats, and of the run itself";
  chart.x_label = "step", chart.y_label = "loss (nats)", chart.x_grain = Grain::whole;
  chart.series = {line(r, "second copy", r.second_copy_loss, kVermilion)};
  if (!r.training_loss.empty())
    chart.series.push_back({"training", r.training_loss, kBlue, Emphasis::faint});
  chart.references = {{"ln V", r.ln_vocabulary}};
  mark(chart, r, r.ln_vocabulary);
  return chart;
}

Heatmap heads_by_step(const DynamicsResult& r) {
  Heatmap map{"Score of every head", "head", "step", {}, {}, {}};
  // As many columns as one can tell apart.
  const std::size_t every = (r.steps.size() + 39) / 40;
  for (std::size_t i = 0; i < r.steps.size(); i += every)
    map.columns.push_back(std::to_string(r.steps[i]));
  for (std::size_t h = 0; h < r.scores.front().size(); ++h) {
    map.rows.push_back(head_name(r, h));
    for (std::size_t i = 0; i < r.steps.size(); i += every) map.values.push_back(r.scores[i][h]);
  }
  map.range = Range{0, 1}, map.unit = "score";
  return map;
}

void put_passage(Json& json, const char* name, const Passage& p) {
  const auto step = [&](const char* key, std::int64_t value) {
    json.key(key);
    if (value < 0) json.null();
    else json.value(value);
  };
  json.key(name).object();
  step("tenth", p.tenth), step("half", p.half), step("nine_tenths", p.nine_tenths);
  json.end();
}

}   // namespace

Page page_of(const DynamicsResult& r) {
  Page page{"dynamics", "When did it learn to look back?", r.from};
  page.add(Paragraph{r.transition.verdict});
  if (r.transition.step >= 0 && r.transition.loss.half >= 0)
    page.add(Paragraph{format(
        "The score is a tenth, half and nine tenths of its way up at steps %lld, %lld and %lld; "
        "the loss is as far down at %lld, %lld and %lld.",
        static_cast<long long>(r.transition.score.tenth),
        static_cast<long long>(r.transition.score.half),
        static_cast<long long>(r.transition.score.nine_tenths),
        static_cast<long long>(r.transition.loss.tenth),
        static_cast<long long>(r.transition.loss.half),
        static_cast<long long>(r.transition.loss.nine_tenths))});
  page.add(scores(r)).add(losses(r)).add(heads_by_step(r));
  page.add(Paragraph{
      format("%zu checkpoints, each asked with random repeats of %lld tokens and of shorter ones.",
             r.steps.size(), static_cast<long long>(r.n))});
  return page;
}

void put(Json& json, const DynamicsResult& r) {
  json.field("n", r.n).field("layers", r.layers).field("heads", r.heads);
  json.field("steps", r.steps)
      .field("scores", r.scores)
      .field("best", r.best)
      .field("robust", r.robust);
  json.field("second_copy_loss", r.second_copy_loss)
      .field("second_copy_accuracy", r.second_copy_accuracy);
  json.field("uniform_baseline", r.uniform_baseline).field("ln_vocabulary", r.ln_vocabulary);
  json.key("transition_step");
  if (r.transition.step < 0) json.null();
  else json.value(r.transition.step);
  json.key("transition").object().field("verdict", r.transition.verdict);
  json.field("loss_fell", r.transition.loss_fell).field("score_rose", r.transition.score_rose);
  put_passage(json, "loss", r.transition.loss);
  put_passage(json, "score", r.transition.score);
  json.end();
}

}   // namespace glass
