// The models written by hand are what they are said to be: held against the numbers that follow
// from their definition. Whatever an analysis says of them can then be held against the same
// numbers.
#include "model/handmade.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "engine/base/error.h"
#include "interp/activations.h"
#include "model/saved_model.h"
#include "tests/interp/known.h"

namespace glass {
namespace {

using testing::cpu;
using testing::known;
using testing::Known;
using testing::message_of;
using testing::repeat;

struct Patterns {
  std::vector<double> numbers;
  std::int64_t H, T;
  double at(std::int64_t h, std::int64_t q, std::int64_t k) const {
    return numbers[static_cast<std::size_t>((h * T + q) * T + k)];
  }
};
Patterns pattern(const Known& model, const std::vector<std::int32_t>& ids, int layer) {
  const std::string name = in_block(layer, "attn.hook_pattern");
  const Tensor p = look(*model.gpt, model.specimen.row(ids), {name})[name];
  return {p.to_host(), p.dim(1), p.dim(2)};
}

// Mean over the second copy of what head h gives the key that lies `back` positions behind.
double gaze(const Patterns& p, std::int64_t h, std::int64_t n, std::int64_t back, bool bos = true) {
  double sum = 0;
  const std::int64_t first = n + (bos ? 1 : 0);
  for (std::int64_t i = first; i < first + n; ++i) sum += p.at(h, i, i - back);
  return sum / static_cast<double>(n);
}

std::vector<double> logits_of(const Known& model, const std::vector<std::int32_t>& ids) {
  Pass pass;
  return model.gpt->logits(pass, model.specimen.row(ids)).to_host();
}

double logit(const Known& model, const std::vector<double>& all, std::int64_t position,
             std::int64_t token) {
  return all[static_cast<std::size_t>(position * model.gpt->config().vocab_size + token)];
}

constexpr std::int64_t kN = 30;

TEST(Handmade, TheInductionCircuitHasItsScoresHoweverItIsWrittenDown) {
  for (const auto& [name, options] : testing::ways_to_write_induction()) {
    SCOPED_TRACE(name);
    const Known model = known(name, options);
    const std::vector<std::int32_t> ids = repeat(kN, 5);
    const Patterns early = pattern(model, ids, 0), late = pattern(model, ids, 1);
    EXPECT_NEAR(gaze(early, 0, kN, 1), 1, 5e-7);
    EXPECT_NEAR(gaze(late, 0, kN, kN - 1), 1, 5e-7);
    double idle = 0;
    for (std::int64_t i = kN + 1; i <= 2 * kN; ++i) idle += 1.0 / static_cast<double>((i + 1) * kN);
    EXPECT_NEAR(idle, 0.022301, 5e-7);
    for (const auto& [p, h] : {std::pair(&early, 1), std::pair(&late, 1)})
      EXPECT_NEAR(gaze(*p, h, kN, kN - 1), idle, 1e-6);
  }
}

TEST(Handmade, WithoutAFirstTokenTheFirstQueryIsTorn) {
  const Known model = known("induction", {});
  // Position 0 looks at itself, so keys 0 and 1 tie for the first query of the second copy.
  EXPECT_NEAR(gaze(pattern(model, repeat(kN, 5, false), 1), 0, kN, kN - 1, false), 29.5 / 30, 1e-6);
}

TEST(Handmade, TheInductionCircuitIsRightFromTheSecondPlaceOfTheCopyOn) {
  for (const auto& [name, options] : testing::ways_to_write_induction()) {
    SCOPED_TRACE(name);
    const Known model = known(name, options);
    const std::vector<std::int32_t> ids = repeat(kN, 5);
    const std::vector<double> all = logits_of(model, ids);
    int right = 0;
    double least = 1e9;
    for (std::size_t i = kN + 1; i + 1 < ids.size(); ++i) {
      std::int64_t best = 0;
      for (std::int64_t t = 1; t < model.gpt->config().vocab_size; ++t)
        if (logit(model, all, static_cast<std::int64_t>(i), t) >
            logit(model, all, static_cast<std::int64_t>(i), best))
          best = t;
      right += best == ids[i + 1];
      const std::int32_t other = ids[(i + 2 - kN - 1) % kN + 1];
      least = std::min(least, logit(model, all, static_cast<std::int64_t>(i), ids[i + 1]) -
                                  logit(model, all, static_cast<std::int64_t>(i), other));
    }
    EXPECT_EQ(right, 29);
    if (!options.norm) { EXPECT_NEAR(least, 10, 1e-4); }
  }
}

// With layer norm the answer is as loud as the norms make it. The stream before the head has three
// ones (token, position, before) and the answer G; G is what a value of size 1 in a stream of three
// ones becomes, times the gain of 10.
TEST(Handmade, LayerNormMakesTheAnswerAsLoudAsItsFormulaSays) {
  HandmadeOptions options;
  options.norm = NormType::layernorm, options.sharp = 1;
  const Known model = known("layer norm", options);
  const std::vector<std::int32_t> ids = repeat(kN, 5);
  const double C = static_cast<double>(model.gpt->config().n_embd), eps = 1e-5;
  const auto deviation = [&](double sum, double squares) {
    return std::sqrt(squares / C - sum * sum / (C * C) + eps);
  };
  // What 0.0 adds on the way: the value of a stream of two ones, which is read less its mean.
  const double before = (1 - 2 / C) / deviation(2, 2), others0 = -2 / C / deviation(2, 2);
  const double V = static_cast<double>(model.gpt->config().vocab_size);
  const double sum1 = 2 + before + (V - 1) * others0;
  const double squares1 = 2 + before * before + (V - 1) * others0 * others0;
  const double mean1 = sum1 / C, s1 = deviation(sum1, squares1);
  const double answer = 10 * (1 - mean1) / s1, others1 = 10 * (0 - mean1) / s1;
  const double sum2 = sum1 + answer + (V - 1) * others1;
  const double squares2 = squares1 + answer * answer + (V - 1) * others1 * others1;
  const double expected = (answer - others1) / deviation(sum2, squares2);
  const std::vector<double> all = logits_of(model, ids);
  const std::int64_t last = 41;   // the query of the usual patching pair
  EXPECT_NEAR(logit(model, all, last, ids[12]) - logit(model, all, last, ids[13]), expected, 1e-3);
}

TEST(Handmade, ThePositionalFakeScoresAtOneLengthOnly) {
  const Known model = known("fake", {.circuit = Circuit::positional});
  const auto score = [&](std::int64_t n) {
    return gaze(pattern(model, repeat(n, 3), 0), 0, n, n - 1);
  };
  EXPECT_NEAR(score(30), 1, 1e-6);
  EXPECT_NEAR(score(25), 0.0043, 5e-5);
  EXPECT_NEAR(score(20), 0.0158, 5e-5);
  EXPECT_NEAR(score(35), 0, 1e-6);
}

TEST(Handmade, TheDetourIsRightAndLooksOnePlaceFurther) {
  const Known model = known("detour", {.circuit = Circuit::detour});
  const std::vector<std::int32_t> ids = repeat(kN, 3);
  const Patterns early = pattern(model, ids, 0), late = pattern(model, ids, 1);
  EXPECT_NEAR(gaze(early, 0, kN, 1), 1, 1e-6);
  EXPECT_NEAR(gaze(early, 1, kN, 2), 1, 1e-6);
  EXPECT_NEAR(gaze(late, 0, kN, kN - 1), 0, 1e-6) << "where an induction head looks";
  // Place 1 has no token two before it, so half of it remembers token 0 and half the next one: one
  // query of 30 gives it exp(-10).
  EXPECT_NEAR(gaze(late, 0, kN, kN - 2), 1, 2e-6) << "and one place further";
  const std::vector<double> all = logits_of(model, ids);
  for (std::size_t i = kN + 1; i + 1 < ids.size(); ++i)
    EXPECT_NEAR(logit(model, all, static_cast<std::int64_t>(i), ids[i + 1]), 10, 1e-3) << i;
}

TEST(Handmade, TheDuplicateHeadLooksAtItsEarlierSelfAndAtItself) {
  const Known model = known("duplicate", {.circuit = Circuit::duplicate});
  const Patterns p = pattern(model, repeat(kN, 3), 0);
  EXPECT_NEAR(gaze(p, 0, kN, kN), 0.5, 1e-6);
  EXPECT_NEAR(gaze(p, 0, kN, 0), 0.5, 1e-6);
  EXPECT_NEAR(gaze(p, 0, kN, kN - 1), 0, 1e-6);
}

TEST(Handmade, AntiCopyAndCipherFindThePlaceAndSayAnotherThing) {
  for (const char* name : {"anti-copy", "cipher"}) {
    const Known model = known(name, handmade("handmade:" + std::string(name)).options);
    const std::vector<std::int32_t> ids = repeat(kN, 3);
    EXPECT_NEAR(gaze(pattern(model, ids, 1), 0, kN, kN - 1), 1, 1e-6) << name;
    const double said = logit(model, logits_of(model, ids), kN + 5, ids[kN + 6]);
    EXPECT_NEAR(said, std::string(name) == "cipher" ? 0 : -10, 1e-4) << name;
  }
}

TEST(Handmade, TwinsShareTheWork) {
  const Known model = known("twins", {.twins = true});
  const std::vector<std::int32_t> ids = repeat(kN, 3);
  const std::string name = "blocks.1.attn.hook_result";
  const Tensor result = look(*model.gpt, model.specimen.row(ids), {name})[name];   // (1,T,2,C)
  const Tensor one = slice(result, 2, 0, 1), two = slice(result, 2, 1, 2);
  EXPECT_EQ(one.to_host(), two.to_host());
  EXPECT_NEAR(sum(abs(slice(one, 1, kN + 5, kN + 6))).item(), 5, 1e-4);
}

TEST(Handmade, OpensByNameWithATokenizerAndADigestOfItsWeights) {
  std::set<std::string> digests;
  for (const Handmade& model : handmade_models()) {
    const SavedModel saved = open_model("handmade:" + std::string(model.name), cpu(), DType::f32);
    ASSERT_TRUE(saved.tokenizer);
    EXPECT_EQ(saved.tokenizer->end_of_text(), 0);
    EXPECT_EQ(saved.tokenizer->vocab_size(), saved.model->config().vocab_size);
    EXPECT_EQ(saved.tokenizer->decode(saved.tokenizer->encode("az09AZ")), "az09AZ");
    digests.insert(saved.digest);
  }
  EXPECT_EQ(digests.size(), handmade_models().size()) << "two models have one digest";
}

TEST(Handmade, AnUnknownNameNamesTheOthers) {
  const std::string said =
      message_of<UsageError>([] { open_model("handmade:inducton", cpu(), DType::f32); });
  EXPECT_NE(said.find("positional-fake"), std::string::npos) << said;
  EXPECT_NE(said.find("Did you mean handmade:induction?"), std::string::npos) << said;
}

TEST(Handmade, ALayerNormUnderARotationIsRefused) {
  HandmadeOptions options;
  options.norm = NormType::layernorm, options.rotated = true;
  EXPECT_THROW(handmade_checkpoint(options), UsageError);
}

}   // namespace
}   // namespace glass
