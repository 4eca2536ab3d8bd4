// The reference is what everything else is compared with; here it is compared with what can be worked out by hand, with
// other ways to say the same, and (the formulas) with finite differences.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "kernels/backends.h"
#include "kernels/dispatch.h"
#include "tests/kernels/tables.h"

namespace glass::test {
namespace {

struct Block {
  Shape shape;
  std::vector<double> data;
  explicit Block(Shape s, double value = 0)
      : shape(std::move(s)), data(static_cast<std::size_t>(count(shape)), value) {}
  Block(Shape s, std::vector<double> values) : shape(std::move(s)), data(std::move(values)) {}
  View view() {
    View v = place(DType::f64, shape, Layout::contiguous).view;
    v.data = reinterpret_cast<std::byte*>(data.data());
    return v;
  }
  Into write() { return {view(), false}; }
  Into add() { return {view(), true}; }
};

Block drawn(Shape shape, std::uint64_t seed) {
  Block b(std::move(shape));
  b.data = draw(in("x", b.shape), seed, 0);
  return b;
}

View transposed(View v) {
  std::swap(v.shape[v.rank - 1], v.shape[v.rank - 2]);
  std::swap(v.stride[v.rank - 1], v.stride[v.rank - 2]);
  return v;
}

constexpr View kNone = {nullptr, DType::f64, 0, {}, {}};

struct Reference : testing::Test {
  std::unique_ptr<Backend> b = make_reference_backend();
};

TEST_F(Reference, MatmulOfTwoByTwoIsWhatOneWorksOutByHand) {
  Block a({2, 2}, {1, 2, 3, 4}), c({2, 2}, {5, 6, 7, 8}), y({2, 2}, 100.0);
  b->matmul(y.add(), a.view(), c.view());
  EXPECT_EQ(y.data, (std::vector<double>{119, 122, 143, 150}));
  b->matmul(y.write(), transposed(a.view()), c.view());
  EXPECT_EQ(y.data, (std::vector<double>{26, 30, 38, 44}));
}

TEST_F(Reference, LinearIsAProductWithTheTransposedWeight) {
  Block x = drawn({2, 3, 5}, 1), w = drawn({4, 5}, 2), bias = drawn({4}, 3), y({2, 3, 4}),
        z({6, 4});
  Block flat({6, 5}, x.data);
  b->linear(y.view(), x.view(), w.view(), bias.view());
  b->matmul(z.write(), flat.view(), transposed(w.view()));
  for (std::size_t i = 0; i < y.data.size(); ++i)
    EXPECT_NEAR(y.data[i], z.data[i] + bias.data[i % 4], 1e-14);
}

TEST_F(Reference, FoldSumsOverTheAxesThatDisappear) {
  Block x({2, 3}, {1, 2, 3, 4, 5, 6}), columns({1, 3}), rows({2, 1}), all({1, 1}, 100.0),
      top({2, 1});
  b->fold(Fold::sum, columns.write(), x.view());
  b->fold(Fold::sum, rows.write(), x.view());
  b->fold(Fold::sum, all.add(), x.view());
  b->fold(Fold::max, top.write(), x.view());
  EXPECT_EQ(columns.data, (std::vector<double>{5, 7, 9}));
  EXPECT_EQ(rows.data, (std::vector<double>{6, 15}));
  EXPECT_EQ(all.data, (std::vector<double>{121}));
  EXPECT_EQ(top.data, (std::vector<double>{3, 6}));
}

TEST_F(Reference, FoldOfNothingIsZeroOrMinusInfinity) {
  Block x({0, 2}), y({1, 2}, 5.0);
  b->fold(Fold::sum, y.write(), x.view());
  EXPECT_EQ(y.data, (std::vector<double>{0, 0}));
  b->fold(Fold::max, y.write(), x.view());
  EXPECT_EQ(y.data[0], -std::numeric_limits<double>::infinity());
}

TEST_F(Reference, SoftmaxOfLogarithmsIsTheirRatio) {
  Block x({1, 3}, {std::log(1.0), std::log(2.0), std::log(5.0)}), y({1, 3});
  b->softmax(y.view(), x.view());
  EXPECT_NEAR(y.data[0], 0.125, 1e-15);
  EXPECT_NEAR(y.data[1], 0.25, 1e-15);
  EXPECT_NEAR(y.data[2], 0.625, 1e-15);
}

TEST_F(Reference, LayerNormOfThreeNumbersIsWhatOneWorksOutByHand) {
  Block x({1, 3}, {1, 2, 6}), w({3}, {1, 2, 3}), bias({3}, {0, 10, 0}), y({1, 3}), mean({1, 1}),
      rstd({1, 1});
  b->layernorm(y.view(), mean.view(), rstd.view(), x.view(), w.view(), bias.view(), 0);
  const double s = 1 / std::sqrt((4.0 + 1 + 9) / 3);
  EXPECT_EQ(mean.data[0], 3);
  EXPECT_NEAR(rstd.data[0], s, 1e-15);
  EXPECT_NEAR(y.data[0], -2 * s, 1e-15);
  EXPECT_NEAR(y.data[1], 10 - 2 * s, 1e-15);
  EXPECT_NEAR(y.data[2], 9 * s, 1e-15);
}

TEST_F(Reference, RmsNormOfTwoNumbersIsWhatOneWorksOutByHand) {
  Block x({1, 2}, {3, 4}), y({1, 2}), rstd({1, 1});
  b->rmsnorm(y.view(), rstd.view(), x.view(), kNone, 0);
  EXPECT_NEAR(y.data[0], 3 / std::sqrt(12.5), 1e-15);
  EXPECT_NEAR(y.data[1], 4 / std::sqrt(12.5), 1e-15);
}

// softmax(scale q k^T, future at -inf) v out of primitives, head by head.
TEST_F(Reference, AttentionIsItsTextbookComposition) {
  constexpr std::int64_t B = 2, H = 4, Hk = 2, T = 6, D = 3;
  for (const std::int64_t window : {0, 1, 3}) {
    Block q = drawn({B, H, T, D}, 1), k = drawn({B, Hk, T, D}, 2), v = drawn({B, Hk, T, D}, 3),
          y({B, H, T, D}), lse({B, H, T});
    b->attention(y.view(), lse.view(), q.view(), k.view(), v.view(), {0.7, 0, window, 0, {}});
    const auto head = [&](Block& x, std::int64_t number) {
      View one = Block({T, D}).view();
      one.data = x.view().data + number * T * D * static_cast<std::int64_t>(sizeof(double));
      return one;
    };
    for (std::int64_t h = 0; h < B * H; ++h) {
      const std::int64_t group = h / H * Hk + h % H / (H / Hk);
      Block scores({T, T}), pattern({T, T}), expected({T, D});
      b->matmul(scores.write(), head(q, h), transposed(head(k, group)));
      for (std::int64_t i = 0; i < T; ++i)
        for (std::int64_t j = 0; j < T; ++j) {
          double& s = scores.data[static_cast<std::size_t>(i * T + j)];
          s = j > i || (window > 0 && i - j >= window) ? -std::numeric_limits<double>::infinity()
                                                       : 0.7 * s;
        }
      b->softmax(pattern.view(), scores.view());
      b->matmul(expected.write(), pattern.view(), head(v, group));
      for (std::size_t i = 0; i < static_cast<std::size_t>(T * D); ++i)
        EXPECT_NEAR(y.data[static_cast<std::size_t>(h * T * D) + i], expected.data[i], 1e-14)
            << "head " << h << " window " << window;
    }
  }
}

TEST_F(Reference, RopeTurnsEachPairAndKeepsItsLength) {
  Block x = drawn({1, 1, 5, 8}, 1), y(x.shape), back(x.shape);
  b->rope(y.write(), x.view(), 10000, 3, false);
  b->rope(back.write(), y.view(), 10000, 3, true);
  for (std::size_t t = 0; t < 5; ++t)
    for (std::size_t i = 0; i < 4; ++i) {
      const double angle =
          static_cast<double>(3 + t) * std::pow(10000.0, -static_cast<double>(i) / 4);
      const double first = x.data[t * 8 + i], second = x.data[t * 8 + i + 4];
      EXPECT_NEAR(y.data[t * 8 + i], first * std::cos(angle) - second * std::sin(angle), 1e-14);
      EXPECT_NEAR(std::hypot(y.data[t * 8 + i], y.data[t * 8 + i + 4]), std::hypot(first, second),
                  1e-14);
    }
  for (std::size_t i = 0; i < x.data.size(); ++i) EXPECT_NEAR(back.data[i], x.data[i], 1e-14);
}

TEST_F(Reference, TheFirstStepOfAdamWMovesEveryWeightByTheLearningRate) {
  // After one step m / (1 - beta1) = g and v / (1 - beta2) = g^2, so the step is lr g / (|g| + eps).
  Block p({3}, {1, 2, 3}), g({3}, {0.5, -4, 1e-3}), m({3}), v({3});
  Block numbers({kAdamWNumbers}, {0.1, 0.9, 0.99, 0, 1 - 0.9, 1 - 0.99, 0});
  const AdamWItem item = {p.view(), g.view(), m.view(), v.view(), 0.01};
  b->adamw(&item, 1, numbers.view(), kNone, kNone);
  EXPECT_NEAR(p.data[0], 1 - 0.1 * 0.01 * 1 - 0.1, 1e-12);
  EXPECT_NEAR(p.data[1], 2 - 0.1 * 0.01 * 2 + 0.1, 1e-12);
  EXPECT_NEAR(p.data[2], 3 - 0.1 * 0.01 * 3 - 0.1, 1e-12);
  EXPECT_NEAR(m.data[1], -0.4, 1e-15);
  EXPECT_NEAR(v.data[1], 0.16, 1e-15);
}

TEST_F(Reference, ClippingScalesTheGradientDownButNeverUp) {
  EXPECT_NEAR(formulas::clip_factor(10.0, 1.0), 0.1, 1e-7);
  EXPECT_EQ(formulas::clip_factor(0.5, 1.0), 1.0);
  EXPECT_EQ(formulas::clip_factor(0.0, 1.0), 1.0);
}

TEST_F(Reference, GlobalNormIsPythagorasOverAllTensors) {
  Block a({1}, 3.0), c({1, 2}, {4, 12}), norm({1});
  const View grads[] = {a.view(), c.view()};
  b->global_norm(norm.view(), grads, 2);
  EXPECT_EQ(norm.data[0], 13);
}

TEST_F(
    Reference,
    ScatterAddIsTheGradientOfGather) {   // <gather(t), y> = <t, scatter_add(y)> for every t and y
  Block table = drawn({5, 3}, 1), y = drawn({7, 3}, 2), picked({7, 3}), gradient({5, 3});
  std::vector<std::int32_t> rows = {0, 4, 4, 2, 0, 1, 4};
  const View ids_ = {reinterpret_cast<std::byte*>(rows.data()), DType::i32, 1, {7}, {1}};
  b->gather(picked.view(), table.view(), ids_);
  b->scatter_add(gradient.write(), ids_, y.view());
  const auto dot = [](const Block& p, const Block& q) {
    return std::inner_product(p.data.begin(), p.data.end(), q.data.begin(), 0.0);
  };
  EXPECT_NEAR(dot(picked, y), dot(table, gradient), 1e-12);
  EXPECT_EQ(gradient.data[9], 0);   // row 3 was never picked
}

TEST_F(Reference, CopyConvertsTypesTowardsZero) {
  Block x({5}, {1.9, -1.9, 3e9, -3e9, std::numeric_limits<double>::quiet_NaN()});
  std::vector<std::int32_t> whole(5);
  const View to = {reinterpret_cast<std::byte*>(whole.data()), DType::i32, 1, {5}, {1}};
  b->copy({to, false}, x.view());
  EXPECT_EQ(whole, (std::vector<std::int32_t>{1, -1, 2147483647, -2147483647 - 1, 0}));
}

TEST_F(Reference, ShapesThatDoNotFitAreRefusedByName) {
  Block a({2, 3}), c({2, 3}), y({2, 3}), small({2});
  EXPECT_THROW(b->matmul(y.write(), a.view(), c.view()), std::invalid_argument);
  EXPECT_THROW(b->map(Unary::exp, y.view(), small.view()), std::invalid_argument);
  EXPECT_THROW(b->softmax(small.view(), a.view()), std::invalid_argument);
  EXPECT_THROW(b->rope(y.write(), a.view(), 10000, 0, false),
               std::invalid_argument);   // an odd head size
  View ids = a.view();
  ids.dtype = DType::i32;
  EXPECT_THROW(b->map(Unary::exp, ids, ids), std::invalid_argument);
}

// The slope of every formula against central differences in double.
TEST(Formulas, EverySlopeIsTheDerivativeOfItsFormula) {
  for (int i = 0; i < kUnaryCount; ++i) {
    const Unary f = static_cast<Unary>(i);
    with_unary(f, [&](auto tag) {
      constexpr Unary kF = decltype(tag)::value;
      const bool positive = domain(f) == Draw::positive;
      for (double x = positive ? 0.11 : -6.03; x < 6; x += 0.0713) {
        const double h = 1e-5 * std::max(1.0, std::fabs(x)), up = x + h, down = x - h;
        const double slope = unary_slope<kF>(x),
                     numeric = (unary<kF>(up) - unary<kF>(down)) / (up - down);
        EXPECT_NEAR(slope, numeric, 1e-8 + 1e-6 * std::fabs(slope)) << name_of(f) << " at " << x;
      }
    });
  }
}

TEST(Formulas, AreWhatTheyAreNamedAfter) {
  for (double x = -8; x < 8; x += 0.37) {
    const double inner = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
    EXPECT_NEAR(formulas::gelu(x), x / 2 * (1 + std::tanh(inner)), 1e-15 * std::fabs(x) + 1e-18);
    EXPECT_NEAR(formulas::gelu_erf(x), x / 2 * (1 + std::erf(x / std::sqrt(2.0))),
                1e-15 * std::fabs(x) + 1e-18);
    EXPECT_NEAR(formulas::silu(x), x / (1 + std::exp(-x)), 1e-15 * std::fabs(x) + 1e-18);
    EXPECT_NEAR(formulas::sigmoid(x), 1 / (1 + std::exp(-x)), 1e-15);
    EXPECT_EQ(formulas::relu2(x), x > 0 ? x * x : 0);
  }
}

TEST(Formulas, ChooseZeroAtEveryKink) {
  for (const double zero : {0.0, -0.0}) {
    EXPECT_EQ(formulas::relu_slope(zero), 0);
    EXPECT_EQ(formulas::relu2_slope(zero), 0);
    EXPECT_EQ(formulas::abs_slope(zero), 0);
  }
}

TEST(Formulas, LetNoNanPassForANumber) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (int i = 0; i < kUnaryCount; ++i)
    with_unary(static_cast<Unary>(i), [&](auto tag) {
      constexpr Unary kF = decltype(tag)::value;
      EXPECT_TRUE(std::isnan(unary<kF>(nan))) << name_of(kF);
      EXPECT_EQ(std::isnan(unary_slope<kF>(nan)), kF != Unary::neg)
          << name_of(kF);   // neg has one slope everywhere
    });
  for (const Binary f :
       {Binary::add, Binary::sub, Binary::mul, Binary::div, Binary::max, Binary::min})
    with_binary(f, [&](auto tag) {
      constexpr Binary kF = decltype(tag)::value;
      EXPECT_TRUE(std::isnan(binary<kF>(nan, 1.0f))) << name_of(kF);
      EXPECT_TRUE(std::isnan(binary<kF>(1.0f, nan))) << name_of(kF);
    });
}

TEST(Formulas, StayFiniteWhereTheyAreFlat) {
  const double inf = std::numeric_limits<double>::infinity();
  for (const double x : {-1e300, -inf}) {
    EXPECT_EQ(formulas::gelu(x), 0);
    EXPECT_EQ(formulas::gelu_erf(x), 0);
    EXPECT_EQ(formulas::silu(x), 0);
    EXPECT_EQ(formulas::gelu_slope(x), 0);
    EXPECT_EQ(formulas::gelu_erf_slope(x), 0);
    EXPECT_EQ(formulas::silu_slope(x), 0);
    EXPECT_EQ(formulas::gelu_slope(-x), 1);
    EXPECT_EQ(formulas::gelu_erf_slope(-x), 1);
    EXPECT_EQ(formulas::silu_slope(-x), 1);
  }
  EXPECT_EQ(formulas::gelu_slope(1e30f), 1);
}

}  // namespace
}  // namespace glass::test
