// Composition and copying from weights alone, on circuits whose answer is known, on matrices made
// for the purpose, and against the formulas with whole matrices.
#include "interp/heads/composition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/asker.h"
#include "engine/base/error.h"
#include "engine/random.h"
#include "kernels/backends.h"
#include "model/handmade.h"

namespace glass {
namespace {

const CompositionScore& pair(const Composition& c, HeadId from, HeadId to) {
  for (const CompositionScore& s : c.scores)
    if (s.from == from && s.to == to) return s;
  throw std::runtime_error("no such pair");
}

std::unique_ptr<GPT> made(const std::string& name) {
  return make_handmade(handmade("handmade:" + name).options, make_backend("cpu", "auto", 1));
}

TEST(Composition, TheInductionHeadFindsByWhatThePreviousTokenHeadWrote) {
  const auto gpt = made("induction");
  const Composition c = composition(*gpt, 1);
  ASSERT_EQ(c.scores.size(), 16u);
  // 0.0 writes 65 directions, all of which 1.0 reads as keys, each with the same weight: of A B
  // with A = B = I of rank 65, |A B| / (|A| |B|) = sqrt(65) / 65.
  const double full = 1 / std::sqrt(65.0) - c.baseline;
  EXPECT_NEAR(pair(c, {0, 0}, {1, 0}).k, full, 1e-5);
  EXPECT_NEAR(pair(c, {0, 0}, {1, 0}).q, -c.baseline, 1e-5) << "it asks with the token itself";
  EXPECT_NEAR(pair(c, {0, 0}, {1, 0}).v, -c.baseline, 1e-5) << "and carries the token itself";
  EXPECT_NEAR(pair(c, {0, 1}, {1, 0}).k, -c.baseline, 1e-5) << "0.1 writes nothing";
}

// No model runs here, whose blocks would ask on the way.
TEST(Composition, EndsWhereNobodyWaitsForIt) {
  struct GoneAfter final : Asker {
    int steps;
    explicit GoneAfter(int after) : steps(after) {}
    void between_steps() override {
      if (steps-- == 0) fail(Interrupted());
    }
  };
  const auto gpt = made("induction");
  for (const int after : {0, 1, 2}) {   // reading two layers, comparing them
    GoneAfter page(after);
    const AskedBy scope(page);
    EXPECT_THROW(composition(*gpt, 1), Interrupted) << after;
  }
  for (const int after : {0, 7}) {
    GoneAfter page(after);
    const AskedBy scope(page);
    EXPECT_THROW(copying(*gpt), Interrupted) << after;
  }
}

// All other pairs of the circuit share nothing, which is less than chance, and no news.
TEST(Composition, ColoursOnlyWhatIsAboveChance) {
  const auto gpt = made("induction");
  const CompositionResult r = composition_of({*gpt, nullptr, {}});
  for (const Figure& figure : page_of(r).figures) {
    const auto* gallery = std::get_if<Gallery>(&figure);
    if (gallery == nullptr) continue;
    for (const Heatmap& map : gallery->maps) {
      EXPECT_EQ(map.colours, Heatmap::Colours::rising);
      EXPECT_EQ(map.range->low, 0);
      EXPECT_EQ(map.range->high, pair(r.composition, {0, 0}, {1, 0}).k);
    }
    return;
  }
  ADD_FAILURE() << "no maps";
}

TEST(Composition, IsTheRatioOfNormsThatTheDefinitionSays) {
  GPTConfig config = preset("induction");
  config.vocab_size = 30, config.n_embd = 24, config.n_head = 3;
  for (const NormPlace norm : {NormPlace::none, NormPlace::pre}) {
    config.norm = norm;
    GPT gpt(config, make_reference_backend(), DType::f64, 4);
    const Composition c = composition(gpt, 1);
    const HeadWeights a = head_weights(gpt, 0, NormWeights::folded),
                      b = head_weights(gpt, 1, NormWeights::folded);
    const Tensor ov0 = matmul(a.v, a.o), qk1 = matmul(b.q, transpose(b.k)),
                 ov1 = matmul(b.v, b.o);   // (H,C,C)
    const auto norm_of = [](const Tensor& x) { return std::sqrt(sum(square(x)).item()); };
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) {
        const Tensor A = slice(ov0, 0, i, i + 1), Q = slice(qk1, 0, j, j + 1),
                     V = slice(ov1, 0, j, j + 1);
        const auto score = [&](const Tensor& B) {
          return norm_of(matmul(A, B)) / (norm_of(A) * norm_of(B)) - c.baseline;
        };
        const CompositionScore& s = pair(c, {0, i}, {1, j});
        EXPECT_NEAR(s.q, score(Q), 1e-9) << i << " " << j;
        EXPECT_NEAR(s.k, score(transpose(Q)), 1e-9) << i << " " << j;
        EXPECT_NEAR(s.v, score(V), 1e-9) << i << " " << j;
      }
    }
    // Isotropic random matrices share about 1 / sqrt(C).
    EXPECT_NEAR(c.baseline * std::sqrt(24.0), 1, 0.15);
  }
}

