// What must hold for rows whatever the numbers, on every backend: claims that a reader of a paper would check, and the
// rows at the edge (huge logits, everything masked, no variance, one bad number).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/kernels/harness.h"
#include "tests/kernels/tables.h"

namespace glass::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// A tensor of the test: numbers and a shape.
struct Block {
  Shape shape;
  std::vector<float> data;
  explicit Block(Shape s, float value = 0)
      : shape(std::move(s)), data(static_cast<std::size_t>(count(shape)), value) {}
  View view() {
    View v = place(DType::f32, shape, Layout::contiguous).view;
    v.data = reinterpret_cast<std::byte*>(data.data());
    return v;
  }
  float& operator[](std::size_t i) { return data[i]; }
};

View view_of(std::vector<std::int32_t>& ids) {
  return {reinterpret_cast<std::byte*>(ids.data()),
          DType::i32,
          1,
          {static_cast<std::int64_t>(ids.size())},
          {1}};
}

Block drawn(Shape shape, std::uint64_t seed, Draw kind = Draw::bell) {
  Block b(std::move(shape));
  const std::vector<double> values = draw(in("x", b.shape, Layout::contiguous, kind), seed, 0);
  for (std::size_t i = 0; i < values.size(); ++i) b[i] = static_cast<float>(values[i]);
  return b;
}

constexpr View kNone = {nullptr, DType::f32, 0, {}, {}};
Into write(Block& b) { return {b.view(), false}; }

class OnEveryBackend : public testing::TestWithParam<Candidate> {
 protected:
  void SetUp() override {
    if (!GetParam().usable) GTEST_SKIP() << "this machine cannot run " << GetParam().isa;
    backend = &candidate(GetParam().isa, 2);
  }
  Backend* backend = nullptr;
};

using Softmax = OnEveryBackend;
using LayerNorm = OnEveryBackend;
using RmsNorm = OnEveryBackend;
using CausalAttention = OnEveryBackend;
using CrossEntropy = OnEveryBackend;
using Gather = OnEveryBackend;
using Dropout = OnEveryBackend;
using Optimizer = OnEveryBackend;
using Matmul = OnEveryBackend;

double row_sum(const Block& b, std::size_t row, std::size_t C) {
  double sum = 0;
  for (std::size_t c = 0; c < C; ++c) sum += static_cast<double>(b.data[row * C + c]);
  return sum;
}

TEST_P(Softmax, RowsSumToOneEvenForHugeLogits) {
  for (const float scale : {1.0f, 100.0f, 1e4f, 1e30f}) {
    for (const std::int64_t C : {1, 2, 7, 16, 33, 257, 5000}) {
      Block x = drawn({3, C}, 5), y({3, C});
      for (float& value : x.data) value *= scale;
      backend->softmax(y.view(), x.view());
      // Each of the C quotients is rounded once, and their common divisor a few times.
      const double allowed = kU * (4 + std::sqrt(static_cast<double>(C)));
      for (std::size_t r = 0; r < 3; ++r)
        EXPECT_NEAR(row_sum(y, r, static_cast<std::size_t>(C)), 1, allowed)
            << "C=" << C << " scale=" << scale;
      for (const float p : y.data) EXPECT_TRUE(p >= 0 && p <= 1) << p;
    }
  }
}

TEST_P(Softmax, ARowThatIsMaskedWholeGivesZeros) {
  for (const std::int64_t C : {1, 5, 16, 40}) {
    Block x({3, C}, 0.5f), y({3, C}, 7), dx({3, C}, 7), dy({3, C}, 1);
    for (std::int64_t c = 0; c < C; ++c) x[static_cast<std::size_t>(C + c)] = -kInf;
    backend->softmax(y.view(), x.view());
    backend->softmax_backward(write(dx), dy.view(), y.view());
    for (std::int64_t c = 0; c < C; ++c) {
      EXPECT_EQ(y[static_cast<std::size_t>(C + c)], 0);
      EXPECT_EQ(dx[static_cast<std::size_t>(C + c)], 0);
    }
    EXPECT_NEAR(row_sum(y, 0, static_cast<std::size_t>(C)), 1, 4e-7);
    EXPECT_NEAR(row_sum(y, 2, static_cast<std::size_t>(C)), 1, 4e-7);
  }
}

