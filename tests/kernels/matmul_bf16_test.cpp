// Products of bf16 on every instruction set and on the emulator's matrix units, against sums in double.
//
// A product of two bf16 has 16 significant bits and is exact in f32, so the error of a result in
// f32 is that of a sum in f32, as for f32 factors: 4 u of the sum of magnitudes and sqrt(K) u of
// the sum (table_matrix.cpp). A result in bf16 is that, rounded once to 8 bits. Where vdpbf16ps
// counts subnormals as 0 it is off by at most K times 2^-126 times the largest factor; the numbers
// here are far from there.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>

#include "kernels/backends.h"
#include "kernels/cpu/cpu_backend.h"
#include "tests/kernels/problem.h"

#if defined(__SANITIZE_THREAD__)
#define GLASS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GLASS_TSAN 1
#endif
#endif

namespace glass::test {
namespace {

constexpr double kHalfU = 1.0 / (1 << 8);   // the unit roundoff of bf16, which has 8 significant bits

std::uint16_t upper_half(float x) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x) >> 16);
}
float widened(std::uint16_t x) { return std::bit_cast<float>(std::uint32_t{x} << 16); }

// A matrix of numbers that bf16 holds, stored in either type; `transposed`: its columns are
// contiguous.
struct Matrix {
  std::int64_t rows, columns;
  bool half, transposed;
  std::vector<float> floats;
  std::vector<std::uint16_t> halves;

  Matrix(std::int64_t r, std::int64_t c, bool h, bool t, std::mt19937& random)
      : rows(r), columns(c), half(h), transposed(t) {
    std::uniform_real_distribution<float> draw(-1, 1);
    for (std::int64_t i = 0; i < r * c; ++i) {
      halves.push_back(upper_half(draw(random)));
      floats.push_back(widened(halves.back()));
    }
  }
  double at(std::int64_t i, std::int64_t j) const {
    const auto n = static_cast<std::size_t>(transposed ? j * rows + i : i * columns + j);
    return half ? static_cast<double>(widened(halves[n])) : static_cast<double>(floats[n]);
  }
  View view() {
    View v{};
    v.data = half ? reinterpret_cast<std::byte*>(halves.data())
                  : reinterpret_cast<std::byte*>(floats.data());
    v.dtype = half ? DType::bf16 : DType::f32;
    v.rank = 2, v.shape[0] = rows, v.shape[1] = columns;
    v.stride[0] = transposed ? 1 : columns, v.stride[1] = transposed ? rows : 1;
    return v;
  }
};

struct Case {
  std::int64_t M, N, K;
  bool half_result, add, a_transposed, b_transposed, half_factors = true;
  std::string name() const {
    return std::to_string(M) + "x" + std::to_string(N) + "x" + std::to_string(K) +
           (half_factors ? "" : ", factors in f32") +
           (half_result ? ", result in bf16" : ", result in f32") + (add ? ", added" : "") +
           (a_transposed ? ", a transposed" : "") + (b_transposed ? ", b transposed" : "");
  }
};

// Tails of tiles, odd sums, few rows, sums of several blocks; the last ones are shared by threads.
std::vector<Case> cases() {
  const std::int64_t sizes[][3] = {{1, 1, 1},      {1, 5, 2},      {3, 40, 129},  {5, 33, 8},
                                   {8, 70, 300},   {14, 32, 16},   {15, 33, 17},  {29, 65, 31},
                                   {40, 50, 1},    {70, 31, 777},  {2, 900, 700}, {130, 200, 311},
                                   {257, 65, 901}, {61, 300, 1601}, {24, 40, 2500}};
  std::vector<Case> all;
  for (const auto& s : sizes)
    for (int i = 0; i < 16; ++i)
      all.push_back({s[0], s[1], s[2], i % 2 == 1, i / 2 % 2 == 1, i / 4 % 2 == 1, i / 8 == 1});
  all.push_back({33, 40, 50, true, false, false, true, false});
  all.push_back({130, 140, 150, true, true, false, true, false});
  return all;
}

std::vector<std::string> usable_isas() {
  std::vector<std::string> names;
  for (const CpuIsa& isa : cpu_isas())
    if (isa.usable) names.emplace_back(isa.name);
  return names;
}

