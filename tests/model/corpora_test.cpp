// Generated texts: what their rules promise holds for thousands of them, and they are the same for
// everybody.
#include "model/corpora/corpora.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "model/builtin_names.h"
#include "model/corpora/writer.h"
#include "tests/model/scratch.h"

namespace glass::test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<std::string> documents(const char* corpus, std::int64_t count, std::uint64_t seed = 1) {
  std::vector<std::string> all;
  for (std::int64_t i = 0; i < count; ++i) all.push_back(find_corpus(corpus)->document(seed, i));
  return all;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Corpora, ADocumentIsAFunctionOfSeedAndNumber) {
  for (const Corpus& corpus : corpora()) {
    const std::string late = corpus.document(7, 1000);
    EXPECT_EQ(corpus.document(7, 1000), late) << corpus.name;
    EXPECT_NE(corpus.document(8, 1000), late) << corpus.name;
    EXPECT_NE(corpus.document(7, 1001), late) << corpus.name;
  }
}

TEST(Corpora, NoDocumentHoldsTheSeparatorOrIsEmpty) {
  for (const Corpus& corpus : corpora()) {
    for (std::int64_t i = 0; i < 2000; ++i) {
      const std::string document = corpus.document(1, i);
      ASSERT_FALSE(document.empty()) << corpus.name << " " << i;
      ASSERT_FALSE(has(document, corpus.separator)) << corpus.name << " " << i << ": " << document;
    }
  }
}

TEST(Corpora, TheTextIsTheDocumentsWithTheSeparatorBehindEach) {
  const Corpus& corpus = *find_corpus("brackets");
  const std::string text = make_corpus(corpus, 3, 5);
  EXPECT_EQ(text, corpus.document(5, 0) + "\n" + corpus.document(5, 1) + "\n" +
                      corpus.document(5, 2) + "\n");
  EXPECT_EQ(make_corpus(corpus, 0, 5), "");
}

TEST(Corpora, AnUnknownNameIsNone) { EXPECT_EQ(find_corpus("storys"), nullptr); }

// --- names and tasks -----------------------------------------------------------------------------

TEST(Names, AllOfThemComeOnceInAnOrderOfTheSeed) {
  const Corpus& names = *find_corpus("names");
  std::vector<std::string> shuffled = split(make_corpus(names, names.documents, 3), '\n');
  shuffled.pop_back();
  EXPECT_FALSE(std::is_sorted(shuffled.begin(), shuffled.end()));
  std::sort(shuffled.begin(), shuffled.end());
  shuffled.push_back("");
  EXPECT_EQ(join(shuffled, "\n"), builtin_names()) << "the list itself is sorted";
}

TEST(Names, MoreThanThereAreIsRefused) {
  EXPECT_THAT(error_of([] { make_corpus(*find_corpus("names"), 13807, 1); }, ExitCode::usage),
              HasSubstr("only 13,806 documents of names, not 13,807"));
}

TEST(Repeats, TheSecondHalfIsTheFirst) {
  std::set<std::size_t> sizes;
  for (const std::string& text : documents("repeats", 2000)) {
    const std::size_t half = text.size() / 2;
    ASSERT_EQ(text.substr(0, half), text.substr(half)) << text;
    sizes.insert(text.size());
  }
  EXPECT_EQ(*sizes.begin(), 16u);
  EXPECT_EQ(*sizes.rbegin(), 48u);
}

TEST(Arithmetic, EverySumIsRight) {
  std::map<char, int> operations;
  for (const std::string& text : documents("arithmetic", 5000)) {
    const std::size_t op = text.find_first_of("+-*"), equals = text.find('=');
    const int a = std::stoi(text.substr(0, op)),
              b = std::stoi(text.substr(op + 1, equals - op - 1));
    const int expected = text[op] == '+' ? a + b : text[op] == '-' ? a - b : a * b;
    ASSERT_EQ(text.substr(equals + 1), std::to_string(expected)) << text;
    ASSERT_GE(expected, 0) << text;
    ++operations[text[op]];
  }
  EXPECT_EQ(operations.size(), 3u);
}

TEST(Brackets, WhatWasOpenedLastIsClosedFirst) {
  std::size_t deepest = 0;
  for (const std::string& text : documents("brackets", 2000)) {
    std::string open;
    for (const char c : text) {
      if (c == '(' || c == '[' || c == '{') {
        open += c;
      } else {
        ASSERT_FALSE(open.empty()) << text;
        ASSERT_EQ(open.back(), c == ')' ? '(' : c == ']' ? '[' : '{') << text;
        open.pop_back();
      }
      deepest = std::max(deepest, open.size());
    }
    ASSERT_EQ(open, "") << text;
  }
  EXPECT_EQ(deepest, 8u);
}

// --- stories -------------------------------------------------------------------------------------

const std::vector<std::string>& stories() {
  static const std::vector<std::string> all = documents("stories", 3000);
  return all;
}

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

TEST(Stories, AreAllDifferent) {
  EXPECT_EQ(std::set<std::string>(stories().begin(), stories().end()).size(), stories().size());
}

