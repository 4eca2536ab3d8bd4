// Random tensors: a function of the key alone, with the right distribution.
#include "engine/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/ops.h"
#include "tests/engine/devices.h"

namespace glass {
namespace {

const RandomKey kKey{42, site("tests", "random"), 0, 0};

TEST(Random, IsTheSameOnEveryDevice) {
  const std::vector<double> there = gaussian(testing::reference(), {1000}, 0, 1, kKey, DType::f32).to_host();
  const DeviceInfo processor = list_devices().front();
  for (const std::string& isa : processor.isas) {
    EXPECT_EQ(gaussian(testing::cpu(isa), {1000}, 0, 1, kKey).to_host(), there) << isa;
  }
}

TEST(Random, ALongerDrawBeginsLikeAShorterOne) {
  const std::vector<double> five = uniform(testing::reference(), {5}, 0, 1, kKey, DType::f64).to_host();
  std::vector<double> ten = uniform(testing::reference(), {10}, 0, 1, kKey, DType::f64).to_host();
  ten.resize(5);
  EXPECT_EQ(five, ten);
}

TEST(Random, OtherSitesStepsAndSeedsGiveOtherNumbers) {
  const auto first = [](RandomKey key) { return uniform(testing::reference(), {1}, 0, 1, key, DType::f64).item(); };
  RandomKey other_site = kKey, other_step = kKey, other_seed = kKey, other_micro = kKey;
  other_site.site = site("tests", "other"), other_step.step = 1, other_seed.seed = 43, other_micro.micro = 1;
  for (const RandomKey& key : {other_site, other_step, other_seed, other_micro}) EXPECT_NE(first(key), first(kKey));
}

// Sample moments of n draws stay within 5 of their standard errors; the draws are fixed, so this passes always or never.
TEST(Random, GaussianHasItsMomentsAndUniformFillsItsRange) {
  constexpr int n = 100'000;
  double sum = 0, squares = 0;
  for (double x : gaussian(testing::reference(), {n}, 2, 3, kKey, DType::f64).to_host()) sum += x, squares += (x - 2) * (x - 2);
  EXPECT_NEAR(sum / n, 2, 5 * 3 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 9, 5 * 9 * std::sqrt(2.0 / n));
  int bins[10] = {};
  for (double x : uniform(testing::reference(), {n}, -1, 1, kKey, DType::f64).to_host()) {
    ASSERT_GT(x, -1);
    ASSERT_LT(x, 1);
    ++bins[static_cast<int>((x + 1) * 5)];
  }
  for (int count : bins) EXPECT_NEAR(count, n / 10, 5 * std::sqrt(n * 0.09));
}

TEST(Dropout, KeepsTheShareItShouldAndIsTheSameEverywhere) {
  const Tensor x = Tensor::full(testing::reference(), {100, 1000}, 1, DType::f32);
  const std::vector<double> y = dropout(x, 0.2, kKey).to_host();
  double kept = 0;
  for (double v : y) {
    ASSERT_TRUE(v == 0 || v == 1.25) << v;
    kept += v != 0;
  }
  EXPECT_NEAR(kept / double(y.size()), 0.8, 5 * std::sqrt(0.16 / double(y.size())));
  const DeviceInfo processor = list_devices().front();
  for (const std::string& isa : processor.isas) {
    EXPECT_EQ(dropout(Tensor::full(testing::cpu(isa), {100, 1000}, 1), 0.2, kKey).to_host(), y) << isa;
  }
}

}  // namespace
}  // namespace glass
