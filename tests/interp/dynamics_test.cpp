// When a run learned to look back: the detector on curves that somebody drew, and a run folder
// whose checkpoints are known circuits.
#include "interp/heads/dynamics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/error.h"
#include "kernels/backends.h"
#include "model/handmade.h"
#include "model/run_folder.h"
#include "tests/scratch.h"

namespace glass {
namespace {

using ::testing::HasSubstr;

constexpr double kLnV = 4.16;

// 40 points, 25 steps apart, that go from one number to another around a point in time.
std::vector<std::int64_t> steps() {
  std::vector<std::int64_t> all;
  for (int i = 0; i < 40; ++i) all.push_back(25 * i);
  return all;
}
std::vector<double> curve(double from, double to, double when) {
  std::vector<double> y;
  for (const std::int64_t step : steps())
    y.push_back(from + (to - from) / (1 + std::exp(-(static_cast<double>(step) - when) / 30)));
  return y;
}

TEST(Dynamics, FindsTheStepAtWhichBothCurvesTurn) {
  const Transition t = transition_in(steps(), curve(kLnV, 0.2, 490), curve(0.02, 0.9, 440), kLnV);
  EXPECT_EQ(t.step, 450) << "the first point behind half way up";
  EXPECT_EQ(t.loss.half, 500);
  EXPECT_LT(t.score.tenth, t.score.half);
  EXPECT_LT(t.score.half, t.score.nine_tenths);
  EXPECT_NEAR(t.loss_fell, 1 - 0.2 / kLnV, 1e-3);
  EXPECT_NEAR(t.score_rose, 0.88, 1e-3);
  EXPECT_THAT(t.verdict, HasSubstr("At step 450"));
}

TEST(Dynamics, DoesNotCallEveryChangeATransition) {
  const auto verdict = [](const std::vector<double>& loss, const std::vector<double>& score) {
    const Transition t = transition_in(steps(), loss, score, kLnV);
    EXPECT_EQ(t.step, -1);
    return t.verdict;
  };
  EXPECT_THAT(verdict(curve(kLnV, 0.2, 500), curve(0.02, 0.1, 500)), HasSubstr("by other means"));
  EXPECT_THAT(verdict(curve(kLnV, 0.2, 500), curve(0.02, 0.36, 500)), HasSubstr("by other means"))
      << "a rise of 0.34 to a score that deserves no name";
  EXPECT_THAT(verdict(curve(kLnV, 3, 500), curve(0.02, 0.9, 500)), HasSubstr("makes little use"));
  EXPECT_THAT(verdict(curve(kLnV, 3.9, 500), curve(0.02, 0.03, 500)), HasSubstr("no transition"));
  EXPECT_THAT(verdict(curve(kLnV, kLnV + 0.01, 500), curve(0.02, 0.03, 500)),
              HasSubstr("did not fall"));
  EXPECT_THAT(verdict(curve(0.3, 0.2, 500), curve(0.8, 0.9, 500)), HasSubstr("first checkpoint"));
}

TEST(Dynamics, OneSpikeIsNoTransition) {
  std::vector<double> loss = curve(kLnV, kLnV, 1), score = curve(0.02, 0.02, 1);
  loss[20] = 0, score[20] = 1;
  const Transition t = transition_in(steps(), loss, score, kLnV);
  EXPECT_EQ(t.step, -1);
  EXPECT_EQ(transition_in({}, {}, {}, kLnV).step, -1);
  EXPECT_EQ(transition_in({5}, {3}, {0.1}, kLnV).step, -1);
  EXPECT_THAT(transition_in({5}, {3}, {0.1}, kLnV).verdict, HasSubstr("--keep 0"))
      << "one checkpoint shows no course";
}

// The same circuit, less and more sure of what it looks at.
void save(RunFolder& folder, std::int64_t step, double sharp) {
  HandmadeOptions options;
  options.sharp = sharp, options.context = 64, options.symbols = 40;
  folder.save(step, handmade_checkpoint(options));
}

TEST(Dynamics, FollowTheHeadsOfARun) {
  const test::Scratch scratch;
  {
    RunFolder folder(scratch / "run", {.keep = 0});
    for (int i = 0; i < 3; ++i) save(folder, 10 * i, 0);
    for (int i = 3; i < 6; ++i) save(folder, 10 * i, 20);
  }
  scratch.write("run/metrics.jsonl",
                "{\"step\": 0, \"loss\": 3.7}\n{\"step\": 50, \"val_loss\": 1}\n");
  HandmadeOptions options;
  options.context = 64, options.symbols = 40;
  const auto gpt = make_handmade(options, make_backend("cpu", "auto", 1));
  const Specimen specimen{*gpt, symbols_tokenizer(40), {}};
  DynamicsOptions how;
  how.sequences = 2;
  const DynamicsResult r = dynamics_of(specimen, scratch / "run", how);
  EXPECT_THAT(r.steps, ::testing::ElementsAre(0, 10, 20, 30, 40, 50));
  EXPECT_NEAR(r.scores[0][4], r.uniform_baseline, 1e-6);
  EXPECT_NEAR(r.scores[5][4], 1, 1e-6);
  EXPECT_EQ(r.second_copy_accuracy[5], 1);
  EXPECT_EQ(r.transition.step, 30);
  ASSERT_EQ(r.training_loss.size(), 1u) << "a line without a loss says nothing";
  EXPECT_EQ(r.training_loss[0].y, 3.7);
  Json json;
  json.object();
  put(json, r);
  json.end();
  EXPECT_THAT(json.text(), HasSubstr("\"transition_step\": 30"));
  EXPECT_EQ(page_of(r).figures.size(), 6u);
}

TEST(Dynamics, TakesTheFolderOfARunAndNothingElse) {
  const test::Scratch scratch;
  const auto gpt = make_handmade({}, make_backend("cpu", "auto", 1));
  const Specimen specimen{*gpt, nullptr, {}};
  EXPECT_THROW(dynamics_of(specimen, scratch.path()), UsageError);
  EXPECT_THROW(dynamics_of(specimen, scratch / "nowhere"), UsageError);
}

}   // namespace
}   // namespace glass
