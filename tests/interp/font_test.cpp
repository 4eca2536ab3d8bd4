// Letters: each exists, stays in its box, and cannot be taken for another.
#include "interp/draw/font.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "engine/base/text.h"
#include "interp/draw/canvas.h"

namespace glass {
namespace {

Box box_of(const std::vector<PenLine>& strokes) {
  double left = 1e9, right = -1e9, top = 1e9, bottom = -1e9;
  for (const PenLine& line : strokes) {
    for (const Point p : line.points) {
      left = std::min(left, p.x - line.pen / 2), right = std::max(right, p.x + line.pen / 2);
      top = std::min(top, p.y - line.pen / 2), bottom = std::max(bottom, p.y + line.pen / 2);
    }
  }
  return {left, top, right - left, bottom - top};
}

std::vector<std::string> ascii() {
  std::vector<std::string> all;
  for (char c = 32; c < 127; ++c) all.emplace_back(1, c);
  return all;
}

std::string picture_of(const std::string& letter) {
  Canvas canvas(24, 24, 1);
  canvas.text(letter, {4, 18}, {.size = 14});
  return {canvas.bytes().begin(), canvas.bytes().end()};
}

TEST(Font, EveryLetterStaysInItsBox) {
  for (const Weight weight : {Weight::regular, Weight::bold}) {
    for (const std::string& letter : ascii()) {
      if (letter == " ") continue;
      const Box box = box_of(strokes_of(letter, {0, 0}, {.size = 100, .weight = weight}));
      EXPECT_GE(box.x, 0) << letter;
      EXPECT_LE(box.right(), text_width(letter, 100, weight)) << letter;
      EXPECT_GE(box.y, -text_ascent(100)) << letter;
      EXPECT_LE(box.bottom(), text_descent(100)) << letter;
    }
  }
}

TEST(Font, CapitalsAndDigitsAreAsHighAsTheSizeSays) {
  for (const char* letter : {"H", "E", "O", "8", "0", "b"}) {
    const std::vector<PenLine> strokes = strokes_of(letter, {0, 0}, {.size = 100});
    EXPECT_NEAR(box_of(strokes).height - strokes[0].pen, 72, 0.5) << letter;
    EXPECT_NEAR(box_of(strokes).bottom(), strokes[0].pen / 2, 0.5) << letter << " on the baseline";
  }
}

TEST(Font, NoTwoLettersLookTheSame) {
  std::set<std::string> seen;
  for (const std::string& letter : ascii())
    EXPECT_TRUE(seen.insert(picture_of(letter)).second) << letter << " looks like another";
  EXPECT_EQ(seen.size(), 95u);
}

TEST(Font, DigitsHaveOneWidthSoColumnsLineUp) {
  for (const char digit : std::string("123456789"))
    EXPECT_EQ(text_width(std::string(1, digit), 13), text_width("0", 13)) << digit;
}

TEST(Font, ATextIsAsWideAsItsLetters) {
  EXPECT_NEAR(text_width("loss", 13),
              text_width("l", 13) + text_width("o", 13) + 2 * text_width("s", 13), 1e-9);
  EXPECT_NEAR(text_width("loss", 26), 2 * text_width("loss", 13), 1e-9);
  EXPECT_EQ(text_width("", 13), 0);
}

TEST(Font, AlignmentMovesTheTextByItsWidth) {
  const double width = text_width("val", 13);
  const auto left_edge = [](Align align) {
    return box_of(strokes_of("val", {50, 0}, {.size = 13, .align = align})).x;
  };
  EXPECT_NEAR(left_edge(Align::left) - left_edge(Align::right), width, 1e-9);
  EXPECT_NEAR(left_edge(Align::left) - left_edge(Align::centre), width / 2, 1e-9);
}

TEST(Font, ALetterThatIsNotHereShowsItsCodePointInABox) {
  const std::vector<PenLine> e = strokes_of("\xC3\xA9", {0, 0}, {.size = 13});   // U+00E9
  const std::vector<PenLine> smile = strokes_of("\xF0\x9F\x98\x80", {0, 0}, {.size = 13});
  ASSERT_EQ(e[0].points.size(), 5u) << "a closed box comes first";
  EXPECT_EQ(e[0].points.front(), e[0].points.back());
  EXPECT_GT(smile.size(), e.size()) << "six digits, not four";
  EXPECT_NE(picture_of("\xC3\xA9"), picture_of("\xC3\xA8"));
  EXPECT_LE(box_of(smile).right(), text_width("\xF0\x9F\x98\x80", 13) + 1e-9);
}

TEST(Font, BytesThatAreNoLetterAreShownToo) {
  EXPECT_FALSE(strokes_of("\xFF", {0, 0}, {}).empty());
  EXPECT_NEAR(text_width("a\xFFz", 13),
              text_width("a", 13) + text_width("\xEF\xBF\xBD", 13) + text_width("z", 13), 1e-9);
}

TEST(Font, SignsThatChartsUseAreHere) {
  // A box would be wider than any of them.
  for (const char* sign : {"\xC2\xB7", "\xE2\x80\xA6", "|", "\xE2\x80\x93", "\xE2\x88\x92",
                           "\xC3\x97", "\xE2\x86\x92"}) {
    for (const PenLine& line : strokes_of(sign, {0, 0}, {}))
      EXPECT_LT(line.points.size(), 5u) << sign << " is a box";
  }
}

}   // namespace
}   // namespace glass
