// SVG files: well-formed XML whatever the words are, with the same places as the surface was told.
#include "interp/draw/svg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "engine/base/text.h"
#include "interp/draw/chart.h"
#include "interp/draw/font.h"

namespace glass {
namespace {

using testing::HasSubstr;

// A small reader of XML: every tag that opens also closes, in order; attributes are quoted; no sign
// stands where it must be escaped. Returns what is wrong, or "".
std::string fault_of(const std::string& xml) {
  std::vector<std::string> open;
  for (std::size_t i = 0; i < xml.size();) {
    if (xml[i] == '&') {
      const std::size_t end = xml.find(';', i);
      if (end == std::string::npos || end - i > 6) return "a lonely &";
      i = end + 1;
      continue;
    }
    if (xml[i] != '<') {
      if (xml[i] == '>' || (static_cast<unsigned char>(xml[i]) < 32 && xml[i] != '\n'))
        return "a sign that must not stand in text";
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    int quotes = 0;
    while (end < xml.size() && (xml[end] != '>' || quotes % 2 == 1)) {
      quotes += xml[end] == '"';
      if (xml[end] == '<') return "< inside of a tag";
      ++end;
    }
    if (end == xml.size() || quotes % 2 == 1) return "a tag without an end";
    const std::string tag = xml.substr(i + 1, end - i - 1);
    const std::string name = tag.substr(0, tag.find_first_of(" />", 1));
    if (tag[0] == '/') {
      if (open.empty() || "/" + open.back() != tag) return "</" + tag + "> closes nothing";
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    i = end + 1;
  }
  return open.empty() ? "" : open.back() + " is not closed";
}

TEST(Svg, IsWellFormedWhateverTheWordsAre) {
  for (const std::string& words :
       {std::string("a < b && c > \"d\" 'e'"), std::string("]]>--><svg>"),
        std::string("\x1b[31m\x01"), std::string("half a letter \xE2\x82"), std::string("\xFF\xFE"),
        std::string("nul\0nul", 7)}) {
    Chart chart;
    chart.title = chart.subtitle = chart.x_label = chart.y_label = words;
    chart.series = {{words, {{0, 1}, {1, 2}}, kBlue, Emphasis::normal}};
    chart.references = {{words, 1.5}};
    EXPECT_EQ(fault_of(svg(chart)), "") << words;
  }
}

TEST(Svg, TheReaderOfThisTestFindsFaults) {
  EXPECT_EQ(fault_of("<a><b/></a>"), "");
  EXPECT_NE(fault_of("<a><b></a>"), "");
  EXPECT_NE(fault_of("<a>x & y</a>"), "");
  EXPECT_NE(fault_of("<a b=\"<\"/>"), "");
  EXPECT_NE(fault_of("<a>"), "");
}

TEST(Svg, LinesAreBrokenWhereANumberIsMissing) {
  Svg image(10, 10, "t");
  const Point line[] = {{0, 0}, {1, 2.5}, {std::nan(""), 3}, {4, 4}, {5, 5.123}};
  image.polyline(line, {});
  EXPECT_THAT(image.file(), HasSubstr("d=\"M0 0L1 2.5M4 4L5 5.12\""));
}

TEST(Svg, TextSaysHowWideItIs) {
  Svg image(100, 100, "t");
  image.text("loss", {10, 20}, {.size = 13, .align = Align::right});
  EXPECT_THAT(image.file(), HasSubstr(format("textLength=\"%.2f\"", text_width("loss", 13))));
  EXPECT_THAT(image.file(), HasSubstr("text-anchor=\"end\""));
}

TEST(Svg, AClipIsAPictureInThePicture) {
  Svg image(100, 100, "t");
  {
    const Clip clip(image, {10, 20, 30, 40});
    image.rectangle({0, 0, 5, 5}, kBlue);
  }
  EXPECT_THAT(image.file(), HasSubstr("<svg x=\"10\" y=\"20\" width=\"30\" height=\"40\" "
                                      "viewBox=\"10 20 30 40\">\n<rect"));
  EXPECT_EQ(fault_of(image.file()), "");
}

}   // namespace
}   // namespace glass