TEST(Stories, HaveNoGapsAndOnlyPlainLetters) {
  for (const std::string& text : stories()) {
    for (const char c : text) {
      const bool letter = is_upper(c) || (c >= 'a' && c <= 'z');
      ASSERT_TRUE(letter || has(" .,!?\"':\n", std::string_view(&c, 1))) << c << " in " << text;
    }
    for (const char* slip : {"  ", " .", " ,", "..", ",.", "\n\n", " \n", "\n "})
      ASSERT_FALSE(has(text, slip)) << "'" << slip << "' in " << text;
  }
}

TEST(Stories, SentencesBeginWithACapital) {
  for (const std::string& text : stories()) {
    ASSERT_TRUE(is_upper(text[0])) << text;
    for (const std::string& paragraph : split(text, '\n')) {
      ASSERT_TRUE(is_upper(paragraph[0]) || (paragraph[0] == '"' && is_upper(paragraph[1])))
          << paragraph;
      for (std::size_t i = 0; i + 3 < paragraph.size(); ++i) {
        if (paragraph[i] != '.' || paragraph[i + 1] != ' ') continue;
        const char next = paragraph[i + 2] == '"' ? paragraph[i + 3] : paragraph[i + 2];
        ASSERT_TRUE(is_upper(next)) << paragraph.substr(i);
      }
    }
  }
}

TEST(Stories, ParagraphsEndAndQuotesClose) {
  for (const std::string& text : stories()) {
    for (const std::string& paragraph : split(text, '\n')) {
      ASSERT_THAT(".!?\"", HasSubstr(std::string(1, paragraph.back()))) << paragraph;
      ASSERT_EQ(std::count(paragraph.begin(), paragraph.end(), '"') % 2, 0) << paragraph;
    }
  }
}

TEST(Stories, ArticlesSoundRight) {
  for (const std::string& text : stories()) {
    for (const char* wrong : {" a a", " a e", " a i", " a o", " a u", " A a", " A e", " A o"})
      ASSERT_FALSE(has(text, wrong)) << "'" << wrong << "' in " << text;
    for (std::size_t at = text.find(" an "); at != std::string::npos;
         at = text.find(" an ", at + 1))
      ASSERT_THAT("aeiou", HasSubstr(text.substr(at + 4, 1))) << text.substr(at);
  }
}

// Names come again and again: that is what a head that looks back has to learn from.
TEST(Stories, TheHeroIsNamedAgainAndAgain) {
  for (const std::string& text : stories()) {
    std::map<std::string, int> names;
    for (std::size_t i = 0; i < text.size(); ++i) {
      std::size_t end = i;
      while (end < text.size() && ((text[end] | 32) >= 'a' && (text[end] | 32) <= 'z')) ++end;
      if (is_upper(text[i]) && end > i) ++names[text.substr(i, end - i)];
      i = std::max(i, end);
    }
    int most = 0;
    for (const auto& [name, count] : names) most = std::max(most, count);
    ASSERT_GE(most, 5) << text;
  }
}

TEST(Stories, NobodyIsTheirOwnFriend) {
  for (const std::string& text : stories()) {
    for (std::size_t at = text.find(" and "); at != std::string::npos;
         at = text.find(" and ", at + 1)) {
      const std::size_t before = text.find_last_of(" \n\"", at - 1) + 1;
      const std::string name = text.substr(before, at - before);
      ASSERT_FALSE(is_upper(name[0]) && text.compare(at + 5, name.size(), name) == 0)
          << text.substr(before);
    }
  }
}

TEST(Stories, EveryPlotIsTold) {
  std::map<std::string, int> told;
  const std::pair<const char*, const char*> signs[] = {
      {"lost", "I lost my"},          {"stuck", "stuck in"},        {"fear", "one small step"},
      {"sharing", "I saw it first"},  {"build", "wanted to build"}, {"stray", "its mother"},
      {"gift", "birthday"},           {"trade", "owned the shop"},  {"soup", "It only needs"},
      {"race", "All the others ran"}, {"fog", "the fog"},           {"truth", "I broke it"},
      {"seed", "not good at waiting"}};
  for (const std::string& text : stories())
    for (const auto& [plot, sign] : signs) told[plot] += has(text, sign);
  int all = 0;
  for (const auto& [plot, sign] : signs) {
    EXPECT_GT(told[plot], 130) << plot << ": a thirteenth of 3000 is 230";
    all += told[plot];
  }
  EXPECT_EQ(all, 3000);
}

TEST(Writer, FillsGapsAndChoosesOne) {
  Dice dice(1, "test", 0);
  Writer writer(dice);
  writer.say("animal", "otter");
  writer.say("who", "the {animal}");
  EXPECT_EQ(writer.write("{Who} met {a animal}. {A animal}!"), "The otter met an otter. An otter!");
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.insert(writer.write("[a|b [c|d]|]"));
  EXPECT_THAT(seen, testing::ElementsAre("", "a", "b c", "b d"));
}

TEST(Writer, MistakesInASentenceAreErrors) {
  Dice dice(1, "test", 0);
  Writer writer(dice);
  EXPECT_THROW(writer.write("{unknown}"), Error);
  EXPECT_THROW(writer.write("{open"), Error);
  EXPECT_THROW(writer.write("[a|b"), Error);
}

}   // namespace
}   // namespace glass::test
