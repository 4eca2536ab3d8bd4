// engine/base/text.h: numbers in and out of text, quoting, suggestions.
#include "engine/base/text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>

namespace glass {
namespace {

TEST(Text, EveryDoubleComesBackBitForBit) {
  std::mt19937_64 random(20240607);
  for (int i = 0; i < 100000; ++i) {
    const std::uint64_t bits = random();
    double value = 0, again = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value) || std::fpclassify(value) == FP_SUBNORMAL) continue;
    ASSERT_EQ(parse_number(shortest(value), again), NumberFault::none) << shortest(value);
    ASSERT_EQ(std::memcmp(&value, &again, sizeof value), 0) << shortest(value);
  }
}

TEST(Text, ShortestDigitsAreShort) {
  EXPECT_EQ(shortest(0.1), "0.1");
  EXPECT_EQ(shortest(0.1f), "0.1");
  EXPECT_EQ(shortest(1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(shortest(-0.0), "-0");
  EXPECT_EQ(shortest(std::numeric_limits<double>::infinity()), "inf");
}

TEST(Text, AFaultLeavesTheNumberAloneAndSaysWhatItIs) {
  std::int64_t n = 7;
  EXPECT_EQ(parse_integer("", n), NumberFault::empty);
  EXPECT_EQ(parse_integer("12abc", n), NumberFault::malformed);
  EXPECT_EQ(parse_integer("9223372036854775808", n), NumberFault::out_of_range);
  EXPECT_EQ(parse_integer("nan", n), NumberFault::not_finite);
  EXPECT_EQ(n, 7);
  EXPECT_EQ(parse_integer("-9223372036854775808", n), NumberFault::none);
  EXPECT_EQ(n, std::numeric_limits<std::int64_t>::min());
  double x = 7;
  EXPECT_EQ(parse_number("-Infinity", x), NumberFault::not_finite);
  EXPECT_EQ(parse_number("1e999", x), NumberFault::out_of_range);
  EXPECT_EQ(parse_number("0,5", x), NumberFault::malformed);
  EXPECT_EQ(x, 7);
}

TEST(Text, CountsAndBytesReadWell) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(4192), "4.2K");
  EXPECT_EQ(human_count(124e6), "124M");
  EXPECT_EQ(human_count(1.2e6), "1.2M");
  EXPECT_EQ(human_count(999999), "1.0M") << "not 1000K";
  EXPECT_EQ(human_bytes(512), "512 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(32033), "32,033");
  EXPECT_EQ(with_commas(-1234567), "-1,234,567");
}

TEST(Text, SplitAndJoinAreInverse) {
  EXPECT_EQ(split("a||b", '|'), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(split("", '|'), (std::vector<std::string>{""}));
  EXPECT_EQ(join(split("a||b", '|'), "|"), "a||b");
  EXPECT_EQ(list_of({"a", "b", "c"}, "or"), "a, b or c");
  EXPECT_EQ(list_of({"a"}, "or"), "a");
}

TEST(Text, QuotingCutsTheMiddleBetweenCharactersAndShowsControlBytes) {
  EXPECT_EQ(in_quotes("abc"), "'abc'");
  EXPECT_EQ(in_quotes(std::string("a\0b\n", 4)), "'a\\x00b\\x0a'");
  EXPECT_EQ(in_quotes("a\xc3"), "'a\\xc3'");   // half a letter
  EXPECT_EQ(in_quotes("\xffé\x80"), "'\\xffé\\x80'");
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "\xc3\xbc";
  for (std::size_t longest = 8; longest < 40; ++longest) {
    const std::string cut = in_quotes(umlauts, longest);
    EXPECT_EQ(std::count(cut.begin(), cut.end(), '\xc3'),
              std::count(cut.begin(), cut.end(), '\xbc'))
        << cut;
    EXPECT_LE(cut.size(), longest + 5);
  }
}

TEST(Text, EditDistanceCountsSwapsAsOne) {
  EXPECT_EQ(edit_distance("steps", "steps"), 0);
  EXPECT_EQ(edit_distance("stpes", "steps"), 1);
  EXPECT_EQ(edit_distance("step", "steps"), 1);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("", "abc"), 3);
}

TEST(Text, SuggestionsAreNearOrNone) {
  const std::vector<std::string> words = {"steps", "seed", "threads", "learning-rate"};
  EXPECT_EQ(nearest("stpes", words), "steps");
  EXPECT_EQ(nearest("learn", words), "learning-rate") << "a beginning";
  EXPECT_EQ(nearest("leraning-rate", words), "learning-rate");
  EXPECT_EQ(nearest("banana", words), "");
  EXPECT_EQ(nearest("", words), "");
}

TEST(Text, AFileNameOfAStrangerLeadsNowhereElse) {
  for (const char* good :
       {"model.safetensors", "a", "shakespeare_char", "pytorch_model-00001-of-2.bin"})
    EXPECT_TRUE(is_plain_file_name(good)) << good;
  for (const std::string bad :
       {"", ".", "..", ".hidden", "../a", "a/b", "/a", "a\\b", "c:a", "a\nb"})
    EXPECT_FALSE(is_plain_file_name(bad)) << in_quotes(bad);
  EXPECT_FALSE(is_plain_file_name(std::string(256, 'a')));
  EXPECT_TRUE(has_control_bytes("a\x7f"));
  EXPECT_FALSE(has_control_bytes("a b\xc3\xa9"));
}

}   // namespace
}   // namespace glass
