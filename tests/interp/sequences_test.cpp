// The random texts on which heads are examined: what comes again, where, and who must look where.
#include "interp/heads/sequences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/base/error.h"

namespace glass {
namespace {

SequenceSource source(std::int64_t vocab_size, std::int64_t context, std::int32_t bos = -1) {
  SequenceSource s;
  s.vocab_size = vocab_size, s.context = context, s.bos = bos;
  return s;
}

std::vector<std::int64_t> targets(const Sequence& s) {
  std::vector<std::int64_t> all;
  for (const Match& m : s.matches) all.push_back(m.target);
  return all;
}

// The definition of a match, told again: the token at the query stood in front of the target.
void expect_matches_are_true(const Sequence& s) {
  for (const Match& m : s.matches) {
    ASSERT_GE(m.target, 1);
    ASSERT_LE(m.target, m.query);
    EXPECT_EQ(s.ids[static_cast<std::size_t>(m.target - 1)],
              s.ids[static_cast<std::size_t>(m.query)])
        << "query " << m.query << ", target " << m.target;
  }
}

TEST(Sequences, TheTargetsOfARepeatAreThoseOfTheReference) {
  const Sequence s = repeated(source(64, 64), 5, 0);
  ASSERT_EQ(s.ids.size(), 10u);
  EXPECT_EQ(s.matches.front().query, 5);
  EXPECT_THAT(targets(s), ::testing::ElementsAre(1, 2, 3, 4, 5));   // i - 4, the last in copy 2
  const Sequence behind = repeated(source(64, 64, 0), 5, 0);
  ASSERT_EQ(behind.ids.size(), 11u);
  EXPECT_EQ(behind.matches.front().query, 6);
  EXPECT_THAT(targets(behind), ::testing::ElementsAre(2, 3, 4, 5, 6)) << "the distance stays N - 1";
}

TEST(Sequences, EveryMatchIsTheTokenBehindTheEarlierOccurrence) {
  for (const std::int32_t bos : {-1, 0, 17}) {
    for (std::uint64_t index = 0; index < 30; ++index) {
      expect_matches_are_true(repeated(source(64, 64, bos), 20, index));
      expect_matches_are_true(repeated(source(64, 128, bos), 20, index, 4));
      expect_matches_are_true(with_gap(source(64, 64, bos), 30, index));
    }
  }
}

TEST(Sequences, TokensOfACopyAreDistinctAndNeitherZeroNorTheFirstOne) {
  for (std::uint64_t index = 0; index < 50; ++index) {
    const Sequence s = repeated(source(32, 64, 9), 30, index);
    EXPECT_EQ(s.ids.front(), 9);
    const std::set<std::int32_t> half(s.ids.begin() + 1, s.ids.begin() + 31);
    EXPECT_EQ(half.size(), 30u) << index;
    EXPECT_FALSE(half.count(0)) << index;
    EXPECT_FALSE(half.count(9)) << index;
    EXPECT_LT(*half.rbegin(), 32);
  }
}

TEST(Sequences, AreAFunctionOfSeedAndIndex) {
  SequenceSource other = source(64, 64);
  other.seed = 1338;
  EXPECT_EQ(repeated(source(64, 64), 30, 3).ids, repeated(source(64, 64), 30, 3).ids);
  EXPECT_NE(repeated(source(64, 64), 30, 3).ids, repeated(source(64, 64), 30, 4).ids);
  EXPECT_NE(repeated(source(64, 64), 30, 3).ids, repeated(other, 30, 3).ids);
}

TEST(Sequences, AGapMovesTheCopyAndItsDistance) {
  std::set<std::int64_t> distances, places;
  for (std::uint64_t index = 0; index < 40; ++index) {
    const Sequence s = with_gap(source(64, 64, 0), 30, index);
    ASSERT_EQ(s.ids.size(), 64u);
    ASSERT_EQ(s.matches.size(),
              20u);   // a third of 63, less the last, behind which nothing is known
    distances.insert(s.matches.front().query - s.matches.front().target);
    places.insert(s.matches.front().query);
    // Nothing but the copy comes twice.
    EXPECT_EQ(std::set<std::int32_t>(s.ids.begin(), s.ids.end()).size(), 64u - 21u);
  }
  EXPECT_GT(distances.size(), 10u);
  EXPECT_GT(places.size(), 10u);
}

// What a head cannot see it cannot find: that would say nothing about the head.
TEST(Sequences, MatchesLieWithinTheWindowOfAttentionAndMoveThereToo) {
  for (const std::int64_t window : {4, 7, 16, 40}) {
    SequenceSource near = source(64, 64, 0);
    near.window = window;
    EXPECT_EQ(near.longest_half(), std::min<std::int64_t>(window, 31));
    std::set<std::int64_t> distances;
    for (std::uint64_t index = 0; index < 40; ++index) {
      const Sequence s = with_gap(near, 30, index);
      expect_matches_are_true(s);
      for (const Match& m : s.matches) {
        ASSERT_LT(m.query - m.target, window) << "query " << m.query;
        distances.insert(m.query - m.target);
      }
    }
    // Of at least window / 2 + 1 distances, which 40 sequences need not all show.
    EXPECT_GT(static_cast<std::int64_t>(distances.size()), window / 4) << window;
  }
  SequenceSource blind = source(64, 64);
  blind.window = 3;
  EXPECT_THROW(with_gap(blind, 30, 0), UsageError);
}

TEST(Sequences, LookingEverywhereAlikeScoresWhatItMust) {
  EXPECT_NEAR(uniform_score(source(64, 64), 30), 0.022829, 5e-7);
  EXPECT_NEAR(uniform_score(source(64, 64, 0), 30), 0.022301, 5e-7);
  SequenceSource near = source(64, 64);
  near.window = 16;
  EXPECT_EQ(uniform_score(near, 30), 0) << "the target lies outside of the window";
  EXPECT_NEAR(uniform_score(near, 16), 1. / 16, 1e-12) << "15 back is the last that is seen";
}

TEST(Sequences, RefuseInOneSentenceWhatDoesNotFit) {
  const auto message = [](const SequenceSource& s, std::int64_t N) {
    try {
      repeated(s, N, 0);
    } catch (const UsageError& error) { return std::string(error.what()); }
    return std::string("no error");
  };
  EXPECT_THAT(message(source(64, 59), 30), ::testing::HasSubstr("the longest repeat is 29"));
  EXPECT_THAT(message(source(64, 60, 0), 30), ::testing::HasSubstr("behind the first one"));
  EXPECT_THAT(message(source(20, 64), 30), ::testing::HasSubstr("19 can be drawn"));
  EXPECT_EQ(message(source(64, 60), 30), "no error");
  EXPECT_EQ(source(64, 61, 0).longest_half(), 30);
  EXPECT_EQ(source(20, 61, 5).longest_half(), 18);
  EXPECT_THROW(with_gap(source(64, 5), 30, 0), UsageError);
}

}   // namespace
}   // namespace glass
