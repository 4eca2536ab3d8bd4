// GPT-2's way to cut text. The expected pieces follow from reading its regular expression.
#include "model/tokenizer/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/tokenizer/unicode.h"

namespace glass::test {
namespace {

using testing::ElementsAre;

std::vector<std::string> pieces(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size(); at += out.back().size())
    out.emplace_back(text.substr(at, end_of_piece(Pattern::gpt2, text, at) - at));
  return out;
}

TEST(Split, ASpaceBelongsToTheWordBehindIt) {
  EXPECT_THAT(pieces("one two  three"), ElementsAre("one", " two", " ", " three"));
  EXPECT_THAT(pieces(" one"), ElementsAre(" one"));
}

TEST(Split, LettersNumbersAndTheRestDoNotMix) {
  EXPECT_THAT(pieces("abc123,.x"), ElementsAre("abc", "123", ",.", "x"));
  EXPECT_THAT(pieces("a 12 !?"), ElementsAre("a", " 12", " !?"));
}

TEST(Split, EnglishContractionsComeApart) {
  EXPECT_THAT(pieces("I'll don't we've they're I'm he's she'd"),
              ElementsAre("I", "'ll", " don", "'t", " we", "'ve", " they", "'re", " I", "'m", " he",
                          "'s", " she", "'d"));
  EXPECT_THAT(pieces("'sun"), ElementsAre("'s", "un"));
  EXPECT_THAT(pieces("I'LL"), ElementsAre("I", "'", "LL")) << "capitals do not count";
  EXPECT_THAT(pieces(" 'tis"), ElementsAre(" '", "tis")) << "behind a space it is a sign";
  EXPECT_THAT(pieces("''s"), ElementsAre("''", "s"));
}

TEST(Split, WhiteSpaceStaysTogetherButForTheLast) {
  EXPECT_THAT(pieces("a\n\nb"), ElementsAre("a", "\n", "\n", "b"));
  EXPECT_THAT(pieces("a\n\n b"), ElementsAre("a", "\n\n", " b"));
  EXPECT_THAT(pieces("a\nb"), ElementsAre("a", "\n", "b"));
  EXPECT_THAT(pieces("a   "), ElementsAre("a", "   "));
  EXPECT_THAT(pieces("a \t b"), ElementsAre("a", " \t", " b"));
  EXPECT_THAT(pieces("a \x1c!"), ElementsAre("a", " \x1c!")) << "white to Python, not to Unicode";
  EXPECT_THAT(pieces("  \u3000x"), ElementsAre("  ", "\u3000", "x"));
}

TEST(Split, KnowsTheLettersOfTheWorld) {
  EXPECT_THAT(pieces("na\u00efve \u0394\u03ad\u03bb\u03c4\u03b1\u0663\u5b57"),
              ElementsAre("na\u00efve", " \u0394\u03ad\u03bb\u03c4\u03b1", "\u0663", "\u5b57"));
  EXPECT_THAT(pieces("e\u0301a"), ElementsAre("e", "\u0301", "a")) << "a mark is no letter here";
  EXPECT_THAT(pieces("x\U0001F600\U0001F601y"), ElementsAre("x", "\U0001F600\U0001F601", "y"));
}

TEST(Split, BytesThatAreNotUtf8AreSigns) {
  EXPECT_THAT(pieces("a\xff\xfe"
                     "b"),
              ElementsAre("a", "\xff\xfe", "b"));
  EXPECT_THAT(pieces("\xe2\x82"), ElementsAre("\xe2\x82"));
  EXPECT_THAT(pieces("\xc3 x"), ElementsAre("\xc3", " x"));
}

TEST(Unicode, ClassesAreThoseOfUnicode) {
  const auto all_are = [](std::u32string_view letters, LetterClass c) {
    for (const char32_t letter : letters)
      EXPECT_EQ(class_of(letter), c) << "U+" << std::hex << std::uint32_t{letter};
  };
  all_are(U"AZ\u00c4\u0394\u042f\u01c5\U0001D400", LetterClass::upper);
  all_are(U"az\u00df\u03b4\u044f\U0001D41A", LetterClass::lower);
  all_are(U"\u05d0\u5b57\u3042\uac00\u02b0\U00020000", LetterClass::letter);
  all_are(U"\u0301\u0903\u20dd", LetterClass::mark);
  all_are(U"09\u0663\u2167\u00bd", LetterClass::number);
  all_are(U" !_\n\u00a0\u2028\u20ac\U0001F600\uFFFD\uE000", LetterClass::other);
  EXPECT_EQ(class_of(0x10FFFF), LetterClass::other);
}

// Counted with Python 3.11's unicodedata, which is Unicode 14.
TEST(Unicode, TheTableHasAsManyOfEachAsUnicode) {
  int counts[6] = {};
  for (char32_t letter = 0; letter < 0x110000; ++letter)
    ++counts[static_cast<int>(class_of(letter))];
  EXPECT_THAT(counts, ElementsAre(978157, 1862, 2227, 127667, 2408, 1791));
}

TEST(Unicode, ALetterIsReadFromItsBytes) {
  const auto at = [](std::string_view text) {
    const LetterAt letter = letter_at(text, 0);
    return std::pair(letter.letter, letter.bytes);
  };
  using Read = std::pair<char32_t, std::size_t>;
  EXPECT_EQ(at("ab"), Read(U'a', 1));
  EXPECT_EQ(at("\u00e9b"), Read(U'\u00e9', 2));
  EXPECT_EQ(at("\u5b57"), Read(U'\u5b57', 3));
  EXPECT_EQ(at("\U0001F600"), Read(U'\U0001F600', 4));
  for (const char* bad : {"\x80", "\xff", "\xc3", "\xc3z", "\xe2\x82z", "\xf0\x9f\x98", "\xc0\xaf"})
    EXPECT_EQ(at(bad), Read(0xFFFD, 1)) << testing::PrintToString(bad);
}

}   // namespace
}   // namespace glass::test
