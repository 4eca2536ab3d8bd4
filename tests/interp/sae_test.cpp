// The autoencoder against what is known without training: hand cases, derivatives by finite
// differences, and features that were put there to be found.
#include "interp/features/sae.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "engine/base/asker.h"
#include "engine/base/error.h"
#include "engine/optim.h"
#include "engine/random.h"
#include "interp/features/sae_show.h"
#include "interp/features/sae_train.h"
#include "tests/engine/devices.h"
#include "tests/scratch.h"

namespace glass {
namespace {

using testing::reference;

TEST(ExplainedVariance, OfTheHandCaseIsFourFifths) {
  ExplainedVariance ev;   // errors 1 + 1, squares 4 + 16, mean (1, 2): 1 - 1 / (10 - 5)
  ev.show(std::vector<double>{2, 0, 0, 4}, std::vector<double>{2, 1, 0, 3}, 2);
  EXPECT_DOUBLE_EQ(ev.value(), 0.8);
}

TEST(ExplainedVariance, IsOneWhenPerfectNothingForTheMeanAndTheSameInPieces) {
  const std::vector<double> x =
      gaussian(reference(), {20, 3}, 1, 2, {1, 2, 3, 4}, DType::f64).to_host();
  ExplainedVariance perfect, of_mean, whole, pieces;
  perfect.show(x, x, 3);
  EXPECT_DOUBLE_EQ(perfect.value(), 1);
  std::vector<double> mean(3, 0), flat;
  for (std::size_t i = 0; i < x.size(); ++i) mean[i % 3] += x[i] / 20;
  for (std::size_t i = 0; i < x.size(); ++i) flat.push_back(mean[i % 3]);
  of_mean.show(x, flat, 3);
  EXPECT_NEAR(of_mean.value(), 0, 1e-12);
  const std::vector<double> other =
      gaussian(reference(), {20, 3}, 1, 2, {5, 2, 3, 4}, DType::f64).to_host();
  whole.show(x, other, 3);
  pieces.show(std::span(x).first(6), std::span(other).first(6), 3);
  pieces.show(std::span(x).subspan(6), std::span(other).subspan(6), 3);
  EXPECT_NEAR(pieces.value(), whole.value(), 1e-12) << "sums first, then the ratio";
}

TEST(Sae, WithAllFeaturesAndAnOrthonormalDecoderItReconstructsExactly) {
  Sae sae(4, 4, 4, reference(), DType::f64, 1);
  // A rotation in two planes; the encoder is its inverse.
  const double c = std::cos(0.3), s = std::sin(0.3);
  const std::vector<double> R = {c, s, 0, 0, -s, c, 0, 0, 0, 0, c, -s, 0, 0, s, c};
  sae.W_dec.value = Tensor::from(reference(), R, {4, 4}, DType::f64);
  sae.W_enc.value = contiguous(transpose(sae.W_dec.value));
  sae.b_dec.value = Tensor::from(reference(), std::vector<double>{1, -2, 3, 0.5}, {4}, DType::f64);
  // Codes that are not negative, so that relu takes nothing away.
  const Tensor codes = abs(gaussian(reference(), {5, 4}, 0, 1, {1, 2, 3, 4}, DType::f64));
  const Tensor x = matmul(codes, sae.W_dec.value) + sae.b_dec.value;
  const std::vector<double> got = sae.reconstruct(x).to_host(), wanted = x.to_host();
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted[i], 1e-12);
}

TEST(Sae, KeepsTheLargestOfEachRowOnlyAmongThoseAllowed) {
  const Tensor x = Tensor::from(reference(), std::vector<double>{3, 1, 2, 2, -1, -5, -2, -3},
                                {2, 4}, DType::f64);
  EXPECT_EQ(largest_of_rows(x, 2).to_host(), (std::vector<double>{1, 0, 1, 0, 1, 0, 1, 0}))
      << "of equal ones the first";
  const std::vector<std::uint8_t> among = {0, 1, 0, 1};
  EXPECT_EQ(largest_of_rows(x, 1, among).to_host(), (std::vector<double>{0, 0, 0, 1, 0, 0, 0, 1}));
  EXPECT_EQ(largest_of_rows(x, 9).to_host(), std::vector<double>(8, 1)) << "more than there are";
  const double none = std::nan("");
  const Tensor broken =
      Tensor::from(reference(), std::vector<double>{none, 1, none, 2}, {1, 4}, DType::f64);
  EXPECT_EQ(largest_of_rows(broken, 2).to_host(), (std::vector<double>{0, 1, 0, 1}))
      << "what is no number comes last";
}

TEST(Sae, StartsWithDirectionsOfLengthOneAndKeepsThemSo) {
  Sae sae(6, 12, 3, reference(), DType::f64, 4);
  const auto lengths = [&] { return sum(square(sae.W_dec.value), 1).to_host(); };
  for (const double l : lengths()) EXPECT_NEAR(l, 1, 1e-9);
  EXPECT_EQ(sae.W_enc.value.to_host(), contiguous(transpose(sae.W_dec.value)).to_host());
  sae.W_dec.value = (sae.W_dec.value * 3.0).detach();
  sae.normalise_decoder();
  for (const double l : lengths()) EXPECT_NEAR(l, 1, 1e-9);
}

// Every derivative of both losses, in double. The mask of the largest does not change within a step
// of 1e-6 of numbers drawn at random.
TEST(Sae, DerivativesAreFiniteDifferences) {
  Sae sae(5, 9, 3, reference(), DType::f64, 2);
  const Tensor x = gaussian(reference(), {7, 5}, 0, 1, {8, 2, 3, 4}, DType::f64),
               error = gaussian(reference(), {7, 5}, 0, 1, {9, 2, 3, 4}, DType::f64);
  sae.b_enc.value = gaussian(reference(), {9}, 0, 0.3, {3, 2, 3, 4}, DType::f64);
  const std::vector<std::uint8_t> dead = {1, 0, 1, 1, 0, 0, 1, 0, 0};
  const auto loss = [&](Tape* tape) {
    return reconstruction_loss(sae, x, tape).loss + 0.5 * auxiliary_loss(sae, x, error, dead, tape);
  };
  Tape tape;
  tape.backward(loss(&tape));
  for (Parameter* p : sae.parameters()) {
    const std::vector<double> gradient = p->grad.to_host(), at = p->value.to_host();
    double largest = 0;
    for (std::size_t i = 0; i < at.size(); ++i) {
      double ends[2];
      for (const int side : {0, 1}) {
        std::vector<double> moved = at;
        moved[i] += side == 0 ? -1e-6 : 1e-6;
        p->value = Tensor::from(reference(), moved, p->value.shape(), DType::f64);
        ends[side] = loss(nullptr).item();
      }
      EXPECT_NEAR(gradient[i], (ends[1] - ends[0]) / 2e-6, 1e-6 * (1 + std::abs(gradient[i])))
          << p->name << " " << i;
      largest = std::max(largest, std::abs(gradient[i]));
    }
    p->value = Tensor::from(reference(), at, p->value.shape(), DType::f64);
    EXPECT_GT(largest, 1e-3) << p->name << " has derivatives at all";
  }
}

TEST(Sae, TheAuxiliaryLossLeavesTheBiasOfTheDecoderOut) {
  Sae sae(4, 8, 2, reference(), DType::f64, 2);
  const Tensor x = gaussian(reference(), {6, 4}, 0, 1, {8, 2, 3, 4}, DType::f64), zero = x * 0.0;
  // Nobody dead says anything when all of them are off: what is left is the error itself.
  sae.b_enc.value = Tensor::full(reference(), {8}, -100, DType::f64);
  sae.b_dec.value = Tensor::full(reference(), {4}, 3, DType::f64);
  EXPECT_EQ(auxiliary_loss(sae, x, zero, std::vector<std::uint8_t>(8, 1)).item(), 0);
}

// 24 directions in 12 dimensions, three of them at a time: what the autoencoder finds must be they.
TEST(Sae, FindsTheFeaturesThatWerePutThere) {
  constexpr std::int64_t d = 12, truly = 24, n = 256;
  const Tensor raw = gaussian(reference(), {truly, d}, 0, 1, {21, 2, 3, 4}, DType::f64);
  const Tensor truth = raw * rsqrt(sum(square(raw), 1, Keep::yes));
  Sae sae(d, 36, 3, reference(), DType::f64, 6);
  AdamW adamw(sae.parameters(), {.beta2 = 0.99, .weight_decay = 0, .max_norm = 1});
  std::vector<std::int64_t> silent(36, 0);
  const auto draw = [&](std::uint32_t step) {
    const Tensor sizes = uniform(reference(), {n, truly}, 0.5, 1.5, {31, step, 0, 0}, DType::f64);
    const Tensor chosen =
        largest_of_rows(uniform(reference(), {n, truly}, 0, 1, {32, step, 0, 0}, DType::f64), 3);
    return matmul(sizes * chosen, truth);
  };
  Tape tape;
  for (std::uint32_t step = 0; step < 700; ++step) {
    const Tensor x = draw(step);
    tape.clear();
    adamw.zero_grad();
    const SaeLoss main = reconstruction_loss(sae, x, &tape);
    std::vector<std::uint8_t> dead;
    for (const std::int64_t tokens : silent) dead.push_back(tokens >= 5 * n);
    const bool some = std::count(dead.begin(), dead.end(), std::uint8_t{1}) > 0;
    tape.backward(some ? main.loss + auxiliary_loss(sae, x, main.error.detach(), dead, &tape) / 32
                       : main.loss);
    adamw.step(step < 500 ? 1e-2 : 2e-3);
    sae.normalise_decoder();
    const std::vector<double> fired = max(main.codes.detach(), 0).to_host();
    for (std::size_t f = 0; f < 36; ++f) silent[f] = fired[f] > 0 ? 0 : silent[f] + n;
  }
  ExplainedVariance ev;
  const Tensor x = draw(100000);
  ev.show(x.to_host(), sae.reconstruct(x).to_host(), d);
  EXPECT_GT(ev.value(), 0.9);
  const std::vector<double> cosines = max(linear(truth, sae.W_dec.value), 1).to_host();
  const auto found =
      std::count_if(cosines.begin(), cosines.end(), [](double c) { return c > 0.9; });
  EXPECT_GE(found, 20) << "of 24 directions";
}

// ---- on a model ---------------------------------------------------------------------------------

struct Scene {
  std::unique_ptr<LanguageModel> model;
  Specimen specimen;
  Dataset data;
};

Scene scene() {
  GPTConfig c = preset("gpt2");
  c.vocab_size = 11, c.block_size = 16, c.n_layer = 2, c.n_head = 2, c.n_embd = 16;
  auto model = make_model(c, testing::cpu(), DType::f32, 3);
  for (Parameter* p : model->parameters())
    if (p->value.rank() == 2) p->value = (p->value * 5.0).detach();
  GPT& gpt = gpt_of(*model);
  Scene s{std::move(model), {gpt, nullptr, {}}, {}};
  s.specimen.from.digest = "0123456789abcdef";
  std::vector<std::int32_t> ids(3000);
  for (std::size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<std::int32_t>((i * i / 3 + i) % 11);
  s.data.name = s.data.origin = "a row of numbers", s.data.train = Tokens(ids);
  return s;
}

SaeOptions quick() {
  SaeOptions o;
  o.place = "blocks.0.hook_resid_post", o.features = 48, o.k = 6, o.steps = 150, o.batch = 128;
  return o;
}

TEST(SaeTraining, ExplainsAndTheModelGoesOnWithItBetterThanWithNothing) {
  const Scene s = scene();
  const auto model = train_sae(s.specimen, s.data, quick());
  const SaeMetrics& m = model->metrics;
  EXPECT_GT(m.explained_variance, 0.8);
  EXPECT_LE(m.l0, 6);
  EXPECT_GT(m.l0, 1);
  EXPECT_LT(m.kl, 0.5 * m.kl_zero);
  EXPECT_NEAR(m.ce_recovered, (m.ce_zero - m.ce_sae) / (m.ce_zero - m.ce_clean), 1e-12);
  for (const double l : sum(square(model->sae->W_dec.value), 1).to_host()) EXPECT_NEAR(l, 1, 1e-5);
}

TEST(SaeTraining, IsKeptInAFileAndRefusedForOtherWeights) {
  const test::Scratch folder;
  Scene s = scene();
  const auto model = train_sae(s.specimen, s.data, quick());
  model->path = folder / "features";
  save_sae(*model);
  const auto read = load_sae(model->path, s.specimen, "RENEW");
  EXPECT_EQ(read->sae->W_enc.value.to_host(), model->sae->W_enc.value.to_host());
  EXPECT_EQ(read->metrics.explained_variance, model->metrics.explained_variance);
  const SaeOverview overview = overview_of(s.specimen, *read, 5);
  ASSERT_EQ(overview.rows.size(), 5u);
  const SaeFeature feature = feature_of(s.specimen, *read, overview.rows[0].feature);
  ASSERT_FALSE(feature.contexts.empty());
  const NeuronContext& c = feature.contexts[0];
  EXPECT_NEAR(c.values[c.before.size()], c.value, 1e-4) << "computed once more from the file";
  for (const auto& [f, cosine] : feature.neighbours) {
    EXPECT_NE(f, feature.feature);
    EXPECT_LE(cosine, 1 + 1e-5);
  }
  s.specimen.from.digest = "fedcba9876543210";
  EXPECT_THROW(load_sae(model->path, s.specimen, "RENEW"), ContentError);
}

TEST(SaeTraining, AFileThatBreaksARuleIsRefusedWithTheCommandThatRenewsIt) {
  const test::Scratch folder;
  const Scene s = scene();
  SaeOptions few = quick();
  few.steps = 2;
  const auto refused = [&](const char* what, const auto& change) {
    const auto model = train_sae(s.specimen, s.data, few);
    model->path = folder / "bad";
    change(*model);
    save_sae(*model);
    const std::string message =
        testing::message_of<ContentError>([&] { load_sae(model->path, s.specimen, "RENEW"); });
    EXPECT_NE(message.find("RENEW"), std::string::npos) << what << ": " << message;
  };
  refused("no feature may be on", [](SaeModel& m) { m.sae->k = 0; });
  refused("more than there are", [](SaeModel& m) { m.sae->k = 49; });
  refused("no such place", [](SaeModel& m) { m.place = "blocks.2.hook_resid_post"; });
  refused("many places", [](SaeModel& m) { m.place = "blocks.*.hook_resid_post"; });
  refused("a place of another width", [](SaeModel& m) { m.place = "blocks.0.mlp.hook_post"; });
  refused("windows longer than the model reads", [](SaeModel& m) { m.scan.T = 3008; });
  refused("weights that are no numbers",
          [](SaeModel& m) { m.sae->W_enc.value = (m.sae->W_enc.value * std::nan("")).detach(); });
  refused("a moment outside of its text",
          [](SaeModel& m) { m.scan.records[5].top[0].position = 1 << 30; });
}

TEST(SaeTraining, AModelThatComputesNoNumbersIsRefused) {
  const Scene s = scene();
  s.model->parameters()[0]->value = (s.model->parameters()[0]->value * std::nan("")).detach();
  EXPECT_THROW(train_sae(s.specimen, s.data, quick()), ContentError);
}

TEST(SaeTraining, AFeatureKnowsItsOrdinaryDaysAndItsNeurons) {
  const Scene s = scene();
  const auto model = train_sae(s.specimen, s.data, quick());
  const SaeFeature f =
      feature_of(s.specimen, *model, overview_of(s.specimen, *model, 1).rows[0].feature);
  ASSERT_EQ(f.quantiles.size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_GT(f.quantiles[i].context.value, 0) << "only where it is on";
    EXPECT_LE(f.quantiles[i].context.value, f.record.max + 1e-4);
  }
  ASSERT_FALSE(f.neurons.empty());
  for (const SaeFeature::Neuron& n : f.neurons) {
    EXPECT_LE(n.correlation, 1 + 1e-9);
    EXPECT_LT(n.layer, 2);
    EXPECT_LT(n.neuron, 64);
  }
}

TEST(SaeTraining, EndsBetweenTwoStepsWhereWhoAskedIsGone) {
  struct Leaver : Asker {
    int step = 0;
    bool gone = false;
    void between_steps() override {
      if (gone) fail(Interrupted());
    }
  } who;
  const Scene s = scene();
  SaeOptions o = quick();
  o.progress = [&](int step, double, double) { who.step = step, who.gone = step == 3; };
  {
    const AskedBy asked(who);
    EXPECT_THROW(train_sae(s.specimen, s.data, o), Interrupted);
  }
  EXPECT_EQ(who.step, 3) << "the next step does not begin";
  o.steps = 4;
  EXPECT_NO_THROW(train_sae(s.specimen, s.data, o)) << "he who asked before asks no more";
}

TEST(SaeTraining, RefusesPlacesItCannotRead) {
  const Scene s = scene();
  SaeOptions o = quick();
  o.place = "blocks.0.attn.hook_pattern";
  EXPECT_THROW(train_sae(s.specimen, s.data, o), UsageError);
  o.place = "blocks.*.hook_resid_post";
  EXPECT_THROW(train_sae(s.specimen, s.data, o), UsageError);
  o = quick(), o.k = 49;
  EXPECT_THROW(train_sae(s.specimen, s.data, o), UsageError);
}

}   // namespace
}   // namespace glass
