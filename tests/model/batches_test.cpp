// Windows of a corpus: every one once an epoch, in an order that is a function of the seed alone.
#include "model/batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "engine/base/error.h"
#include "model/permutation.h"

namespace glass {
namespace {

using testing::HasSubstr;

std::vector<std::int32_t> counting(std::int64_t size) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(size));
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

std::vector<std::int64_t> epoch_of(const Batches& batches, std::int64_t epoch) {
  std::vector<std::int64_t> starts;
  for (std::int64_t g = 0; g < batches.windows(); ++g)
    starts.push_back(batches.start_of(epoch * batches.windows() + g));
  return starts;
}

TEST(Permutation, IsABijectionOfEverySize) {
  for (std::int64_t n = 1; n <= 300; ++n) {
    const Permutation shuffled(n, 42, 7, 3);
    std::set<std::int64_t> seen;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t place = shuffled(i);
      ASSERT_TRUE(place >= 0 && place < n) << "n " << n << ", i " << i << ": " << place;
      seen.insert(place);
    }
    ASSERT_EQ(static_cast<std::int64_t>(seen.size()), n) << "n " << n;
  }
}

TEST(Permutation, LargeOnesStayInRangeAndApart) {
  const std::int64_t n = (std::int64_t{1} << 40) + 12345;
  const Permutation shuffled(n, 1, 2, 3);
  std::set<std::int64_t> seen;
  for (std::int64_t i = 0; i < 1000; ++i) seen.insert(shuffled(n - 1 - i));
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_GE(*seen.begin(), 0);
  EXPECT_LT(*seen.rbegin(), n);
  EXPECT_LT(*seen.begin(), n / 100) << "a thousand places of a good shuffle reach every hundredth";
}

TEST(Permutation, EverySeedSiteAndRoundHasAnOrderOfItsOwn) {
  const auto order = [](Permutation p) {
    std::vector<std::int64_t> places;
    for (std::int64_t i = 0; i < p.size(); ++i) places.push_back(p(i));
    return places;
  };
  const auto base = order({50, 1, 1, 1});
  EXPECT_EQ(base, order({50, 1, 1, 1}));
  EXPECT_NE(base, order({50, 2, 1, 1}));
  EXPECT_NE(base, order({50, 1, 2, 1}));
  EXPECT_NE(base, order({50, 1, 1, 2}));
}

// The first of n = 8 after many shuffles: each place as often as the others, to within five
// standard deviations of a fair dice.
TEST(Permutation, IsFair) {
  const int kThrows = 8000;
  std::vector<int> first(8);
  for (int round = 0; round < kThrows; ++round)
    ++first[static_cast<std::size_t>(Permutation(8, 5, 0, static_cast<std::uint32_t>(round))(0))];
  const double mean = kThrows / 8.0, deviation = std::sqrt(kThrows * (1 / 8.0) * (7 / 8.0));
  for (const int count : first) EXPECT_NEAR(count, mean, 5 * deviation);
}

TEST(Batches, AnEpochVisitsEveryWindowOnce) {
  const std::int64_t T = 8;
  for (const std::int64_t S : {9, 10, 16, 17, 24, 25, 100, 1000, 1001, 1007}) {
    const std::vector<std::int32_t> ids = counting(S);
    const Batches batches(Tokens(ids), 1, T, 42);
    for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
      std::vector<std::int64_t> starts = epoch_of(batches, epoch);
      std::sort(starts.begin(), starts.end());
      ASSERT_GE(starts.front(), 0);
      ASSERT_LT(starts.front(), T);
      ASSERT_LE(starts.back() + T, S - 1) << "the last target must exist; S " << S;
      for (std::size_t i = 1; i < starts.size(); ++i) ASSERT_EQ(starts[i] - starts[i - 1], T);
      ASSERT_GE(batches.windows(), std::max<std::int64_t>(1, S / T - 1)) << "S " << S;
    }
  }
}

TEST(Batches, EveryEpochHasItsOwnOrderAndOffset) {
  const std::vector<std::int32_t> ids = counting(2000);
  const Batches batches(Tokens(ids), 1, 16, 42);
  std::set<std::vector<std::int64_t>> orders;
  std::set<std::int64_t> offsets;
  for (std::int64_t epoch = 0; epoch < 20; ++epoch) {
    std::vector<std::int64_t> starts = epoch_of(batches, epoch);
    const std::int64_t offset = *std::min_element(starts.begin(), starts.end());
    for (std::int64_t& start : starts) start -= offset;
    orders.insert(starts);
    offsets.insert(offset);
  }
  EXPECT_EQ(orders.size(), 20u);
  EXPECT_GT(offsets.size(), 8u) << "twenty throws of a dice with sixteen sides";
}

TEST(Batches, EveryOffsetBelowTOccurs) {
  const std::vector<std::int32_t> ids = counting(1007);
  const Batches batches(Tokens(ids), 1, 8, 3);
  std::set<std::int64_t> offsets;
  for (std::int64_t epoch = 0; epoch < 100; ++epoch)
    offsets.insert(batches.start_of(epoch * batches.windows()) % 8);
  EXPECT_EQ(offsets.size(), 8u) << "a hundred throws of a dice with eight sides";
}

TEST(Batches, TargetsAreOneTokenAhead) {
  const std::vector<std::int32_t> ids = counting(500);
  const Batches batches(Tokens(ids), 3, 10, 1);
  std::vector<std::int32_t> inputs(30), targets(30);
  batches.fill(7, inputs, targets);
  for (std::size_t b = 0; b < 3; ++b) {
    const auto start = batches.start_of(7 + static_cast<std::int64_t>(b));
    for (std::size_t t = 0; t < 10; ++t) {
      EXPECT_EQ(inputs[b * 10 + t], start + static_cast<std::int64_t>(t));
      EXPECT_EQ(targets[b * 10 + t], inputs[b * 10 + t] + 1);
    }
  }
}

TEST(Batches, ASampleIsAFunctionOfSeedAndNumberAlone) {
  const std::vector<std::int32_t> ids = counting(5000);
  const Batches one(Tokens(ids), 4, 32, 42), other(Tokens(ids), 1, 32, 42);
  std::vector<std::int32_t> four(128), four_targets(128), single(32), single_targets(32);
  one.fill(1000, four, four_targets);
  for (std::size_t b = 0; b < 4; ++b) {
    other.fill(1000 + static_cast<std::int64_t>(b), single, single_targets);
    EXPECT_TRUE(std::equal(single.begin(), single.end(), four.begin() + 32 * std::ptrdiff_t(b)));
  }
  const Batches reseeded(Tokens(ids), 4, 32, 43);
  EXPECT_NE(epoch_of(one, 0), epoch_of(reseeded, 0));
}

TEST(Batches, TooShortACorpusIsRefusedWithBothSizes) {
  const std::vector<std::int32_t> ids = counting(64);
  try {
    const Batches batches(Tokens(ids), 1, 64, 1);
    FAIL() << "64 tokens have no window of 64 inputs and 64 targets";
  } catch (const ContentError& error) {
    EXPECT_THAT(error.what(), HasSubstr("64 tokens is too short for windows of 64"));
    EXPECT_THAT(error.what(), HasSubstr("--block-size 63"));
  }
  EXPECT_EQ(Batches(Tokens(ids), 1, 63, 1).windows(), 1);
}

}   // namespace
}   // namespace glass
