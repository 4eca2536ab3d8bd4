// The real thing: a model of two attention layers learns to look for what came before, and no model
// of one layer does. Small enough to be grown again in every test run; with GLASS_DEEP=1 also the
// run that `glass train induction` makes, for three seeds.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "interp/heads/induction.h"
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

Grown grow(const GPTConfig& config, const TrainConfig& recipe, int threads = 1) {
  const Dataset data = open_dataset({.source = "induction"});
  Grown grown{make_model(config, make_backend("cpu", "auto", threads), DType::f32,
                         static_cast<std::uint64_t>(recipe.seed)),
              {}};
  Trainer trainer(*grown.model, data, recipe);
  while (trainer.steps() < recipe.max_iters) trainer.step();
  grown.answers = answers(*grown.model, HeldOutRepeats(16, config.block_size));
  return grown;
}

// As `glass interp induction` sees it, without asking what chance would score.
InductionResult scores_of(const Grown& grown) {
  return induction_of({grown.gpt(), repeat_tokenizer(), {}}, {.random_models = 0});
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

TEST(InductionHeads, GrowForEverySeedInTheRunOfTheCommand) {
  if (std::getenv("GLASS_DEEP") == nullptr) GTEST_SKIP() << "GLASS_DEEP=1 grows them in a minute";
  GPTConfig config = preset("induction");
  config.vocab_size = kRepeatVocabulary;
  for (const std::int64_t seed : {1, 2, 3}) {
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
    GPTConfig twin = config;
    twin.n_layer = 1;
    EXPECT_LT(scores_of(grow(twin, recipe, 2)).scores[0].score, 0.1) << "one layer";
  }
}

}   // namespace
}   // namespace glass::test
