// Ticks: round numbers, few enough, inside of the range, labelled so that they read back.
#include "interp/draw/axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "engine/base/text.h"

namespace glass {
namespace {

using testing::ElementsAre;

// 1, 2 or 5 times a power of ten?
bool is_nice(double step) {
  const double power = std::pow(10, std::floor(std::log10(step) + 1e-9));
  const double m = step / power;
  return std::abs(m - 1) < 1e-6 || std::abs(m - 2) < 1e-6 || std::abs(m - 5) < 1e-6;
}

TEST(Axis, TicksAreNiceNumbersEvenlySpacedAndFewEnough) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> exponent(-6, 9), start(-1, 1);
  for (int i = 0; i < 500; ++i) {
    const double span = std::pow(10, exponent(random)), low = start(random) * span * 3;
    const Axis axis = make_axis({low, low + span}, {.ticks = 6});
    SCOPED_TRACE(format("seed 1, case %d: %.17g .. %.17g", i, low, low + span));
    ASSERT_GE(axis.ticks.size(), 2u);
    EXPECT_LE(axis.ticks.size(), 7u);
    EXPECT_TRUE(is_nice(axis.ticks[1] - axis.ticks[0])) << axis.ticks[1] - axis.ticks[0];
    for (const double tick : axis.ticks) {
      EXPECT_GE(axis.place(tick), -1e-8);
      EXPECT_LE(axis.place(tick), 1 + 1e-8);
      EXPECT_NEAR(tick / (axis.ticks[1] - axis.ticks[0]),
                  std::round(tick / (axis.ticks[1] - axis.ticks[0])), 1e-6);
    }
  }
}

TEST(Axis, LabelsSayWhatTheTicksAre) {
  EXPECT_THAT(make_axis({0, 0.5}, {.ticks = 5}).labels,
              ElementsAre("0.0", "0.1", "0.2", "0.3", "0.4", "0.5"));
  EXPECT_THAT(make_axis({1.3, 4.2}, {.ticks = 4}).labels, ElementsAre("2", "3", "4"));
  EXPECT_THAT(make_axis({-20, 20}, {.ticks = 4}).labels,
              ElementsAre("-20", "-10", "0", "10", "20"));
  EXPECT_THAT(make_axis({0, 2000}, {.ticks = 5}).labels,
              ElementsAre("0", "500", "1,000", "1,500", "2,000"));
}

TEST(Axis, TheThirdTenthIsThreeTenths) {
  EXPECT_EQ(make_axis({0, 0.5}, {.ticks = 5}).ticks[3], 0.3);
}

TEST(Axis, OutwardRoundingEndsOnTicksAndHoldsTheData) {
  const Axis axis = make_axis({1.31, 4.17}, {.ticks = 6, .rounding = Rounding::outward});
  EXPECT_EQ(axis.range, (Range{1, 4.5}));
  EXPECT_EQ(axis.ticks.front(), axis.range.low);
  EXPECT_EQ(axis.ticks.back(), axis.range.high);
}

TEST(Axis, StepsAreCountedInWholeNumbers) {
  EXPECT_THAT(make_axis({0, 3}, {.ticks = 8, .grain = Grain::whole}).labels,
              ElementsAre("0", "1", "2", "3"));
}

TEST(Axis, ARangeWithoutWidthGetsSome) {
  for (const double value : {0.0, 2.5, -3.0, 1e-12, 1e12}) {
    const Axis axis = make_axis({value, value});
    EXPECT_LT(axis.range.low, value);
    EXPECT_GT(axis.range.high, value);
    EXPECT_GE(axis.ticks.size(), 2u) << value;
  }
}

TEST(Axis, ALogAxisCountsInPowersOfTen) {
  const Axis axis = make_axis({1, 100000}, {.ticks = 6, .scale = Scale::log});
  EXPECT_THAT(axis.labels, ElementsAre("1", "10", "100", "1,000", "10,000", "100,000"));
  EXPECT_NEAR(axis.place(1000), 0.6, 1e-12);
}

TEST(Axis, ALogAxisWithRoomAlsoShowsTwosAndFives) {
  EXPECT_THAT(make_axis({1, 100}, {.ticks = 8, .scale = Scale::log}).labels,
              ElementsAre("1", "2", "5", "10", "20", "50", "100"));
}

TEST(Axis, ALogAxisOverLittleHasTicksToo) {
  for (const Range range : {Range{3, 4}, Range{7, 7}, Range{0.5, 0.9}, Range{0, 0}, Range{-5, 3}}) {
    const Axis axis = make_axis(range, {.ticks = 6, .scale = Scale::log});
    EXPECT_GT(axis.range.low, 0);
    EXPECT_GE(axis.ticks.size(), 2u) << range.low << " .. " << range.high;
  }
}

TEST(Readable, DecimalsFollowTheLargestOfTheList) {
  EXPECT_EQ(readable(1.8834, 4.17), "1.883");
  EXPECT_EQ(readable(0.5, 4.17), "0.500");
  EXPECT_EQ(readable(4.17, 10.8), "4.17");
  EXPECT_EQ(readable(20, 12500), "20");
  EXPECT_EQ(readable(12500, 12500), "12,500");
  EXPECT_EQ(readable(1.25e-5, 1.25e-5), "1.25e-05");
}

}   // namespace
}   // namespace glass