TEST_P(Softmax, MaskedPlacesGetNothingAndTheOthersEverything) {
  for (const std::size_t C : {2, 9, 33}) {
    Block x({1, static_cast<std::int64_t>(C)}, -kInf), y(x.shape);
    x[C / 2] = -1e4f;
    backend->softmax(y.view(), x.view());
    for (std::size_t c = 0; c < C; ++c) EXPECT_EQ(y[c], c == C / 2 ? 1.0f : 0.0f);
  }
}

TEST_P(Softmax, ANanSpoilsItsRowAndNoOther) {
  for (const std::size_t C : {1, 8, 19, 65})
    for (const std::size_t bad : {std::size_t{0}, C / 2, C - 1}) {
      Block x = drawn({3, static_cast<std::int64_t>(C)}, 11), y(x.shape);
      x[C + bad] = kNaN;
      backend->softmax(y.view(), x.view());
      for (std::size_t c = 0; c < C; ++c) {
        EXPECT_FALSE(std::isnan(y[c]));
        EXPECT_TRUE(std::isnan(y[C + c])) << "C=" << C << " bad=" << bad << " c=" << c;
        EXPECT_FALSE(std::isnan(y[2 * C + c]));
      }
    }
}

TEST_P(LayerNorm, RowsHaveMeanZeroAndVarianceOne) {
  for (const std::int64_t C : {2, 7, 64, 257}) {
    Block x = drawn({4, C}, 3), y(x.shape), mean({4, 1}), rstd({4, 1}), w({C}, 1);
    for (float& value : x.data) value = 50 + 3 * value;
    backend->layernorm(y.view(), mean.view(), rstd.view(), x.view(), w.view(), kNone, 1e-12);
    for (std::size_t r = 0; r < 4; ++r) {
      double squares = 0;
      for (std::size_t c = 0; c < static_cast<std::size_t>(C); ++c)
        squares += std::pow(static_cast<double>(y.data[r * static_cast<std::size_t>(C) + c]), 2);
      // Numbers and mean near 50 are rounded, which the division by the row's deviation enlarges.
      EXPECT_NEAR(row_sum(y, r, static_cast<std::size_t>(C)) / static_cast<double>(C), 0,
                  4 * kU * 50 * static_cast<double>(rstd[r]));
      EXPECT_NEAR(squares / static_cast<double>(C), 1, 1e-4);
    }
  }
}

TEST_P(LayerNorm, ARowWithoutVarianceGivesTheBiasAndNothingInfinite) {
  for (const std::int64_t C : {1, 8, 33}) {
    for (const float value : {0.0f, 3.0f, -1e4f, 1e-30f}) {
      Block x({2, C}, value), y(x.shape), mean({2, 1}), rstd({2, 1}), w({C}, 2), b({C}, 0.25f),
          dx(x.shape), dw({C}), db({C}), dy = drawn({2, C}, 9);
      backend->layernorm(y.view(), mean.view(), rstd.view(), x.view(), w.view(), b.view(), 1e-5);
      backend->layernorm_backward(write(dx), write(dw), write(db), dy.view(), x.view(), w.view(),
                                  mean.view(), rstd.view());
      for (const float number : y.data) EXPECT_NEAR(number, 0.25f, 1e-3 * std::fabs(value) + 1e-6);
      for (const float number : dx.data) EXPECT_TRUE(std::isfinite(number));
    }
  }
}

TEST_P(RmsNorm, ARowOfZerosStaysZero) {
  Block x({2, 19}), y(x.shape, 5), rstd({2, 1}), dx(x.shape), dw({19}), dy({2, 19}, 1), w({19}, 2);
  backend->rmsnorm(y.view(), rstd.view(), x.view(), w.view(), 1e-5);
  backend->rmsnorm_backward(write(dx), write(dw), dy.view(), x.view(), w.view(), rstd.view());
  for (const float number : y.data) EXPECT_EQ(number, 0);
  for (const float number : dx.data) EXPECT_TRUE(std::isfinite(number));
}

TEST_P(LayerNorm, ANanSpoilsItsRowAndNoOther) {
  constexpr std::int64_t C = 21;
  Block x = drawn({3, C}, 2), y(x.shape), mean({3, 1}), rstd({3, 1}), w({C}, 1);
  x[C + 20] = kNaN;
  backend->layernorm(y.view(), mean.view(), rstd.view(), x.view(), w.view(), kNone, 1e-5);
  for (std::size_t c = 0; c < C; ++c) {
    EXPECT_FALSE(std::isnan(y[c]));
    EXPECT_TRUE(std::isnan(y[C + c]));
    EXPECT_FALSE(std::isnan(y[2 * C + c]));
  }
}