// What multiplies: those, and the emulator where there is one.
std::vector<std::string> multipliers() {
  std::vector<std::string> names = usable_isas();
  for (const DeviceInfo& device : list_devices())
    if (device.name == "emulator") names.push_back(device.name);
  return names;
}
// The emulator takes a second for a few hundred million products. ThreadSanitizer follows every
// access, also those of the sums in double that results are held to.
#ifdef GLASS_TSAN
constexpr std::int64_t kMost = 1 << 21, kMostEmulated = 1 << 16;
#else
constexpr std::int64_t kMost = 1 << 30, kMostEmulated = 1 << 21;
#endif
bool takes_too_long(const std::string& name, const Case& c) {
  return c.M * c.N * c.K > (name == "emulator" ? kMostEmulated : kMost);
}
std::unique_ptr<Backend> multiplier(const std::string& name) {
  return name == "emulator" ? make_backend(name, "auto", 0) : make_cpu_backend(name, 2);
}

void expect_near(const Case& c, const std::string& isa, const Matrix& before, const Matrix& got,
                 const Matrix& a, const Matrix& b, Matrix* bias) {
  for (std::int64_t i = 0; i < c.M; ++i)
    for (std::int64_t j = 0; j < c.N; ++j) {
      double sum = bias != nullptr ? bias->at(0, j) : c.add ? before.at(i, j) : 0;
      double magnitude = std::fabs(sum);
      for (std::int64_t k = 0; k < c.K; ++k)
        sum += a.at(i, k) * b.at(k, j), magnitude += std::fabs(a.at(i, k) * b.at(k, j));
      const double allowed = kU * (4 * magnitude + (1 + std::sqrt(c.K)) * std::fabs(sum)) +
                             (c.half_result ? kHalfU * std::fabs(sum) : 0);
      ASSERT_NEAR(got.at(i, j), sum, allowed)
          << isa << ", " << c.name() << ": element (" << i << ", " << j << ")";
    }
}

TEST(MatmulBf16, IsTheSumOfExactProducts) {
  for (const std::string& isa : multipliers()) {
    const auto backend = multiplier(isa);
    std::mt19937 random(11);
    for (const Case& c : cases()) {
      if (takes_too_long(isa, c)) continue;
      Matrix a(c.M, c.K, c.half_factors, c.a_transposed, random),
          b(c.K, c.N, c.half_factors, c.b_transposed, random);
      const Matrix before(c.M, c.N, c.half_result, false, random);
      Matrix result = before;
      backend->matmul({result.view(), c.add}, a.view(), b.view());
      expect_near(c, isa, before, result, a, b, nullptr);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(LinearBf16, AddsABiasOfEitherType) {
  for (const std::string& isa : multipliers()) {
    const auto backend = multiplier(isa);
    std::mt19937 random(12);
    for (const Case& c : cases())
      for (const bool half_bias : {false, true}) {
        if (c.a_transposed || !c.b_transposed || c.add) continue;
        Matrix x(c.M, c.K, c.half_factors, false, random),
            w(c.N, c.K, c.half_factors, false, random), bias(1, c.N, half_bias, false, random);
        Matrix y(c.M, c.N, c.half_result, false, random);
        View vector = bias.view();
        vector.rank = 1, vector.shape[0] = c.N, vector.stride[0] = 1;
        const Matrix before = y;
        backend->linear(y.view(), x.view(), w.view(), vector);
        Matrix wt = w;
        wt.rows = c.K, wt.columns = c.N, wt.transposed = true;
        expect_near(c, isa, before, y, x, wt, &bias);
        if (HasFatalFailure()) return;
      }
  }
}

TEST(MatmulBf16, HasTheSameBitsForAnyNumberOfThreads) {
  for (const std::string& isa : usable_isas())
    for (const Case& c : cases()) {
      if (c.M * c.N * c.K < 1 << 19) continue;   // nothing to share
      std::vector<Matrix> results;
      for (const int threads : {1, 2, 3, 7}) {
        std::mt19937 random(13);
        Matrix a(c.M, c.K, c.half_factors, c.a_transposed, random),
            b(c.K, c.N, c.half_factors, c.b_transposed, random),
            result(c.M, c.N, c.half_result, false, random);
        make_cpu_backend(isa, threads)->matmul({result.view(), c.add}, a.view(), b.view());
        results.push_back(result);
        EXPECT_TRUE(results[0].halves == result.halves && results[0].floats == result.floats)
            << isa << ", " << c.name() << ", " << threads << " threads";
      }
    }
}

TEST(MatmulBf16, RefusesFactorsOfTwoTypes) {
  std::mt19937 random(14);
  Matrix a(3, 4, true, false, random), b(4, 5, false, false, random), c(3, 5, false, false, random);
  for (const std::string& isa : multipliers())
    EXPECT_THROW(multiplier(isa)->matmul({c.view(), false}, a.view(), b.view()),
                 std::invalid_argument);
}

}   // namespace
}   // namespace glass::test
