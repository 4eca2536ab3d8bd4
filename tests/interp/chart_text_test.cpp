// The chart in letters: dots where the numbers are, lines no wider than the terminal, no colour
// unless asked for.
#include "interp/draw/chart_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/text.h"
#include "engine/base/utf8.h"

namespace glass {
namespace {

using testing::HasSubstr;

std::u32string letters_of(const std::string& text) {
  std::u32string letters;
  EXPECT_EQ(decode_utf8(text, letters), text.size()) << "not UTF-8";
  return letters;
}

Chart falling() {
  Chart chart;
  chart.title = "Title";
  chart.x_label = "step";
  chart.series = {{"train", {{0, 4}, {100, 0}}, kBlue, Emphasis::normal}};
  chart.references = {{"ln V", 3}};
  return chart;
}

bool is_braille(char32_t letter) { return letter > 0x2800 && letter <= 0x28FF; }

TEST(ChartText, NoLineIsWiderThanTheTerminal) {
  for (const int columns : {30, 80, 120}) {
    Chart chart = falling();
    chart.references.push_back({std::string(200, 'x'), 2});
    chart.title = std::string(200, 'y');
    for (int i = 0; i < 60; ++i) chart.subtitle += "words ";
    for (const std::string& line : split(chart_text(chart, {.columns = columns}), '\n'))
      EXPECT_LE(letters_of(line).size(), static_cast<std::size_t>(columns)) << line;
  }
}

TEST(ChartText, AFallingLineFallsFromTheFirstColumnToTheLast) {
  const std::vector<std::string> lines = split(chart_text(falling(), {.rows = 10}), '\n');
  std::size_t last = 0;
  for (std::size_t row = 1; row <= 10; ++row) {   // row 0 is the title
    const std::u32string letters = letters_of(lines[row]);
    std::size_t first = 0;
    while (first < letters.size() && !is_braille(letters[first])) ++first;
    ASSERT_LT(first, letters.size()) << "no dot in row " << row << ": " << lines[row];
    EXPECT_GE(first, last) << lines[row];
    last = first;
  }
  EXPECT_GT(last, 50u) << "the line reaches the right side";
}

TEST(ChartText, NumbersAndNamesAreBesideTheLines) {
  const std::string text = chart_text(falling());
  for (const char* part : {"Title\n", "4 \xE2\x94\xA4", "0 \xE2\x94\xA4", "ln V 3.000",
                           "train 0.000", "100\n", "step\n"})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST(ChartText, ColourOnlyIfAskedFor) {
  EXPECT_EQ(chart_text(falling()).find('\033'), std::string::npos);
  const std::string text = chart_text(falling(), {.colour = TextColour::ansi});
  EXPECT_THAT(text, HasSubstr("\033[0;36m"));
  for (const std::string& line : split(text, '\n')) {
    const std::size_t last = line.rfind('\033');
    if (last != std::string::npos) {
      EXPECT_EQ(line.substr(last, 4), "\033[0m") << "a line leaves no colour behind";
    }
  }
}

TEST(ChartText, WithoutItsColoursItIsTheSameText) {
  std::string text = chart_text(falling(), {.colour = TextColour::ansi});
  for (std::size_t at = 0; (at = text.find('\033')) != std::string::npos;)
    text.erase(at, text.find('m', at) - at + 1);
  EXPECT_EQ(text, chart_text(falling()));
}

TEST(ChartText, NamesCannotSteerTheTerminal) {
  Chart chart = falling();
  chart.title = chart.series[0].name = "\033[2J\n\r";
  EXPECT_EQ(chart_text(chart).find_first_of("\033\r"), std::string::npos);
}

TEST(ChartText, EmptyAndOddChartsAreTextToo) {
  EXPECT_THAT(chart_text(Chart{}), HasSubstr("\xE2\x94\x94"));
  Chart chart = falling();
  chart.series[0].points = {{0, std::nan("")}, {5, INFINITY}, {7, 2}};
  EXPECT_THAT(chart_text(chart), HasSubstr("train 2.000"));
}

TEST(Sparkline, FallsFromTheHighestBlockToTheLowest) {
  const double values[] = {7, 6, 5, 4, 3, 2, 1, 0};
  EXPECT_EQ(letters_of(sparkline(values, 8)), U"\u2588\u2587\u2586\u2585\u2584\u2583\u2582\u2581");
}

TEST(Sparkline, ManyValuesBecomeMeansAndFewStayFew) {
  const double values[] = {0, 2, 10, 12, 0, 2};
  EXPECT_EQ(letters_of(sparkline(values, 3)), U"\u2581\u2588\u2581");
  EXPECT_EQ(letters_of(sparkline(values, 100)).size(), 6u);
  EXPECT_EQ(sparkline({}, 10), "");
  EXPECT_EQ(sparkline(values, 0), "");
}

TEST(Sparkline, GapsAreBlankAndConstantsAreHalfHigh) {
  const double values[] = {1, std::nan(""), 1};
  EXPECT_EQ(letters_of(sparkline(values, 3)), U"\u2585 \u2585");
}

}   // namespace
}   // namespace glass