// q, k, v of one head; y from them.
struct Head {
  Block q, k, v, y, lse;
  Head(std::int64_t Tq, std::int64_t Tk, std::int64_t D, std::uint64_t seed)
      : q(drawn({1, 1, Tq, D}, seed)),
        k(drawn({1, 1, Tk, D}, seed + 1)),
        v(drawn({1, 1, Tk, D}, seed + 2)),
        y({1, 1, Tq, D}, 9),
        lse({1, 1, Tq}, 9) {}
  void run(Backend& b, const Attention& a) {
    b.attention(y.view(), lse.view(), q.view(), k.view(), v.view(), a);
  }
};

TEST_P(CausalAttention, TheFirstQuerySeesOnlyTheFirstValue) {
  for (const std::int64_t T : {1, 2, 17, 70}) {
    Head h(T, T, 12, 4);
    h.run(*backend, {0.3, 0, 0, 0, {}});
    for (std::size_t d = 0; d < 12; ++d) EXPECT_EQ(h.y[d], h.v[d]) << "T=" << T;
  }
}

TEST_P(CausalAttention, TheFutureDoesNotMatter) {
  constexpr std::size_t T = 40, D = 8;
  Head a(T, T, D, 8), b(T, T, D, 8);
  for (std::size_t j = 25; j < T; ++j)
    for (std::size_t d = 0; d < D; ++d) {
      b.k[j * D + d] = kNaN;    // a score that is masked may have been anything
      b.v[j * D + d] = 1e30f;   // a weight of exactly 0 takes it out
    }
  a.run(*backend, {0.3, 0, 0, 0, {}});
  b.run(*backend, {0.3, 0, 0, 0, {}});
  EXPECT_EQ(std::memcmp(a.y.data.data(), b.y.data.data(), 25 * D * 4), 0);
  EXPECT_EQ(std::memcmp(a.lse.data.data(), b.lse.data.data(), 25 * 4), 0);
  EXPECT_TRUE(std::isnan(b.y[25 * D]));
}

TEST_P(CausalAttention, AQueryThatSeesNoKeyGivesZerosAndGetsNoGradient) {
  constexpr std::int64_t Tq = 5, Tk = 3, D = 9;
  Head h(Tq, Tk, D, 12);
  const Attention a = {
      0.3, 10, 2, 0, {}};   // positions 10.. with a window of 2 see keys 9..; there are three
  h.run(*backend, a);
  for (const float y : h.y.data) EXPECT_EQ(y, 0);
  for (const float lse : h.lse.data) EXPECT_EQ(lse, -kInf);
  Block dq(h.q.shape, 9), dk(h.k.shape, 9), dv(h.v.shape, 9), dy(h.q.shape, 1);
  backend->attention_backward(write(dq), write(dk), write(dv), dy.view(), h.y.view(), h.lse.view(),
                              h.q.view(), h.k.view(), h.v.view(), a);
  for (const Block* block : {&dq, &dk, &dv})
    for (const float number : block->data) EXPECT_EQ(number, 0);
}

TEST_P(CausalAttention, HugeScoresStayFinite) {
  Head h(20, 20, 16, 6);
  for (float& x : h.q.data) x *= 1e4f;
  h.run(*backend, {1, 0, 0, 0, {}});
  for (const float y : h.y.data) EXPECT_TRUE(std::isfinite(y));
}

TEST_P(CausalAttention, ACacheGivesWhatTheWholeSequenceGives) {
  constexpr std::size_t T = 37, D = 16;
  Head whole(T, T, D, 21), last(1, T, D, 21);
  whole.run(*backend, {0.25, 0, 0, 0, {}});
  for (std::size_t d = 0; d < D; ++d) last.q[d] = whole.q[(T - 1) * D + d];
  last.run(*backend, {0.25, T - 1, 0, 0, {}});
  for (std::size_t d = 0; d < D; ++d) EXPECT_NEAR(last.y[d], whole.y[(T - 1) * D + d], 2e-6);
}

