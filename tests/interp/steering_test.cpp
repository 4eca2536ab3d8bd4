// Steering against what must happen: nothing at strength 0, the other text's answer where one
// stream is turned into the other, and the token whose own direction is added, where it is added a
// lot.
#include "interp/change/steering.h"

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "interp/heads/weights.h"
#include "tests/engine/devices.h"

namespace glass {
namespace {

struct Scene {
  std::unique_ptr<LanguageModel> model;
  Specimen specimen;
  Scene()
      : model([] {
          GPTConfig c = preset("gpt2");
          c.vocab_size = 11, c.block_size = 12, c.n_layer = 2, c.n_head = 2, c.n_embd = 16;
          return make_model(c, testing::cpu(), DType::f32, 3);
        }()),
        specimen{gpt_of(*model), nullptr, {}} {
    for (Parameter* p : model->parameters())
      if (p->value.rank() == 2) p->value = (p->value * 5.0).detach();
  }
};

const std::vector<std::int32_t> kPrompt = {3, 1, 4}, kOther = {3, 1, 5};

SteerOptions careful(std::vector<double> strengths) {
  SteerOptions o{.strengths = std::move(strengths), .tokens = 20, .samples = 2};
  return o;
}

TEST(Steering, ByNothingChangesNothing) {
  const Scene s;
  const SteeringVector d =
      contrast_direction(s.specimen, "blocks.1.hook_resid_pre", kPrompt, kOther);
  const SteerResult r = steer(s.specimen, kPrompt, d, careful({0, 3}));
  EXPECT_NEAR(r.guesses[0].kl, 0, 1e-6);
  EXPECT_GT(r.guesses[1].kl, 1e-3);
  const SteerResult alone = steer(s.specimen, kPrompt, d, careful({0}));
  EXPECT_EQ(r.samples[1].tokens, alone.samples[1].tokens) << "the same dice at every strength";
  ASSERT_EQ(r.samples[0].tokens.size(), 20u) << "longer than the model reads";
}

// Both where there is room and behind it, where the window slides; below the blocks, where what is
// added changes the keys and values of every layer.
TEST(Steering, WritesTheSameWithAndWithoutKeptKeysAndValues) {
  const Scene s;
  for (const char* place : {"blocks.0.hook_resid_pre", "blocks.1.hook_resid_mid"}) {
    const SteeringVector d = contrast_direction(s.specimen, place, kPrompt, kOther);
    SteerOptions options = careful({0, 0.5, 3});
    const SteerResult kept = steer(s.specimen, kPrompt, d, options);
    options.reuse = Reuse::nothing;
    const SteerResult anew = steer(s.specimen, kPrompt, d, options);
    ASSERT_EQ(kept.samples.size(), anew.samples.size());
    for (std::size_t i = 0; i < kept.samples.size(); ++i)
      EXPECT_EQ(kept.samples[i].tokens, anew.samples[i].tokens)
          << place << ", strength " << kept.samples[i].strength;
    EXPECT_NE(kept.samples[0].tokens, kept.samples[4].tokens) << "the direction does something";
  }
}

TEST(Steering, ManyRowsAreWrittenInPartsAndAllOfThemAreTold) {
  const Scene s;
  const SteeringVector d =
      contrast_direction(s.specimen, "blocks.1.hook_resid_pre", kPrompt, kOther);
  SteerOptions options = careful({0, 3});
  options.samples = 70, options.tokens = 2;
  std::int64_t told = 0;
  options.progress = [&](std::int64_t done, std::int64_t steps) {
    EXPECT_EQ(done, ++told);
    EXPECT_EQ(steps, 6) << "three parts of at most 64 texts, two tokens each";
  };
  const SteerResult many = steer(s.specimen, kPrompt, d, options);
  EXPECT_EQ(told, 6);
  ASSERT_EQ(many.samples.size(), 140u);
  ASSERT_EQ(many.guesses.size(), 2u);
  EXPECT_EQ(many.guesses[1].strength, 3);
  options.samples = 2;
  options.progress = {};
  const SteerResult few = steer(s.specimen, kPrompt, d, options);
  EXPECT_EQ(many.samples[71].tokens, few.samples[3].tokens) << "sample 1 at strength 3";
}

TEST(Steering, OnceTowardsAnotherTextGivesItsAnswerWhereOnlyTheLastTokenDiffers) {
  const Scene s;
  // Behind the last block nothing but the last position matters for the next token.
  const SteeringVector d =
      contrast_direction(s.specimen, "blocks.1.hook_resid_post", kOther, kPrompt);
  const SteerResult r = steer(s.specimen, kPrompt, d, careful({1})),
                    other = steer(s.specimen, kOther, d, careful({0}));
  for (std::size_t i = 0; i < r.guesses[0].top.size(); ++i) {
    EXPECT_EQ(r.guesses[0].top[i].first, other.guesses[0].top[i].first);
    EXPECT_NEAR(r.guesses[0].top[i].second, other.guesses[0].top[i].second, 1e-5);
  }
}

TEST(Steering, TheDirectionOfATokenMakesItTheLikeliest) {
  const Scene s;
  for (const std::int32_t t : {0, 7}) {
    const SteeringVector d{"a token", "blocks.1.hook_resid_post",
                           slice(unembedding_of(s.specimen.gpt), 0, t, t + 1).to_host()};
    EXPECT_EQ(steer(s.specimen, kPrompt, d, careful({1000})).guesses[0].top[0].first,
              "#" + std::to_string(t));
  }
}

TEST(Steering, RefusesWhatHasNoDirection) {
  const Scene s;
  EXPECT_THROW(contrast_direction(s.specimen, "blocks.1.hook_resid_pre", kPrompt, kPrompt),
               UsageError);
  EXPECT_THROW(contrast_direction(s.specimen, "blocks.*.hook_resid_pre", kPrompt, kOther),
               UsageError);
  EXPECT_THROW(contrast_direction(s.specimen, "blocks.1.attn.hook_z", kPrompt, kOther), UsageError);
  EXPECT_THROW(
      steer(s.specimen, kPrompt, {"short", "blocks.1.hook_resid_pre", {1, 2}}, careful({1})),
      UsageError);
}

}   // namespace
}   // namespace glass
