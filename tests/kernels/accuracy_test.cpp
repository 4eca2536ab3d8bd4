// How many units in the last place the vector functions are off, over floats of every size: by default a few million,
// evenly spread over all 2^32 bit patterns; with GLASS_EXHAUSTIVE=1 every one of them.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "kernels/dispatch.h"
#include "tests/kernels/harness.h"
#include "tests/kernels/tables.h"

namespace glass::test {
namespace {

constexpr std::uint64_t kPatterns = std::uint64_t{1} << 32;
constexpr std::uint64_t kStep = 1999;   // a prime: 2.1 million samples with every kind of low bits
constexpr std::int64_t kBlock = 1 << 16;

struct Rule {
  Unary f;
  double ulps;
};   // 0: the correctly rounded result
void PrintTo(const Rule& rule, std::ostream* out) { *out << name_of(rule.f); }

// clang-format off
constexpr Rule kRules[] = {
    {Unary::neg, 0}, {Unary::abs, 0}, {Unary::relu, 0}, {Unary::relu2, 0}, {Unary::square, 0}, {Unary::sqrt, 0}, {Unary::reciprocal, 0},
    {Unary::exp, 4}, {Unary::log, 4}, {Unary::rsqrt, 4}, {Unary::sin, 4}, {Unary::cos, 4}, {Unary::tanh, 4}, {Unary::erf, 4},
    {Unary::sigmoid, 4},
    // These keep their ulps but on the left tail, where the gate of unary_gate.cpp holds, which says why.
    {Unary::silu, 5}, {Unary::gelu, 4}, {Unary::gelu_erf, 4},
};
// clang-format on

std::vector<Rule> rules() { return {std::begin(kRules), std::end(kRules)}; }

View row(float* data, std::int64_t n) {
  return {reinterpret_cast<std::byte*>(data), DType::f32, 1, {n}, {1}};
}

float from_bits(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

// The promise in ulps holds here; elsewhere the composed gate does.
bool well_conditioned(Unary f, double x) {
  if (f == Unary::silu) return x > -87;
  if (f == Unary::gelu) return x > -0.5;
  if (f == Unary::gelu_erf) return x > -0.5;
  return true;
}

struct Worst {
  double ulps = 0;
  float x = 0, got = 0;
  double want = 0;
};

class Accuracy : public testing::TestWithParam<Rule> {};

TEST_P(Accuracy, StaysWithinItsUlpsForFloatsOfEverySize) {
  const Rule rule = GetParam();
  const bool exhaustive = std::getenv("GLASS_EXHAUSTIVE") != nullptr;
  const std::uint64_t step = exhaustive ? 1 : kStep;
  std::vector<Candidate> isas;
  for (const Candidate& c : candidates())
    if (c.usable && c.has_threads()) isas.push_back(c);
  std::vector<Worst> worst(isas.size());
  std::vector<std::int64_t> wrong(isas.size());
  std::vector<float> x(kBlock), y(kBlock);
  std::vector<double> want(kBlock);
  std::uint64_t samples = 0;
  for (std::uint64_t bits = static_cast<std::uint64_t>(rule.f) * 37 % step; bits < kPatterns;) {
    std::int64_t n = 0;
    for (; n < kBlock && bits < kPatterns; bits += step)
      x[static_cast<std::size_t>(n++)] = from_bits(static_cast<std::uint32_t>(bits));
    samples += static_cast<std::uint64_t>(n);
    with_unary(rule.f, [&](auto tag) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
        want[i] = unary<decltype(tag)::value>(static_cast<double>(x[i]));
    });
    for (std::size_t c = 0; c < isas.size(); ++c) {
      candidate(isas[c].isa, 1).map(rule.f, row(y.data(), n), row(x.data(), n));
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
        const float nearest = static_cast<float>(want[i]);
        if (std::isnan(want[i])) {
          wrong[c] += !std::isnan(y[i]);
          continue;
        }
        if (y[i] == nearest) continue;
        const bool exact = rule.ulps == 0, infinite = std::isinf(nearest);
        const double off =
            infinite ? INFINITY : std::fabs(static_cast<double>(y[i]) - want[i]) / ulp(want[i]);
        const bool good =
            !exact && (well_conditioned(rule.f, x[i])
                           ? off <= rule.ulps
                           : std::fabs(static_cast<double>(y[i]) - want[i]) <=
                                 allowed_value(rule.f, x[i]) + kU * std::fabs(want[i]));
        // Just below the largest float a result may be an infinity, and the other way round: that is one ulp too.
        const bool at_the_edge =
            !exact && std::fabs(want[i]) > 3.402e38 && std::fabs(want[i]) < 3.4035e38;
        if (!(good || at_the_edge)) {
          if (++wrong[c] == 1)
            ADD_FAILURE() << isas[c].isa << ": " << name_of(rule.f) << "(" << x[i] << ") is "
                          << y[i] << ", not " << want[i] << ": " << off << " ulps";
        }
        if (well_conditioned(rule.f, x[i]) && !at_the_edge && !(off <= worst[c].ulps))
          worst[c] = {off, x[i], y[i], want[i]};
      }
    }
  }
  for (std::size_t c = 0; c < isas.size(); ++c) {
    std::cout << "  " << name_of(rule.f) << " " << isas[c].isa << ": at most " << worst[c].ulps
              << " ulps of " << rule.ulps << " allowed, at " << worst[c].x << ", " << samples
              << " inputs\n";
    EXPECT_EQ(wrong[c], 0) << isas[c].isa << ": " << name_of(rule.f);
  }
}

std::string name_of_test(const testing::TestParamInfo<Rule>& rule) { return name_of(rule.param.f); }
INSTANTIATE_TEST_SUITE_P(Formulas, Accuracy, testing::ValuesIn(rules()), name_of_test);

TEST(Accuracy, HasARuleForEveryFormula) {
  EXPECT_EQ(rules().size(), static_cast<std::size_t>(kUnaryCount));
}

}  // namespace
}  // namespace glass::test
