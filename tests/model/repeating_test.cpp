// Windows in which a passage comes again: how many, where, and that the others stay as they were.
#include "model/repeating.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "engine/base/error.h"
#include "model/batches.h"
#include "tests/model/scratch.h"
#include "tests/model/small_run.h"

namespace glass::test {
namespace {

using testing::HasSubstr;

using Ids = std::vector<std::int32_t>;

constexpr std::int64_t kT = 32;
constexpr int kVocabulary = 5000;

// Tokens that are all different, so that whatever stands there twice was put there.
std::unique_ptr<Samples> counting(std::int64_t B) {
  Ids ids(kVocabulary);
  std::iota(ids.begin(), ids.end(), 0);
  return std::make_unique<Batches>(Tokens(ids), B, kT, 1);
}

struct Window {
  Ids row;                    // T + 1 tokens
  std::size_t repeated = 0;   // of them in the longest passage that stands there twice
};

Window window(const Samples& samples, std::int64_t g) {
  Ids inputs(static_cast<std::size_t>(kT)), targets(inputs.size());
  samples.one(g, inputs, targets);
  EXPECT_TRUE(std::equal(inputs.begin() + 1, inputs.end(), targets.begin()));
  Window w;
  w.row = inputs;
  w.row.resize(inputs.size() + 1, targets.back());
  for (std::size_t i = 0; i < w.row.size(); ++i) {
    for (std::size_t j = i + 1; j < w.row.size(); ++j) {
      std::size_t n = 0;
      while (i + n < j && j + n < w.row.size() && w.row[i + n] == w.row[j + n]) ++n;
      w.repeated = std::max(w.repeated, n);
    }
  }
  return w;
}

TEST(Repeating, APassageComesAgainInTheShareAskedFor) {
  const Repeating samples(counting(1), {.share = 0.3}, kVocabulary, 7);
  const std::unique_ptr<Samples> plain = counting(1);
  int changed = 0;
  for (std::int64_t g = 0; g < 1000; ++g) {
    const Window w = window(samples, g);
    if (w.row == window(*plain, g).row) continue;
    ++changed;
    EXPECT_GE(w.repeated, static_cast<std::size_t>(Repeating::kShortest)) << "window " << g;
    EXPECT_LE(w.repeated, w.row.size() / 2) << "window " << g;
  }
  EXPECT_NEAR(changed, 300, 45) << "three deviations of a coin of 0.3, thrown 1000 times";
}

TEST(Repeating, RandomTokensAreDrawnFromAllOfTheVocabulary) {
  const Repeating samples(counting(1), {.random_share = 1}, kVocabulary, 7);
  std::int32_t least = kVocabulary, most = 0;
  for (std::int64_t g = 0; g < 200; ++g) {
    const Window w = window(samples, g);
    EXPECT_GE(w.repeated, static_cast<std::size_t>(Repeating::kShortest));
    const bool counts = w.row[1] == w.row[0] + 1 && w.row[2] == w.row[1] + 1;
    EXPECT_FALSE(counts) << "window " << g << " is a piece of the corpus";
    least = std::min(least, *std::min_element(w.row.begin(), w.row.end()));
    most = std::max(most, *std::max_element(w.row.begin(), w.row.end()));
  }
  EXPECT_LT(least, kVocabulary / 100);
  EXPECT_GT(most, kVocabulary - kVocabulary / 100);
}

TEST(Repeating, AWindowIsAFunctionOfSeedAndNumber) {
  const Repeating one(counting(1), {0.5, 0.2}, kVocabulary, 7),
      four(counting(4), {0.5, 0.2}, kVocabulary, 7);
  Ids inputs(static_cast<std::size_t>(4 * kT)), targets(inputs.size());
  four.fill(8, inputs, targets);
  for (std::int64_t b = 0; b < 4; ++b) {
    const Ids row = window(one, 8 + b).row;
    EXPECT_TRUE(std::equal(row.begin(), row.end() - 1, inputs.begin() + b * kT)) << b;
  }
}

TEST(Repeating, NeedsRoomForTwo) {
  EXPECT_THAT(
      error_of(
          [] {
            Repeating(std::make_unique<Batches>(Tokens(Ids(100)), 1, 15, 1), {0.5, 0}, 3, 1);
          },
          ExitCode::usage),
      HasSubstr("at least 16 beside --repeat, not 15"));
}

TEST(Repeating, ATrainingRunTakesItAsItTakesAnyWindows) {
  TrainConfig recipe = small_recipe(5);
  GPTConfig config = small_model();
  config.block_size = 16;
  SmallTraining plain(config, recipe);
  recipe.repeat = 0.5, recipe.repeat_random = 0.25;
  SmallTraining some(config, recipe), again(config, recipe);
  EXPECT_NE(plain.trainer.step().loss, some.trainer.step().loss);
  again.trainer.step();
  EXPECT_EQ(some.trainer.step().loss, again.trainer.step().loss);
  EXPECT_EQ(plain.trainer.estimate().val, plain.trainer.estimate().val);
}

}   // namespace
}   // namespace glass::test