TEST_P(CrossEntropy, AnIgnoredRowHasNoLossAndNoGradient) {
  constexpr std::int64_t V = 19;
  Block logits = drawn({3, V}, 5), loss({3}, 9), lse({3}), dlogits(logits.shape, 9), dloss({3}, 1);
  std::vector<std::int32_t> targets = {4, -100, 18};
  backend->cross_entropy(loss.view(), lse.view(), logits.view(), view_of(targets), -100);
  backend->cross_entropy_backward(write(dlogits), dloss.view(), logits.view(), lse.view(),
                                  view_of(targets), -100);
  EXPECT_GT(loss[0], 0);
  EXPECT_EQ(loss[1], 0);
  EXPECT_GT(loss[2], 0);
  for (std::size_t c = 0; c < V; ++c) EXPECT_EQ(dlogits[V + c], 0);
  EXPECT_NEAR(row_sum(dlogits, 0, V), 0, 1e-6);
}

TEST_P(CrossEntropy, AnIgnoredRowMayHoldAnything) {
  constexpr std::int64_t V = 7;
  Block logits({2, V}, kNaN), loss({2}), lse({2}), dlogits(logits.shape, 9), dloss({2}, 1);
  for (std::size_t c = 0; c < V; ++c) logits[c] = 0.5f;
  std::vector<std::int32_t> targets = {3, -1};
  backend->cross_entropy(loss.view(), lse.view(), logits.view(), view_of(targets), -1);
  backend->cross_entropy_backward(write(dlogits), dloss.view(), logits.view(), lse.view(),
                                  view_of(targets), -1);
  EXPECT_NEAR(loss[0], std::log(7.0), 1e-6);
  EXPECT_EQ(loss[1], 0);
  for (std::size_t c = 0; c < V; ++c) EXPECT_EQ(dlogits[V + c], 0);
}

TEST_P(CrossEntropy, HugeLogitsGiveAFiniteLoss) {
  Block logits({2, 3}), loss({2}), lse({2});
  logits.data = {1e4f, 0, -1e4f, 1e4f, 0, -1e4f};
  std::vector<std::int32_t> targets = {0, 2};
  backend->cross_entropy(loss.view(), lse.view(), logits.view(), view_of(targets), -1);
  EXPECT_EQ(loss[0], 0);
  EXPECT_EQ(loss[1], 2e4f);
}

TEST_P(CrossEntropy, ATargetOutsideOfTheVocabularyIsRefused) {
  Block logits({2, 3}), loss({2}), lse({2}), dlogits(logits.shape), dloss({2}, 1);
  for (const std::int32_t bad : {3, -2, 1 << 30}) {
    std::vector<std::int32_t> targets = {0, bad};
    EXPECT_THROW(
        backend->cross_entropy(loss.view(), lse.view(), logits.view(), view_of(targets), -1),
        std::invalid_argument)
        << bad;
    EXPECT_THROW(backend->cross_entropy_backward(write(dlogits), dloss.view(), logits.view(),
                                                 lse.view(), view_of(targets), -1),
                 std::invalid_argument)
        << bad;
  }
}

TEST_P(Gather, AnIdOutsideOfTheTableIsRefusedBeforeAnythingIsWritten) {
  Block table({4, 3}, 1), y({2, 3}, 5);
  for (const std::int32_t bad : {4, -1, 1 << 30}) {
    std::vector<std::int32_t> rows = {0, bad};
    EXPECT_THROW(backend->gather(y.view(), table.view(), view_of(rows)), std::invalid_argument)
        << bad;
    EXPECT_THROW(backend->scatter_add(write(table), view_of(rows), y.view()), std::invalid_argument)
        << bad;
    for (const float number : table.data) EXPECT_EQ(number, 1);
  }
}

TEST_P(Dropout, KeepsTheShareItShouldAndTheExpectation) {
  for (const double p : {0.1, 0.5, 0.9}) {
    Block x({40000}, 1), y(x.shape);
    backend->dropout(write(y), x.view(), p, RandomKey{17, 3, 2, 1});
    std::int64_t dropped = 0;
    for (const float number : y.data) {
      dropped += number == 0;
      EXPECT_TRUE(number == 0 || number == static_cast<float>(1 / (1 - p)));
    }
    EXPECT_NEAR(static_cast<double>(dropped) / 40000, p,
                5 * std::sqrt(p * (1 - p) / 40000));   // five deviations
  }
}

