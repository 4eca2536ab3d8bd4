// Charts, looked at through a surface that writes down what is drawn on it: every line is where its
// numbers say, every word is inside of the picture, and no word stands on another.
#include "interp/draw/chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "interp/draw/canvas.h"
#include "interp/draw/font.h"

namespace glass {
namespace {

const double kNan = std::nan("");

class Recorder final : public Surface {
 public:
  struct Line {
    std::vector<Point> points;
    Stroke stroke;
  };
  struct Word {
    std::string text;
    Box box;
  };
  void rectangle(const Box&, Colour) override {}
  void polyline(std::span<const Point> points, const Stroke& stroke) override {
    lines.push_back({{points.begin(), points.end()}, stroke});
  }
  void text(std::string_view utf8, Point at, const TextStyle& style) override {
    const double width = text_width(utf8, style.size, style.weight);
    double left = at.x;
    if (style.align == Align::right) left -= width;
    if (style.align == Align::centre) left -= width / 2;
    words.push_back(
        {std::string(utf8), {left, at.y - 0.72 * style.size, width, 0.72 * style.size}});
  }
  void begin_clip(const Box& box) override { clip = box; }
  void end_clip() override {}

  const Line& series(Colour colour) const {
    for (const Line& line : lines)
      if (line.stroke.colour == colour && line.stroke.width == 2) return line;
    ADD_FAILURE() << "no such line";
    return lines.front();
  }
  std::vector<Line> lines;
  std::vector<Word> words;
  Box clip;
};

Recorder recorded(const Chart& chart) {
  Recorder recorder;
  draw(chart, recorder);
  return recorder;
}

Chart simple() {
  Chart chart;
  chart.title = "Title";
  chart.subtitle = "what it is about";
  chart.x_label = "step";
  chart.y_label = "loss";
  chart.series = {{"train", {{0, 4}, {50, 2}, {100, 1}}, kBlue, Emphasis::normal},
                  {"val", {{0, 4}, {50, 2.5}, {100, 2}}, kVermilion, Emphasis::normal}};
  chart.references = {{"ln V", 4}, {"bigram", 2.4}};
  return chart;
}

// Charts that have broken a layout somewhere.
std::vector<std::pair<std::string, Chart>> difficult() {
  std::vector<std::pair<std::string, Chart>> all = {{"simple", simple()}};
  const auto add = [&](const std::string& name, auto change) {
    Chart chart = simple();
    change(chart);
    all.emplace_back(name, chart);
  };
  add("nothing", [](Chart& c) { c.series.clear(), c.references.clear(); });
  add("empty series", [](Chart& c) { c.series[0].points.clear(), c.series[1].points.clear(); });
  add("one point", [](Chart& c) { c.series = {{"train", {{7, 3}}, kBlue, Emphasis::normal}}; });
  add("constant", [](Chart& c) {
    c.references.clear();
    for (Series& s : c.series)
      for (Point& p : s.points) p.y = 2.5;
  });
  add("only NaN", [](Chart& c) {
    for (Series& s : c.series)
      for (Point& p : s.points) p.y = kNan;
  });
  add("infinities", [](Chart& c) { c.series[0].points[1].y = INFINITY, c.references[0].y = kNan; });
  add("log", [](Chart& c) { c.x_scale = Scale::log; });
  add("huge", [](Chart& c) {
    for (Series& s : c.series)
      for (Point& p : s.points) p.x *= 1e7, p.y *= 1e12;
  });
  add("tiny", [](Chart& c) {
    c.references.clear();
    for (Series& s : c.series)
      for (Point& p : s.points) p.y *= 1e-9;
  });
  add("long words", [](Chart& c) {
    const std::string words(300, 'w');
    c.title = c.subtitle = c.x_label = c.y_label = c.series[0].name = c.references[0].name = words;
  });
  add("many lines", [](Chart& c) {
    for (int i = 0; i < 12; ++i) c.references.push_back({"line", 2.0 + 0.001 * i});
  });
  add("small", [](Chart& c) { c.width = 320, c.height = 240; });
  return all;
}

TEST(Chart, PointsAreWhereTheAxesSay) {
  const Recorder r = recorded(simple());
  const std::vector<Point>& line = r.series(kBlue).points;
  ASSERT_EQ(line.size(), 3u);
  EXPECT_NEAR(line[1].x, (line[0].x + line[2].x) / 2, 1e-9) << "50 is halfway from 0 to 100";
  EXPECT_NEAR(line[2].y - line[1].y, (line[1].y - line[0].y) / 2, 1e-9) << "1 is half of 2";
  EXPECT_EQ(r.series(kVermilion).points[0], line[0]) << "equal values, equal places";
}

TEST(Chart, AReferenceLineIsAsHighAsItsValue) {
  const Recorder r = recorded(simple());
  const auto dashed = std::find_if(r.lines.begin(), r.lines.end(),
                                   [](const Recorder::Line& l) { return l.stroke.dash > 0; });
  ASSERT_NE(dashed, r.lines.end());
  EXPECT_EQ(dashed->points[0].y, dashed->points[1].y);
  EXPECT_NEAR(dashed->points[0].y, r.series(kBlue).points[0].y, 0.5)
      << "both are 4; thin lines snap";
}

TEST(Chart, EveryWordIsInsideOfThePicture) {
  for (const auto& [name, chart] : difficult()) {
    for (const Recorder::Word& word : recorded(chart).words) {
      EXPECT_GE(word.box.x, 0) << name << ": " << word.text;
      EXPECT_LE(word.box.right(), chart.width) << name << ": " << word.text;
      EXPECT_GE(word.box.y, 0) << name << ": " << word.text;
      EXPECT_LE(word.box.bottom(), chart.height) << name << ": " << word.text;
    }
  }
}

TEST(Chart, NoWordStandsOnAnother) {
  for (const auto& [name, chart] : difficult()) {
    const Recorder r = recorded(chart);
    for (std::size_t i = 0; i < r.words.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        const Box &a = r.words[i].box, &b = r.words[k].box;
        const bool apart =
            a.x >= b.right() || b.x >= a.right() || a.y >= b.bottom() || b.y >= a.bottom();
        EXPECT_TRUE(apart) << name << ": '" << r.words[i].text << "' and '" << r.words[k].text
                           << "'";
      }
    }
  }
}

TEST(Chart, NamesAndLastValuesStandAtTheEndsOfTheirLines) {
  std::vector<std::string> words;
  for (const Recorder::Word& word : recorded(simple()).words) words.push_back(word.text);
  for (const char* label : {"train 1.000", "val 2.000", "ln V 4.000", "bigram 2.400"})
    EXPECT_THAT(words, testing::Contains(label));
}

TEST(Chart, AGapIsNotBridged) {
  Chart chart = simple();
  chart.series = {{"train", {{0, 4}, {1, 3}, {2, kNan}, {3, 2}, {4, 1}}, kBlue, Emphasis::normal}};
  const Recorder r = recorded(chart);
  int pieces = 0;
  for (const Recorder::Line& line : r.lines) {
    if (line.stroke.colour != kBlue || line.stroke.width != 2) continue;
    ++pieces;
    EXPECT_EQ(line.points.size(), 2u);
  }
  EXPECT_EQ(pieces, 2);
}

TEST(Chart, WithoutPointsItSaysSo) {
  Chart chart = simple();
  chart.series.clear();
  const Recorder r = recorded(chart);
  EXPECT_TRUE(std::any_of(r.words.begin(), r.words.end(),
                          [](const Recorder::Word& w) { return w.text == "nothing to show yet"; }));
}

TEST(Chart, WhatLiesOutsideOfTheRangeIsCutOff) {
  Chart chart = simple();
  chart.y_range = Range{0, 3};
  const Recorder r = recorded(chart);
  EXPECT_LT(r.series(kBlue).points[0].y, r.clip.y) << "4 lies above the clip";
  EXPECT_GT(r.series(kBlue).points[1].y, r.clip.y);
}

TEST(Chart, AHundredThousandPointsBecomeAFewThousandThatLookTheSame) {
  std::vector<Point> points;
  for (int i = 0; i < 100000; ++i) points.push_back({i / 200.0, (i * 7919 % 1000) / 10.0});
  const std::vector<std::vector<Point>> runs = runs_of(points, 0.5);
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_LE(runs[0].size(), 4004u) << "1,001 columns of at most four points";
  const auto paint = [](const std::vector<Point>& line) {
    Canvas canvas(500, 100, 1);
    canvas.polyline(line, {.width = 1});
    return canvas;
  };
  const Canvas all = paint(points), few = paint(runs[0]);
  int differing = 0;
  for (int y = 0; y < 100; ++y)
    for (int x = 0; x < 500; ++x) differing += std::abs(all.pixel(x, y).r - few.pixel(x, y).r) > 64;
  EXPECT_LE(differing, 500) << "of 50,000 pixels";
}

TEST(Chart, TheSameChartHasTheSameBytes) {
  EXPECT_EQ(png(simple()), png(simple()));
  EXPECT_EQ(svg(simple()), svg(simple()));
}

TEST(Spread, KeepsOrderDistanceAndBounds) {
  const std::vector<double> wishes = {0, 1, 1, 2, 50, 97, 99, 100};
  const std::vector<double> places = spread(wishes, 10, 0, 100);
  ASSERT_EQ(places.size(), wishes.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    EXPECT_GE(places[i], 0);
    EXPECT_LE(places[i], 100);
    if (i > 0) { EXPECT_GE(places[i] - places[i - 1], 10 - 1e-9) << i; }
  }
  EXPECT_EQ(places[4], 50) << "who has room stays";
}

TEST(Spread, TwoRivalsMoveEquallyFar) {
  EXPECT_THAT(spread({50, 50}, 10, 0, 100), testing::ElementsAre(45, 55));
}

TEST(Fitted, TheTextOrItsBeginningAndAnEllipsis) {
  const TextStyle style{.size = 13};
  EXPECT_EQ(fitted("short", 100, style), "short");
  const std::string cut = fitted("a text that is too long for so little", 100, style);
  EXPECT_THAT(cut, testing::StartsWith("a text"));
  EXPECT_THAT(cut, testing::EndsWith("\xE2\x80\xA6"));
  EXPECT_LE(text_width(cut, 13), 100);
  EXPECT_EQ(fitted("w", 1, style), "");
}

}   // namespace
}   // namespace glass
