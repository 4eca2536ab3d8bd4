#include "interp/heads/dynamics.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/json_value.h"
#include "engine/base/text.h"
#include "model/run_folder.h"
#include "model/saved_model.h"

namespace glass {
namespace {

constexpr double kEnoughFall = 0.5, kEnoughRise = 0.3;

// The mean of each value and its neighbours: two on each side, fewer where there are few points.
std::vector<double> smooth(const std::vector<double>& y) {
  const auto n = static_cast<std::ptrdiff_t>(y.size());
  const std::ptrdiff_t beside = n >= 15 ? 2 : n >= 7 ? 1 : 0;
  std::vector<double> out;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const std::ptrdiff_t b = std::min({beside, i, n - 1 - i});   // as many on either side
    double sum = 0;
    for (std::ptrdiff_t j = i - b; j <= i + b; ++j) sum += y[static_cast<std::size_t>(j)];
    out.push_back(sum / static_cast<double>(2 * b + 1));
  }
  return out;
}

double end_of(const std::vector<double>& y) {
  const std::size_t last = std::max<std::size_t>(1, y.size() / 20);
  double sum = 0;
  for (std::size_t i = y.size() - last; i < y.size(); ++i) sum += y[i];
  return sum / static_cast<double>(last);
}

Passage passage_of(const std::vector<std::int64_t>& steps, const std::vector<double>& y,
                   double start, double end) {
  Passage p;
  const auto reached = [&](double share) -> std::int64_t {
    for (std::size_t i = 0; i < y.size() && end != start; ++i)
      if ((y[i] - start) / (end - start) >= share) return steps[i];
    return -1;
  };
  p.tenth = reached(0.1), p.half = reached(0.5), p.nine_tenths = reached(0.9);
  return p;
}

// What the run wrote down about its own loss; nothing where there is no such file.
std::vector<Point> losses_in(const std::string& path) {
  std::vector<Point> points;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return points;
  for (const std::string& line : split(read_text_file(path, "the metrics of the run"), '\n')) {
    if (line.empty()) continue;
    const JsonValue row = parse_json(line, path);
    const JsonValue* loss = row.find("loss");
    if (loss && loss->kind == JsonValue::Kind::number)
      points.push_back(
          {static_cast<double>(row.at("step", path).integer(path + ": step", 0, INT64_MAX)),
           loss->number(path + ": loss")});
  }
  return points;
}

// A loss above that of guessing has not fallen, and neither has one that is equal to it.
std::string fall_in_words(double fell) {
  return fell >= 0.005 ? format("fell by %.0f %%", 100 * fell) : "did not fall";
}

}   // namespace

Transition transition_in(const std::vector<std::int64_t>& steps, const std::vector<double>& loss,
                         const std::vector<double>& score, double ln_vocabulary) {
  Transition t;
  if (steps.empty()) return t;
  const std::vector<double> smooth_loss = smooth(loss), smooth_score = smooth(score);
  const double loss_end = end_of(smooth_loss), score_start = smooth_score.front(),
               score_end = end_of(smooth_score);
  t.loss_fell = (ln_vocabulary - loss_end) / ln_vocabulary;
  t.score_rose = score_end - score_start;
  t.loss = passage_of(steps, smooth_loss, ln_vocabulary, loss_end);
  t.score = passage_of(steps, smooth_score, score_start, score_end);
  const bool fell = t.loss_fell > kEnoughFall, rose = t.score_rose > kEnoughRise;
  if (fell && rose && score_end >= kInductionThreshold) {
    t.step = t.score.half;
    t.verdict = format(
        "At step %lld the model went over from guessing to looking back: the best head rose by "
        "%.2f to %.2f at every length, and the loss in the second copy fell by %.0f %%.",
        static_cast<long long>(t.step), t.score_rose, score_end, 100 * t.loss_fell);
  } else if (fell && score_start >= kInductionThreshold) {
    t.verdict =
        "The first checkpoint already has an induction head, so the transition lies before it.";
  } else if (fell) {
    t.verdict = format(
        "The loss in the second copy fell by %.0f %%, but no head looks as an induction head "
        "would: the best one reaches %.2f. The model repeats by other means.",
        100 * t.loss_fell, score_end);
  } else if (rose) {
    t.verdict = format(
        "A head rose by %.2f, but the loss in the second copy %s: the model makes little use of "
        "it.",
        t.score_rose, fall_in_words(t.loss_fell).c_str());
  } else if (steps.size() == 1) {
    t.verdict =
        "There is one checkpoint, and a course takes several: train with --keep 0, which keeps all "
        "of them.";
  } else {
    t.verdict =
        format(
            "There is no transition: the best head rose by %.2f, and the loss in the second copy ",
            t.score_rose) +
        fall_in_words(t.loss_fell) + ".";
  }
  return t;
}

DynamicsResult dynamics_of(const Specimen& specimen, const std::string& folder,
                           const DynamicsOptions& options) {
  if (!is_run_folder(folder))
    fail(UsageError(in_quotes(folder) +
                    " is not the folder of a run: there are no checkpoints in it to "
                    "compare; train with --keep 0 to keep all of them."));
  const GPTConfig& c = specimen.config();
  const SequenceSource source(specimen, options.bos, options.seed);
  DynamicsResult r;
  r.from = specimen.from;
  r.from.seed = static_cast<std::int64_t>(options.seed);
  r.n = chosen_length(source, options.n), r.layers = c.n_layer, r.heads = c.n_head;
  r.uniform_baseline = uniform_score(source, r.n);
  r.ln_vocabulary = std::log(static_cast<double>(c.vocab_size));
  const std::vector<std::int64_t> lengths =
      sweep_lengths(source, r.n, InductionOptions::Sweep::five);
  for (const std::int64_t step : saved_steps(folder)) {
    SavedModel saved = open_model((std::filesystem::path(folder) / checkpoint_name(step)).string(),
                                  specimen.gpt.device(), specimen.gpt.dtype());
    GPT& gpt = gpt_of(*saved.model);
    if (gpt.config().n_layer != c.n_layer || gpt.config().n_head != c.n_head)
      fail(ContentError("the checkpoints in " + in_quotes(folder) + " are not all of one model."));
    const std::vector<Sequence> repeats = many_repeated(source, r.n, options.sequences);
    const PerHead score = match_score(gpt, repeats);
    PerHead least = score;
    for (const std::int64_t N : lengths) {
      if (N == r.n) continue;
      const PerHead other = match_score(gpt, many_repeated(source, N, options.sequences));
      for (std::size_t i = 0; i < least.values.size(); ++i)
        least.values[i] = std::min(least.values[i], other.values[i]);
    }
    const CopyBehaviour behaviour = copy_behaviour(gpt, repeats);
    r.steps.push_back(step);
    r.scores.push_back(score.values);
    r.best.push_back(score.largest()), r.robust.push_back(least.largest());
    r.second_copy_loss.push_back(behaviour.second_loss);
    r.second_copy_accuracy.push_back(behaviour.accuracy);
  }
  if (r.steps.empty())
    fail(UsageError(in_quotes(folder) + " has no checkpoints with a step in their name."));
  r.training_loss = losses_in((std::filesystem::path(folder) / "metrics.jsonl").string());
  r.transition = transition_in(r.steps, r.second_copy_loss, r.robust, r.ln_vocabulary);
  return r;
}

}   // namespace glass
