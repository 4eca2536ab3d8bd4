// Pages in letters, as pictures and as JSON: nothing is wider than it may be, nothing that a
// stranger's tokenizer says steers the terminal or turns the words around it.
#include "interp/page/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/text.h"
#include "interp/draw/canvas.h"
#include "interp/draw/letters.h"
#include "interp/page/page_json.h"

namespace glass {
namespace {

using testing::HasSubstr;
using testing::Not;

const double kNan = std::nan("");

Heatmap pattern(std::size_t T, const std::string& label) {
  const std::vector<std::string> names(T, label);
  Heatmap map{"0.1", "query", "key", names, names};
  for (std::size_t i = 0; i < T * T; ++i)
    map.values.push_back(i % T > i / T ? kNan : static_cast<double>(i % 7) / 7);
  return map;
}

Page page_with(const Figure& figure) {
  Page page{"attention",
            "Where the heads look",
            {"glass interp attention --ckpt out/names", "out/names", "00ff", 7, 1337, "cpu"}};
  page.figures.push_back(figure);
  return page;
}

// The text without what sets colours.
std::string letters_of(const std::string& ansi) {
  std::string out;
  for (std::size_t i = 0; i < ansi.size(); ++i) {
    if (ansi[i] == '\033') i = ansi.find('m', i);
    else out += ansi[i];
  }
  return out;
}

std::vector<Figure> figures(const std::string& label) {
  const Heatmap map = pattern(12, label);
  Heatmap speaking = map;
  speaking.texts.assign(map.values.size(), label);
  Heatmap numbers = map;
  numbers.numbers = Heatmap::Numbers::shown;
  Heatmap large = pattern(200, label);
  large.colours = Heatmap::Colours::diverging;
  Chart chart;
  chart.title = chart.subtitle = chart.x_label = chart.y_label = label + " " + label;
  chart.series = {{label, {{0, 1}, {1, 2}}, kBlue, Emphasis::normal}};
  Table wide{label, {}, {{}}};
  for (int i = 0; i < 13; ++i)
    wide.columns.push_back("number"), wide.rows[0].push_back(std::to_string(1000000 + i)),
        wide.align.push_back(Align::right);
  return {chart,
          wide,
          Paragraph{label + " " + label},
          map,
          speaking,
          numbers,
          large,
          Gallery{label, {map, map, map, map}},
          Gallery{label, {large, large}},
          Bars{label, label, {{label, -1, label}, {label, 2}, {label, kNan}}, {{label, 1}}},
          Table{label, {label, label}, {{label, label}}},
          Strip{label, {label, label, label}, {0, 1, kNan}},
          Diagram{label, {{label, 0}, {label, 1}}, {{0, 1, 0.5, label}}}};
}

TEST(PageText, NoLineIsWiderThanTheTerminal) {
  for (const std::string& label :
       {std::string("a"), std::string("\u00b7token"), std::string(300, 'w'),
        std::string("\u8a9e\u8a9e\u8a9e"), std::string()}) {
    for (const Figure& figure : figures(label)) {
      for (const int columns : {40, 60, 80, 120}) {
        for (const auto colour : {PageTextOptions::Colour::none, PageTextOptions::Colour::ansi}) {
          const std::string text = letters_of(page_text(page_with(figure), {columns, colour}));
          for (const std::string& line : split(text, '\n'))
            EXPECT_LE(columns_of(line), columns) << "figure " << figure.index() << ", label '"
                                                 << label.substr(0, 9) << "': " << line;
        }
      }
    }
  }
}

TEST(PageText, ATableThatIsTooWideGoesOnBelowAndCutsNoNumber) {
  Table table{"", {"head", "what it is"}, {{"1.0", "induction head"}}, {}};
  table.align = {Align::left, Align::left};
  for (int i = 0; i < 9; ++i)
    table.columns.push_back("score"), table.align.push_back(Align::right),
        table.rows[0].push_back(std::to_string(1000000 + i));
  const std::string text = page_text(page_with(table), {40});
  for (int i = 0; i < 9; ++i) EXPECT_THAT(text, HasSubstr(std::to_string(1000000 + i)));
  int named = 0;
  for (const std::string& line : split(text, '\n')) named += line.compare(0, 4, "1.0 ") == 0;
  EXPECT_GT(named, 1) << "every part says whose row it is:\n" << text;
  EXPECT_THAT(page_text(page_with(table), {120}), HasSubstr("induction head  1000000  1000001"));
}

TEST(PageText, AShadeSaysHowMuch) {
  Heatmap map{"", "", "", {"a", "b"}, {"x", "y"}, {0, 0.5, kNan, 1}};
  const std::string text = page_text(page_with(map));
  EXPECT_THAT(text, HasSubstr("a \u00b7\u00b7\u2592\u2592\n"));
  EXPECT_THAT(text, HasSubstr("b   \u2588\u2588\n")) << "NaN is a blank";
  EXPECT_THAT(text, HasSubstr("0 \u00b7\u2591\u2592\u2593\u2588 1.00"));
}

TEST(PageText, ATypicalModelFitsOnAScreen) {
  Page page = page_with(Paragraph{"How to read it."});
  const Heatmap map = pattern(12, "t");
  for (int l = 0; l < 2; ++l) page.add(Gallery{"Layer", {map, map, map, map}});
  const std::string text = page_text(page, {80});
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 42);
}

TEST(PageText, WhereItIsFromIsTheLastLine) {
  const std::vector<std::string> lines = split(page_text(page_with(Paragraph{"p"})), '\n');
  EXPECT_EQ(lines[lines.size() - 2], "step 7, digest 00ff, seed 1337, cpu, out/names");
}

TEST(PageText, NoTokenSteersTheTerminal) {
  const std::string evil = "\033[2Jx\u202Ey\u009Bz\a";
  for (const Figure& figure : figures(evil)) {
    const std::string text = page_text(page_with(figure));
    EXPECT_EQ(text.find('\033'), std::string::npos) << figure.index();
    EXPECT_EQ(text.find('\a'), std::string::npos) << figure.index();
    EXPECT_EQ(text.find("\u202E"), std::string::npos) << figure.index();
    EXPECT_EQ(text.find("\u009B"), std::string::npos) << figure.index();
  }
}

TEST(Letters, ColumnsOfWideAndJoiningLetters) {
  EXPECT_EQ(columns_of("abc"), 3);
  EXPECT_EQ(columns_of("\u8a9e"), 2);
  EXPECT_EQ(columns_of("e\u0301"), 1);
  EXPECT_EQ(cut("\u8a9e\u8a9e\u8a9e", 5), "\u8a9e\u8a9e\u2026");
  EXPECT_EQ(cut("abc", 3), "abc");
  EXPECT_EQ(padded("ab", 4, Align::right), "  ab");
}

TEST(PagePng, IsAPictureOfBoundedSizeWhateverThePage) {
  Page page = page_with(Paragraph{"p"});
  const Heatmap map = pattern(100, "token");
  for (int l = 0; l < 12; ++l) page.add(Gallery{"Layer", std::vector<Heatmap>(12, map)});
  Nowhere nowhere;
  const double height = draw_page(page, nowhere, 12e6 / kPageWidth);
  EXPECT_LE(height * kPageWidth, 12e6);
  EXPECT_GT(height, 2000);
}

TEST(PagePng, WhatDoesNotFitIsLeftOutWithAWord) {
  class Words final : public Surface {
   public:
    void rectangle(const Box&, Colour) override {}
    void polyline(std::span<const Point>, const Stroke&) override {}
    void text(std::string_view utf8, Point, const TextStyle&) override {
      all += std::string(utf8) + "\n";
    }
    void begin_clip(const Box&) override {}
    void end_clip() override {}
    std::string all;
  } words;
  Page page = page_with(pattern(12, "a"));
  page.add(pattern(12, "b")).add(pattern(12, "c"));
  const double height = draw_page(page, words, 700);
  EXPECT_LE(height, 700);
  EXPECT_THAT(words.all, HasSubstr("2 of 3 figures are left out"));
  EXPECT_THAT(words.all, HasSubstr("digest 00ff"));
}

TEST(PagePng, HasThePngSignature) {
  EXPECT_EQ(page_png(page_with(pattern(3, "a")), 1).substr(0, 4), "\x89PNG");
}

TEST(PageJson, NoTokenTurnsTheWritingAroundIt) {
  const std::string turning = "abc\u202Edef\u2066ghi\u061Cj";
  for (const Figure& figure : figures(turning)) {
    const std::string json = page_json(page_with(figure));
    for (const char* letter : {"\u202E", "\u2066", "\u061C"})
      EXPECT_THAT(json, Not(HasSubstr(letter))) << figure.index();
    EXPECT_THAT(json, HasSubstr("abc\uFFFDdef\uFFFDghi\uFFFDj")) << figure.index();
  }
  const std::string upright = "\u2019\u0620\u00e9\u8a9e";
  EXPECT_THAT(page_json(page_with(Paragraph{upright})), HasSubstr(upright)) << "all others stay";
}

}   // namespace
}   // namespace glass
