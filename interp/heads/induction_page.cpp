// What glass interp induction shows.
#include <algorithm>

#include "engine/base/text.h"
#include "interp/heads/induction.h"

namespace glass {
namespace {

std::string conclusion(const InductionResult& r) {
  const InductionScore& best = r.scores.front();
  std::vector<std::string> found, against;
  for (const InductionScore& s : r.scores) {
    if (s.label == "induction head") found.push_back(s.name());
    if (s.label == "anti-induction head") against.push_back(s.name());
  }
  std::string text;
  if (found.size() == 1) text = "Head " + found.front() + " is an induction head";
  if (found.size() > 1) text = "Heads " + list_of(found, "and") + " are induction heads";
  if (!found.empty()) {
    const InductionScore& s = *std::find_if(r.scores.begin(), r.scores.end(), [](const auto& one) {
      return one.label == "induction head";
    });
    text += format(
        ": from a token that came before, %s spends %.3f of its attention on the token behind the "
        "earlier one (looking everywhere alike: %.3f), at least %.3f at every length from %lld to "
        "%lld and %.3f where the copy moves; position alone explains %.2f of it, and what it "
        "writes has the right token in first place %.0f %% of the time.",
        s.name().c_str(), s.score, r.uniform_baseline, s.robust,
        static_cast<long long>(r.lengths.front()), static_cast<long long>(r.lengths.back()), s.gap,
        s.positional, 100 * s.first);
  } else {
    text = "No head is an induction head. The highest score is that of " + best.name() +
           format(": %.3f (looking everywhere alike: %.3f). It ", best.score, r.uniform_baseline) +
           best.verdict + ".";
  }
  for (const InductionScore& s : r.scores)
    if (s.score >= r.threshold && s.label.empty() && &s != &best)
      text += " " + s.name() + " scores high too, but it " + s.verdict + ".";
  if (!against.empty())
    text += " " + list_of(against, "and") + (against.size() == 1 ? " finds" : " find") +
            " the right token too and " + (against.size() == 1 ? "speaks" : "speak") +
            " against it.";
  return text;
}

std::string behaviour(const InductionResult& r) {
  std::string text = format(
      "The model itself continues the second copy correctly %.1f %% of the time; its loss is "
      "%.3f nats there and %.3f in the first copy.",
      100 * r.second_copy_accuracy, r.second_copy_loss, r.first_copy_loss);
  const bool found = std::any_of(r.scores.begin(), r.scores.end(),
                                 [](const auto& s) { return s.label == "induction head"; });
  if (!found && r.second_copy_accuracy > 0.5)
    text +=
        " So it solves the task all the same, without a head that looks as one would expect: ask "
        "glass interp circuit where the answer comes from.";
  if (found && r.second_copy_accuracy < 0.5)
    text += " So the head finds the token, but the model makes little use of it.";
  return text;
}

std::string how_measured(const InductionResult& r) {
  std::string text = format(
      "Measured on %d sequences of %lld random tokens that come twice%s, seed %lld", r.sequences,
      static_cast<long long>(r.n), r.bos ? ", behind the token that begins a text" : "",
      static_cast<long long>(r.from.seed));
  if (r.shortened)
    text +=
        "; 30 would be usual, but there is no room for more in what this model reads, sees or "
        "knows";
  text += ". ";
  if (r.chance.models > 0)
    text += format(
        "z counts deviations above the heads of %d models with random weights (%.3f +- %.4f). ",
        r.chance.models, r.chance.mean, r.chance.deviation);
  text +=
      "robust: the least over all lengths; gap: the copy at a distance drawn by chance; copy: how "
      "far the head lifts the right token over the others";
  if (r.post_norm) text += ", past the norms behind the blocks, which are left out";
  return text + "; P: the share that position alone explains.";
}

Table table(const InductionResult& r) {
  Table t{"All heads",
          {"head", "what it is", "score", "robust", "gap", "copy", "first", "P", "z"},
          {},
          {}};
  t.align.assign(t.columns.size(), Align::right);
  t.align[0] = t.align[1] = Align::left;
  const std::size_t rows = std::min<std::size_t>(r.scores.size(), 24);
  for (std::size_t i = 0; i < rows; ++i) {
    const InductionScore& s = r.scores[i];
    t.rows.push_back({s.name(), s.label.empty() ? "-" : s.label, format("%.3f", s.score),
                      format("%.3f", s.robust), format("%.3f", s.gap), format("%.2f", s.copy),
                      format("%.0f %%", 100 * s.first), format("%.2f", s.positional),
                      r.chance.models > 0 ? format("%.1f", s.z) : "-"});
  }
  return t;
}

Chart sweep(const InductionResult& r) {
  Chart chart;
  chart.title = "The same for other lengths";
  chart.subtitle =
      "an induction head does not care how long the copy is; a head that looks at a fixed distance "
      "does";
  chart.x_label = "tokens in a copy";
  chart.y_label = "score";
  chart.y_range = Range{0, 1};
  chart.x_grain = Grain::whole;
  const Colour colours[] = {kBlue, kVermilion, kGreen};
  const auto line = [&](const std::string& name, const std::vector<double>& values, Colour colour) {
    Series series{name, {}, colour, Emphasis::normal};
    for (std::size_t i = 0; i < values.size(); ++i)
      series.points.push_back({static_cast<double>(r.lengths[i]), values[i]});
    chart.series.push_back(std::move(series));
  };
  for (std::size_t i = 0; i < std::min<std::size_t>(3, r.scores.size()); ++i)
    line(r.scores[i].name(), r.scores[i].sweep, colours[i]);
  line("everywhere alike", r.uniform, kFadedInk);
  chart.references = {{"threshold", r.threshold}};
  return chart;
}

}   // namespace

Page page_of(const InductionResult& r) {
  Page page{"induction", "Is there an induction head?", r.from};
  page.add(Paragraph{conclusion(r)}).add(Paragraph{behaviour(r)});
  Bars bars{"Attention to the token behind the earlier occurrence", "share of attention", {}, {}};
  for (std::size_t i = 0; i < std::min<std::size_t>(r.scores.size(), 12); ++i)
    bars.bars.push_back({r.scores[i].name(), r.scores[i].score, r.scores[i].label});
  bars.references = {{"everywhere alike", r.uniform_baseline}, {"threshold", r.threshold}};
  page.add(std::move(bars));

  Heatmap map{"Score by layer and head", "layer", "head", {}, {}};
  map.values.resize(static_cast<std::size_t>(r.layers * r.heads));
  for (std::int64_t l = 0; l < r.layers; ++l) map.rows.push_back(std::to_string(l));
  for (std::int64_t h = 0; h < r.heads; ++h) map.columns.push_back(std::to_string(h));
  for (const InductionScore& s : r.scores)
    map.values[static_cast<std::size_t>(s.layer * r.heads + s.head)] = s.score;
  map.range = Range{0, 1}, map.numbers = Heatmap::Numbers::shown, map.unit = "score";
  page.add(std::move(map)).add(sweep(r)).add(table(r));

  Heatmap pattern{
      "Where head " + r.scores.front().name() + " looks in the repeat, mean of all sequences",
      "query",
      "key",
      r.labels,
      r.labels,
      r.best_pattern};
  pattern.range = Range{0, 1}, pattern.unit = "attention";
  page.add(std::move(pattern));
  page.add(Paragraph{how_measured(r)});
  return page;
}

void put(Json& json, const InductionResult& r) {
  json.field("n", r.n).field("sequences", r.sequences).field("bos", r.bos);
  json.field("layers", r.layers).field("heads", r.heads);
  json.field("uniform_baseline", r.uniform_baseline).field("threshold", r.threshold);
  json.field("second_copy_accuracy", r.second_copy_accuracy);
  json.field("second_copy_loss", r.second_copy_loss).field("first_copy_loss", r.first_copy_loss);
  json.key("chance").object();
  json.field("mean", r.chance.mean)
      .field("deviation", r.chance.deviation)
      .field("models", r.chance.models)
      .end();
  json.field("lengths", r.lengths).field("uniform", r.uniform);
  json.key("scores").array();
  for (const InductionScore& s : r.scores) {
    json.object().field("layer", s.layer).field("head", s.head).field("score", s.score);
    json.field("robust", s.robust)
        .field("gap", s.gap)
        .field("copy", s.copy)
        .field("first", s.first);
    json.field("positional", s.positional).field("z", s.z).field("sweep", s.sweep);
    json.field("label", s.label).field("verdict", s.verdict).end();
  }
  json.end();
}

}   // namespace glass
