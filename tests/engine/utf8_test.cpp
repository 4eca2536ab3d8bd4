// UTF-8 both ways, and every way in which bytes are not UTF-8.
#include "engine/base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace glass {
namespace {

TEST(Utf8, EveryLetterOfUnicodeComesBack) {
  for (char32_t letter = 0; letter <= 0x10FFFF; ++letter) {
    if (letter >= 0xD800 && letter < 0xE000) continue;   // surrogates are no letters
    const std::string text = encode_utf8(std::u32string(1, letter));
    std::u32string back;
    ASSERT_EQ(decode_utf8(text, back), text.size()) << "U+" << std::hex << std::uint32_t{letter};
    ASSERT_EQ(back, std::u32string(1, letter));
  }
}

TEST(Utf8, MatchesTheCompiler) {
  EXPECT_EQ(encode_utf8(U"zo\u00eb \u6625 \U0001F600"), "zo\u00eb \u6625 \U0001F600");
}

TEST(Utf8, SaysWhereItEnds) {
  for (const char* bad : {"\x80", "\xbf", "\xc3", "\xc3(", "\xe2\x82", "\xe2(\xa1", "\xff", "\xfe",
                          "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80",
                          "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80"}) {
    std::u32string letters;
    EXPECT_EQ(decode_utf8(std::string("ab") + bad + "c", letters), 2u) << testing::PrintToString(bad);
    EXPECT_EQ(letters, U"ab");
  }
}

TEST(Utf8, LettersOfTextsAddUpEvenWhereALetterIsCut) {
  const std::string text = "zo\xc3\xab \xe6\x98\xa5 \xf0\x9f\x98\x80";   // "zo\u00eb" and two more
  EXPECT_EQ(count_letters(text), 7);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(count_letters(text.substr(0, cut)) + count_letters(text.substr(cut)), 7) << cut;
  }
  EXPECT_EQ(count_letters("caf\xe9 cr\xe8me"), 10) << "Latin-1 does not end the count";
}

TEST(Utf8, SpaceIsWhatPythonStrips) {
  const std::u32string space =
      U"\t\n\v\f\r\x1c\x1d\x1e\x1f \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
      U"\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000";
  int found = 0;
  for (char32_t letter = 0; letter <= 0xFFFF; ++letter) {
    EXPECT_EQ(is_space(letter), space.find(letter) != std::u32string::npos)
        << "U+" << std::hex << std::uint32_t{letter};
    found += is_space(letter);
  }
  EXPECT_EQ(found, 29);   // python3 -c 'print(sum(chr(i).isspace() for i in range(0x110000)))'
}

}   // namespace
}   // namespace glass