// A norm in front of a matrix is the matrix with the norm's weight in it, up to one number per row.
TEST(Composition, FoldedWeightsReadWhatTheNormLetsThrough) {
  GPTConfig config = preset("induction");
  config.vocab_size = 30, config.n_embd = 24, config.n_head = 3, config.norm = NormPlace::pre;
  for (const NormType type : {NormType::layernorm, NormType::rmsnorm}) {
    config.norm_type = type;
    const Device device = make_reference_backend();
    GPT gpt(config, device, DType::f64, 4);
    for (Parameter* p : gpt.parameters())
      if (p->name.find("ln_1.weight") != std::string::npos)
        p->value = uniform(device, p->value.shape(), 0.5, 2, {3, 1, 0, 0}, DType::f64);
    const Tensor x = gaussian(device, {5, 24}, 1, 1, {3, 2, 0, 0}, DType::f64);
    const Tensor gain = weight_of(gpt, "transformer.h.1.ln_1.weight");
    const Tensor normed =
        type == NormType::layernorm ? layernorm(x, gain, 1e-12) : rmsnorm(x, gain, 1e-12);
    const Tensor centred = type == NormType::layernorm ? x - mean(x, -1, Keep::yes) : x;
    const Tensor size = sqrt(mean(square(centred), -1, Keep::yes));
    const Tensor want = matmul(normed, head_weights(gpt, 1, NormWeights::apart).k);
    const Tensor got = matmul(x / size, head_weights(gpt, 1, NormWeights::folded).k);
    EXPECT_LT(max(reshape(abs(want - got), {3 * 5 * 8}), 0).item(), 1e-9) << "in f64";
  }
}

TEST(Composition, HeadsThatShareKeysHaveThemEach) {
  GPTConfig config = preset("induction");
  config.vocab_size = 30, config.n_embd = 24, config.n_head = 4, config.n_kv_head = 2;
  GPT gpt(config, make_backend("cpu", "auto", 1), DType::f32, 4);
  const HeadWeights w = head_weights(gpt, 0, NormWeights::apart);
  const auto head = [](const Tensor& x, int h) { return slice(x, 0, h, h + 1).to_host(); };
  EXPECT_EQ(head(w.k, 0), head(w.k, 1));
  EXPECT_EQ(head(w.v, 2), head(w.v, 3));
  EXPECT_NE(head(w.k, 1), head(w.k, 2));
  EXPECT_NE(head(w.q, 0), head(w.q, 1));
  EXPECT_EQ(composition(gpt, 1).scores.size(), 16u);
}

