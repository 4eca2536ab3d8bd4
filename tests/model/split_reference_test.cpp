// The three splitters against the regular expressions that they stand for, written out as lists of
// alternatives and matched as slowly as a machine for regular expressions is defined: alternatives
// from left to right, every repetition as long as possible first, then shorter.
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "engine/base/text.h"
#include "model/tokenizer/split.h"
#include "model/tokenizer/unicode.h"

namespace glass::test {
namespace {

using Is = std::function<bool(char32_t)>;

// A set of letters, least to most times; or one of some words, or none; or "no \S follows".
struct Item {
  Is is;
  int least = 1, most = 1;
  std::vector<std::u32string> words = {};   // ?-group, capitals do not matter
  bool no_letter_ahead = false;
};
using Row = std::vector<Item>;

struct Letters {
  std::u32string letters;
  std::vector<std::size_t> begins;   // the byte of each, and of the end
};

Letters read(std::string_view text) {
  Letters read;
  for (std::size_t at = 0; at < text.size();) {
    const LetterAt here = letter_at(text, at);
    read.letters += here.letter;
    read.begins.push_back(at);
    at += here.bytes;
  }
  read.begins.push_back(text.size());
  return read;
}

char32_t folded(char32_t c) {
  if (c == 0x17F) return U's';
  return c >= U'A' && c <= U'Z' ? c + 32 : c;
}

// Where the rest of a row, from item k on, ends when it begins at letter i; -1: it does not fit.
int match(const Row& row, std::size_t k, const std::u32string& s, std::size_t i) {
  if (k == row.size()) return static_cast<int>(i);
  const Item& item = row[k];
  if (item.no_letter_ahead) return i == s.size() || is_white(s[i]) ? match(row, k + 1, s, i) : -1;
  for (const std::u32string& word : item.words) {
    std::size_t n = 0;
    while (n < word.size() && i + n < s.size() && folded(s[i + n]) == word[n]) ++n;
    if (n < word.size()) continue;
    if (const int end = match(row, k + 1, s, i + n); end >= 0) return end;
  }
  if (!item.words.empty()) return match(row, k + 1, s, i);
  int count = 0;
  while (count < item.most && i + static_cast<std::size_t>(count) < s.size() &&
         item.is(s[i + static_cast<std::size_t>(count)]))
    ++count;
  for (; count >= item.least; --count)
    if (const int end = match(row, k + 1, s, i + static_cast<std::size_t>(count)); end >= 0)
      return end;
  return -1;
}

constexpr int kMany = 1 << 20;

bool is_l(char32_t c) { return is_letter(class_of(c)); }
bool is_n(char32_t c) { return class_of(c) == LetterClass::number; }
bool is_line(char32_t c) { return c == U'\r' || c == U'\n'; }
bool is_sign(char32_t c) { return !is_white(c) && !is_l(c) && !is_n(c); }
bool is_upper(char32_t c) {
  const LetterClass k = class_of(c);
  return k == LetterClass::upper || k == LetterClass::letter || k == LetterClass::mark;
}
bool is_lower(char32_t c) {
  const LetterClass k = class_of(c);
  return k == LetterClass::lower || k == LetterClass::letter || k == LetterClass::mark;
}
bool is_front(char32_t c) { return !is_line(c) && !is_l(c) && !is_n(c); }
Is one(char32_t wanted) {
  return [=](char32_t c) { return c == wanted; };
}
Is small(char32_t wanted) {
  return [=](char32_t c) { return folded(c) == wanted; };
}

// What gpt2 and cl100k begin with: the ends of "it's" and "we'll", letter by letter.
std::vector<Row> short_words(Is (*letter)(char32_t)) {
  std::vector<Row> rows;
  for (const std::u32string word : {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"}) {
    Row row;
    for (const char32_t c : word) row.push_back({letter(c)});
    rows.push_back(row);
  }
  return rows;
}

std::vector<Row> gpt2() {
  std::vector<Row> rows = short_words(one);
  for (const Is& is : {Is(is_l), Is(is_n), Is(is_sign)})
    rows.push_back({{one(U' '), 0, 1}, {is, 1, kMany}});
  rows.push_back({{is_white, 1, kMany}, {.is = {}, .no_letter_ahead = true}});
  rows.push_back({{is_white, 1, kMany}});
  return rows;
}

// What cl100k and o200k end with; `behind` stands behind signs.
void add_ends(std::vector<Row>& rows, const Is& behind) {
  rows.push_back({{is_n, 1, 3}});
  rows.push_back({{one(U' '), 0, 1}, {is_sign, 1, kMany}, {behind, 0, kMany}});
  rows.push_back({{is_white, 0, kMany}, {is_line, 1, kMany}});
  rows.push_back({{is_white, 1, kMany}, {.is = {}, .no_letter_ahead = true}});
  rows.push_back({{is_white, 1, kMany}});
}

std::vector<Row> cl100k() {
  std::vector<Row> rows = short_words(small);
  rows.push_back({{is_front, 0, 1}, {is_l, 1, kMany}});
  add_ends(rows, is_line);
  return rows;
}

std::vector<Row> o200k() {
  const Item contraction{.is = {}, .words = {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"}};
  std::vector<Row> rows = {
      {{is_front, 0, 1}, {is_upper, 0, kMany}, {is_lower, 1, kMany}, contraction},
      {{is_front, 0, 1}, {is_upper, 1, kMany}, {is_lower, 0, kMany}, contraction}};
  add_ends(rows, [](char32_t c) { return is_line(c) || c == U'/'; });
  return rows;
}

std::vector<std::string> slowly(const std::vector<Row>& rows, std::string_view text) {
  const Letters read_text = read(text);
  std::vector<std::string> pieces;
  for (std::size_t i = 0; i < read_text.letters.size();) {
    int end = -1;
    for (const Row& row : rows)
      if ((end = match(row, 0, read_text.letters, i)) >= 0) break;
    if (end < 0 || static_cast<std::size_t>(end) == i) return {"no alternative fits"};
    const std::size_t from = read_text.begins[i];
    pieces.emplace_back(text.substr(from, read_text.begins[static_cast<std::size_t>(end)] - from));
    i = static_cast<std::size_t>(end);
  }
  return pieces;
}

std::vector<std::string> quickly(Pattern pattern, std::string_view text) {
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < text.size(); at += pieces.back().size())
    pieces.emplace_back(text.substr(at, end_of_piece(pattern, text, at) - at));
  return pieces;
}

// Of every kind a few, and what patterns treat in a way of its own more often.
const std::vector<std::string> kAlphabet = {
    "a",      "s",      "t",      "r",      "e",          "v",          "m",      "l",
    "d",      "A",      "S",      "T",      "R",          "E",          "V",      "M",
    "L",      "D",      "'",      "'",      "'",          "'s",         "'LL",    "'\u017f",
    "\u017f", " ",      " ",      " ",      "  ",         "\t",         "\u00a0", "\u3000",
    "\n",     "\r",     "\r\n",   "\n ",    "/",          "/",          "!",      "?",
    "1",      "23",     "\u0663", "\u00bd", "\u5b57",     "\u05d0",     "\u02b0", "\u01c5",
    "\u00df", "\u0394", "\u03b4", "\u0301", "\u0903",     "\U0001F600", "\x1c",   "\xff",
    "\xc3",   "\u2028", "\u0085", "_",      "\U0001D400", "\U0001D41A"};

std::string random_text(std::mt19937_64& random) {
  std::string text;
  const std::size_t first = random() % kAlphabet.size(), kinds = 1 + random() % kAlphabet.size();
  for (std::size_t n = random() % 24; n > 0; --n)
    text += kAlphabet[(first + random() % kinds) % kAlphabet.size()];
  return text;
}

class Patterns : public testing::TestWithParam<Pattern> {};

TEST_P(Patterns, CutAsTheirRegularExpressionsSay) {
  const Pattern pattern = GetParam();
  const std::vector<Row> rows = pattern == Pattern::gpt2     ? gpt2()
                                : pattern == Pattern::cl100k ? cl100k()
                                                             : o200k();
  constexpr std::uint64_t kSeed = 11;
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = random_text(random);
    ASSERT_EQ(quickly(pattern, text), slowly(rows, text))
        << "text " << i << " of seed " << kSeed << ": " << in_quotes(text, 300);
  }
}

TEST_P(Patterns, AreKnownByNameAndByTheirRegularExpression) {
  EXPECT_EQ(find_pattern(pattern_name(GetParam())), GetParam());
  EXPECT_EQ(pattern_of_text(pattern_text(GetParam())), GetParam());
  EXPECT_EQ(pattern_of_text(std::string(pattern_text(GetParam())) + "x"), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(All, Patterns,
                         testing::Values(Pattern::gpt2, Pattern::cl100k, Pattern::o200k),
                         [](const auto& of) { return std::string(pattern_name(of.param)); });

TEST(CutByHand, AnswersThatAPersonCanCheck) {
  using Pieces = std::vector<std::string>;
  EXPECT_EQ(quickly(Pattern::cl100k, "I'LL 12345\n\n  x"),
            (Pieces{"I", "'LL", " ", "123", "45", "\n\n", " ", " x"}));
  EXPECT_EQ(quickly(Pattern::cl100k, "a\t\tb!!\r\n?"), (Pieces{"a", "\t", "\tb", "!!\r\n", "?"}));
  EXPECT_EQ(quickly(Pattern::o200k, "HelloWORLDs don't http://x"),
            (Pieces{"Hello", "WORLDs", " don't", " http", "://", "x"}));
  EXPECT_EQ(quickly(Pattern::o200k, "\u5b57A\u5b57A"), (Pieces{"\u5b57A\u5b57", "A"}));
}

}   // namespace
}   // namespace glass::test