TEST_P(Dropout, DrawsByTheNumberOfTheElementAndNotByItsAddress) {
  Block x({6, 50}, 1), row(Shape{300}, 1), y(x.shape), z(row.shape);
  const RandomKey key = {17, 3, 2, 1};
  backend->dropout(write(y), x.view(), 0.5, key);
  backend->dropout(write(z), row.view(), 0.5, key);
  EXPECT_EQ(y.data, z.data);
  Block turned({50, 6}, 1), back({6, 50});
  View transposed = turned.view();
  transposed.shape[0] = 6, transposed.shape[1] = 50, transposed.stride[0] = 1,
  transposed.stride[1] = 6;
  backend->dropout(write(back), transposed, 0.5, key);
  EXPECT_EQ(y.data, back.data);
}

TEST_P(Optimizer, AStepWhoseNormIsNotFiniteChangesNothingAndSaysSo) {
  for (const float norm_value : {kNaN, kInf, -kInf}) {
    Block p = drawn({37}, 1), g({37}, kNaN), m = drawn({37}, 2), v = drawn({37}, 3, Draw::positive),
          numbers({kAdamWNumbers}, 0.5f), norm({1}, norm_value);
    const std::vector<float> p_before = p.data, m_before = m.data, v_before = v.data;
    std::vector<std::int32_t> skipped = {0};
    const AdamWItem item = {p.view(), g.view(), m.view(), v.view(), 0.1};
    backend->adamw(&item, 1, numbers.view(), norm.view(), view_of(skipped));
    EXPECT_EQ(skipped[0], 1);
    EXPECT_EQ(p.data, p_before);
    EXPECT_EQ(m.data, m_before);
    EXPECT_EQ(v.data, v_before);
  }
}

TEST_P(Optimizer, OneBadGradientMakesTheNormNotFinite) {
  for (const float bad : {kNaN, kInf, -kInf})
    for (const std::size_t where : {0, 15, 63, 64, 500, 999}) {
      Block g = drawn({1000}, 1), norm({1});
      g[where] = bad;
      const View grads[] = {g.view()};
      backend->global_norm(norm.view(), grads, 1);
      EXPECT_FALSE(std::isfinite(norm[0])) << bad << " at " << where;
    }
}

TEST_P(Optimizer, TheNormOfHugeGradientsDoesNotOverflowWhileSquaring) {
  Block g({1000}, 1e25f), norm({1});
  const View grads[] = {g.view()};
  backend->global_norm(norm.view(), grads, 1);
  EXPECT_NEAR(norm[0] / (1e25f * std::sqrt(1000.0f)), 1, 1e-6);
}

TEST_P(Matmul, ANanReachesItsRowAndColumnAndNothingElse) {
  constexpr std::size_t M = 19, K = 23, N = 35;
  Block a = drawn({M, K}, 1), b = drawn({K, N}, 2), c({M, N});
  a[7 * K + 11] = kNaN;
  backend->matmul(write(c), a.view(), b.view());
  for (std::size_t i = 0; i < M; ++i)
    for (std::size_t j = 0; j < N; ++j)
      EXPECT_EQ(std::isnan(c[i * N + j]), i == 7) << i << "," << j;
}

std::string isa_name(const testing::TestParamInfo<Candidate>& info) { return info.param.isa; }
INSTANTIATE_TEST_SUITE_P(On, Softmax, testing::ValuesIn(candidates()), isa_name);
INSTANTIATE_TEST_SUITE_P(On, LayerNorm, testing::ValuesIn(candidates()), isa_name);
INSTANTIATE_TEST_SUITE_P(On, RmsNorm, testing::ValuesIn(candidates()), isa_name);
INSTANTIATE_TEST_SUITE_P(On, CausalAttention, testing::ValuesIn(candidates()), isa_name);
INSTANTIATE_TEST_SUITE_P(On, CrossEntropy, testing::ValuesIn(candidates()), isa_name);
INSTANTIATE_TEST_SUITE_P(On, Gather, testing::ValuesIn(candidates()), isa_name);
INSTANTIATE_TEST_SUITE_P(On, Dropout, testing::ValuesIn(candidates()), isa_name);
INSTANTIATE_TEST_SUITE_P(On, Optimizer, testing::ValuesIn(candidates()), isa_name);
INSTANTIATE_TEST_SUITE_P(On, Matmul, testing::ValuesIn(candidates()), isa_name);

}  // namespace
}  // namespace glass::test