TEST(Composition, CopyingIsOneForTheCircuitMinusOneAgainstItAndNothingForACipher) {
  const Copying copies = copying(*made("induction"));
  EXPECT_NEAR(copies.eigen.at(1, 0), 1, 1e-5);
  EXPECT_EQ(copies.top.at(1, 0), 1);
  EXPECT_EQ(copies.eigen.at(0, 1), 0) << "a head that says nothing";
  EXPECT_EQ(copies.top.at(0, 1), 0);
  EXPECT_EQ(copies.tokens, 65);
  const Copying against = copying(*made("anti-copy"));
  EXPECT_NEAR(against.eigen.at(1, 0), -1, 1e-5);
  EXPECT_EQ(against.top.at(1, 0), 0);
  const Copying secret = copying(*made("cipher"));
  // Eigenvalues of a permutation are roots of one: their sum is the number of letters that stay.
  EXPECT_LT(std::abs(secret.eigen.at(1, 0)), 0.1);
  EXPECT_LT(secret.top.at(1, 0), 0.1);
}

TEST(Composition, TheTableOfAHeadIsWhatItSaysOfATokenAlone) {
  const auto gpt = made("induction");
  const std::vector<std::int32_t> ids = {3, 1, 7};
  const std::vector<double> ov = head_table(*gpt, {1, 0}, HeadTable::ov, ids);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(ov[i], i % 4 == 0 ? 10 : 0, 1e-5) << i;
  // A cipher is not its own transpose: rows are what is looked at.
  const auto cipher = made("cipher");
  std::vector<std::int32_t> all(65);
  for (std::size_t i = 0; i < 65; ++i) all[i] = static_cast<std::int32_t>(i);
  const std::vector<double> secret = head_table(*cipher, {1, 0}, HeadTable::ov, all);
  const Tensor E = weight_of(*cipher, "transformer.wte.weight"),
               U = weight_of(*cipher, "lm_head.weight");
  const HeadWeights w = head_weights(*cipher, 1, NormWeights::apart);
  const Tensor direct =
      matmul(matmul(matmul(E, slice(w.v, 0, 0, 1)), slice(w.o, 0, 0, 1)), transpose(U));
  EXPECT_EQ(secret, direct.to_host());
}

TEST(Composition, ATokenMatchesItsOwnMark) {
  const auto gpt = made("induction");
  const std::vector<std::int32_t> ids = {1, 2};
  const MatchTable m = match_table(*gpt, {0, 0}, {1, 0}, ids);
  EXPECT_NEAR(m.diagonal, 20 * std::sqrt(128.0), 1e-3);
  EXPECT_NEAR(m.off_diagonal, 0, 1e-4);
  EXPECT_EQ(m.top, 1);
  EXPECT_EQ(match_table(*gpt, {0, 1}, {1, 0}, ids).top, 0) << "0.1 leaves no marks";
  EXPECT_THROW(match_table(*gpt, {1, 0}, {0, 0}, ids), UsageError);
}

TEST(Composition, EffectiveEmbeddingsNeedNoText) {
  GPTConfig config = preset("gpt2");
  config.vocab_size = 30, config.n_embd = 16, config.n_head = 2, config.n_layer = 2,
  config.block_size = 8;
  GPT gpt(config, make_backend("cpu", "auto", 1), DType::f32, 4);
  const Copying c = copying(gpt);
  EXPECT_TRUE(c.effective);
  for (const double s : c.eigen.values) EXPECT_LE(std::abs(s), 1);
}

TEST(Composition, HeadsHaveNamesOfTwoNumbers) {
  GPTConfig c;
  c.n_layer = 2, c.n_head = 4;
  EXPECT_EQ(head_id("1.3", c), (HeadId{1, 3}));
  for (const char* wrong : {"", "1", "1.", "1.4", "2.0", "-1.0", "1.2.3", "a.b"})
    EXPECT_THROW(head_id(wrong, c), UsageError) << wrong;
}

}   // namespace
}   // namespace glass
