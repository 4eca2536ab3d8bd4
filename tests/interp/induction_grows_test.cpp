// The real thing: a model of two attention layers learns to look for what came before, and no model
// of one layer does. Small enough to be grown again in every test run; with GLASS_DEEP=1 also the
// run that `glass train induction` makes, for three seeds.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>

#include "interp/change/ablation.h"
#include "interp/change/path.h"
#include "interp/heads/induction.h"
#include "interp/heads/patterns.h"
#include "kernels/backends.h"
#include "model/evaluate.h"
#include "model/random_repeats.h"
#include "model/trainer.h"

namespace glass::test {
namespace {

struct Grown {
  std::unique_ptr<LanguageModel> model;
  Answers answers;   // on repeats at a distance that it never saw
  GPT& gpt() const { return dynamic_cast<GPT&>(*model); }
};

// from: a model of the same shape that knows something already.
Grown grow(const GPTConfig& config, const TrainConfig& recipe, int threads = 1,
           const Grown* from = nullptr) {
  const Dataset data = open_dataset({.source = "induction"});
  Grown grown{make_model(config, make_backend("cpu", "auto", threads), DType::f32,
                         static_cast<std::uint64_t>(recipe.seed)),
              {}};
  for (std::size_t i = 0; from && i < grown.model->parameters().size(); ++i)
    grown.model->parameters()[i]->value = from->model->parameters()[i]->value;
  Trainer trainer(*grown.model, data, recipe);
  while (trainer.steps() < recipe.max_iters) trainer.step();
  grown.answers = answers(*grown.model, HeldOutRepeats(16, config.block_size));
  return grown;
}

Specimen specimen_of(const Grown& grown) { return {grown.gpt(), repeat_tokenizer(), {}}; }

// As `glass interp induction` sees it, without asking what chance would score.
InductionResult scores_of(const Grown& grown) {
  return induction_of(specimen_of(grown), {.random_models = 0});
}

// The connection from a head to a head that brings most of the answer back: "0.1 to 1.0.k".
std::string strongest_between_heads(const PathResult& paths) {
  double most = 0;
  std::string name;
  for (std::size_t r = 0; r < paths.rows.size(); ++r) {
    for (std::size_t c = 0; c < paths.columns.size(); ++c) {
      const bool heads = paths.rows[r][1] == '.' && paths.columns[c][1] == '.';
      if (!heads || !(paths.at(r, c) > most)) continue;   // NaN: no such way
      most = paths.at(r, c), name = paths.rows[r] + " to " + paths.columns[c];
    }
  }
  return name;
}

GPTConfig small(int layers) {
  GPTConfig config = preset("induction");
  config.vocab_size = kRepeatVocabulary;
  config.n_layer = layers, config.n_head = 1, config.n_embd = 32, config.block_size = 32;
  return config;
}

TrainConfig steps(std::int64_t n, std::int64_t seed = 1) {
  TrainConfig recipe = glass::recipe("induction");
  recipe.max_iters = n, recipe.lr_decay_iters = n, recipe.seed = seed;
  return recipe;
}

TEST(InductionHeads, GrowInTwoLayers) {
  const Grown grown = grow(small(2), steps(450));
  EXPECT_GT(grown.answers.accuracy, 0.95) << "of second copies, at a distance never trained on";
  const InductionResult seen = scores_of(grown);
  ASSERT_EQ(seen.scores.size(), 2u);
  const InductionScore &best = seen.scores[0], &other = seen.scores[1];
  EXPECT_EQ(best.name(), "1.0") << "the second layer looks behind the first copy";
  EXPECT_GT(best.robust, 0.7) << "at every length";
  EXPECT_GT(best.gap, 0.7) << "also where the distance is drawn by chance";
  EXPECT_GT(best.copy, 1) << "deviations: it speaks for what it finds";
  EXPECT_LT(best.positional, 0.5);
  EXPECT_LT(other.score, 0.1) << "the first layer cannot know where that is";

  const Specimen specimen = specimen_of(grown);
  const AblationResult without = ablation_of(specimen, {});
  EXPECT_GT(without.each[0].change, 1) << "nats of the second copy, without 0.0";
  EXPECT_GT(without.each[1].change, 1) << "nats of the second copy, without 1.0";

  const Task task = induction_task(specimen, 16, 1);
  const auto path = [&](const char* receiver) {
    return paths_of(specimen, task, {.sender = "0.0", .receiver = receiver}).at(0, 0);
  };
  EXPECT_GT(path("1.0.k"), 0.6) << "of the answer: 1.0 finds the place by what 0.0 wrote there";
  EXPECT_LT(std::abs(path("1.0.q")), 0.2);
  EXPECT_LT(std::abs(path("1.0.v")), 0.2);
}

TEST(InductionHeads, DoNotGrowInOneLayer) {
  const Grown grown = grow(small(1), steps(450));
  EXPECT_LT(grown.answers.accuracy, 0.3);
  const InductionResult seen = scores_of(grown);
  EXPECT_LT(seen.scores[0].score, 0.2)
      << "half of what would count; all alike: " << seen.uniform_baseline;
}

TEST(InductionHeads, AreTheSameForAnyNumberOfThreads) {
  const Grown one = grow(small(2), steps(20), 1), two = grow(small(2), steps(20), 2);
  for (std::size_t i = 0; i < one.model->parameters().size(); ++i) {
    EXPECT_EQ(one.model->parameters()[i]->value.to_host(),
              two.model->parameters()[i]->value.to_host())
        << one.model->parameters()[i]->name;
  }
}

// Heads that see 16 places find repeats that are 30 away in two jumps, and keep jumping when they
// see all: always right, and no head looks where one would expect.
TEST(InductionHeads, AreNotNeededByAModelThatGrewUpBehindAWindow) {
  GPTConfig config = small(2);
  config.n_head = 2, config.block_size = 64, config.window = 16;
  const Grown grown_up = grow(config, steps(700));
  EXPECT_GT(grown_up.answers.accuracy, 0.95) << "of repeats that no head can see";
  config.window = 0;
  const Grown grown = grow(config, steps(150), 1, &grown_up);
  EXPECT_GT(grown.answers.accuracy, 0.95);

  const Specimen specimen = specimen_of(grown);
  const InductionResult seen = scores_of(grown);
  EXPECT_LT(seen.scores[0].score, seen.uniform_baseline) << "less than looking everywhere alike";
  std::vector<Sequence> sequences =
      many_repeated(SequenceSource(specimen, Bos::automatic, 1), seen.n, 8);
  double most = 0;
  int further = 0;
  for (int places = 1; places < 16; ++places) {
    for (Sequence& s : sequences)
      for (Match& match : s.matches) ++match.target;
    const double share = match_score(grown.gpt(), sequences).largest();
    if (share > most) most = share, further = places;
  }
  EXPECT_GT(most, 0.5) << "of its attention is " << further << " places further";
  EXPECT_GT(further, 8) << "most of a jump";

  const PathResult paths = paths_of(specimen, induction_task(specimen, 16, 1), {});
  EXPECT_EQ(strongest_between_heads(paths).back(), 'k') << strongest_between_heads(paths);
}

// One seed in every run of the tests, three with GLASS_DEEP=1, which takes a minute.
TEST(InductionHeads, GrowForEverySeedInTheRunOfTheCommand) {
  GPTConfig config = preset("induction");
  config.vocab_size = kRepeatVocabulary;
  const std::int64_t seeds = std::getenv("GLASS_DEEP") == nullptr ? 1 : 3;
  for (std::int64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const TrainConfig recipe = steps(glass::recipe("induction").max_iters, seed);
    const Grown grown = grow(config, recipe, 2);
    EXPECT_GE(grown.answers.accuracy, 0.95);
    const InductionResult seen = scores_of(grown);
    const InductionScore& best = seen.scores[0];
    EXPECT_EQ(seen.n, 30);
    EXPECT_GE(best.score, 0.8);
    EXPECT_GE(best.robust, 0.7) << "the least of the lengths "
                                << testing::PrintToString(seen.lengths);
    EXPECT_GE(best.gap, 0.7);
    EXPECT_GT(best.copy, 0);
    EXPECT_GE(seen.second_copy_accuracy, 0.95);
    const Specimen specimen = specimen_of(grown);
    const AblationOptions team{.parts = parts_of("1.*", Part::Kind::head, config)};
    EXPECT_GT(ablation_of(specimen, team).change.change, 1) << "nats, without the second layer";
    const PathResult paths = paths_of(specimen, induction_task(specimen, 16, 1), {});
    EXPECT_EQ(strongest_between_heads(paths).back(), 'k') << strongest_between_heads(paths);
    GPTConfig twin = config;
    twin.n_layer = 1;
    EXPECT_LT(scores_of(grow(twin, recipe, 2)).scores[0].score, 0.1) << "one layer";
  }
}

}   // namespace
}   // namespace glass::test
