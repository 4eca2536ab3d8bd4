// Figures of a page, looked at through a surface that writes down what is drawn on it: cells are
// where their row and column say and have the colour of their value, no word leaves the picture or
// stands on another, whatever is in the figure.
#include "interp/draw/figure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "interp/draw/font.h"
#include "interp/draw/heatmap.h"

namespace glass {
namespace {

const double kNan = std::nan("");
constexpr double kWidth = 764;

class Recorder final : public Surface {
 public:
  struct Word {
    std::string text;
    Box box;
  };
  struct Grid {
    Box box;
    std::size_t rows, columns;
    std::vector<Colour> colours;
  };
  void rectangle(const Box& box, Colour) override { boxes.push_back(box); }
  void polyline(std::span<const Point>, const Stroke&) override {}
  void text(std::string_view utf8, Point at, const TextStyle& style) override {
    const double length = text_width(utf8, style.size, style.weight), high = 0.72 * style.size;
    double before = 0;
    if (style.align == Align::right) before = length;
    if (style.align == Align::centre) before = length / 2;
    if (length == 0) return;
    if (style.direction == Direction::upwards)
      words.push_back({std::string(utf8), {at.x - high, at.y + before - length, high, length}});
    else words.push_back({std::string(utf8), {at.x - before, at.y - high, length, high}});
  }
  void cells(const Cells& grid) override {
    grids.push_back(
        {grid.box, grid.rows, grid.columns, {grid.colours.begin(), grid.colours.end()}});
  }
  void begin_clip(const Box&) override {}
  void end_clip() override {}
  std::vector<Word> words;
  std::vector<Grid> grids;
  std::vector<Box> boxes;
};

std::vector<std::string> labels(std::size_t n, const std::string& stem = "t") {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < n; ++i) all.push_back(stem + std::to_string(i));
  return all;
}

Heatmap pattern(std::size_t T, const std::string& stem = "t") {
  Heatmap map{"0.1", "query", "key", labels(T, stem), labels(T, stem)};
  for (std::size_t q = 0; q < T; ++q)
    for (std::size_t k = 0; k < T; ++k)
      map.values.push_back(k > q ? kNan : 1.0 / static_cast<double>(q + 1));
  return map;
}

Diagram circuit() {
  return {"Circuit",
          {{"embed", 0}, {"0.0", 1}, {"0.1", 1}, {"1.0", 2}, {"logits", 9}},
          {{0, 1, 0.5, "v"},
           {0, 2, 0.9, "k"},
           {1, 3, -0.3, "q"},
           {2, 3, 0.8, "k"},
           {3, 4, 1.0, ""},
           {0, 4, 0.1, ""}}};
}

// Figures that have broken a layout somewhere.
std::vector<std::pair<std::string, Figure>> difficult() {
  std::vector<std::pair<std::string, Figure>> all;
  const auto map = [&](const std::string& name, auto change, std::size_t T = 12) {
    Heatmap m = pattern(T);
    m.unit = "probability";
    change(m);
    all.emplace_back("heatmap, " + name, m);
    all.emplace_back("gallery, " + name, Gallery{"Layer 0", {m, m, m, m, m}});
  };
  map("plain", [](Heatmap&) {});
  map(
      "one token", [](Heatmap&) {}, 1);
  map(
      "200 tokens", [](Heatmap&) {}, 200);
  map(
      "1000 tokens", [](Heatmap&) {}, 1000);
  map("empty", [](Heatmap& m) { m.rows.clear(), m.columns.clear(), m.values.clear(); });
  map("only NaN", [](Heatmap& m) { std::fill(m.values.begin(), m.values.end(), kNan); });
  map("infinities", [](Heatmap& m) { m.values[0] = INFINITY, m.values[13] = -INFINITY; });
  map("constant", [](Heatmap& m) { std::fill(m.values.begin(), m.values.end(), -2.5); });
  map("long words", [](Heatmap& m) {
    const std::string word(300, 'w');
    m.title = m.row_axis = m.column_axis = m.unit = word;
    for (auto* names : {&m.rows, &m.columns})
      for (std::string& name : *names) name = word;
  });
  map("numbers", [](Heatmap& m) { m.numbers = Heatmap::Numbers::shown; });
  map(
      "numbers in tiny cells", [](Heatmap& m) { m.numbers = Heatmap::Numbers::shown; }, 90);
  map("words in cells", [](Heatmap& m) { m.texts.assign(m.values.size(), "\u00b7somewhere"); });
  map("one row", [](Heatmap& m) { m.rows.resize(1), m.values.resize(12); });
  map("diverging", [](Heatmap& m) { m.colours = Heatmap::Colours::diverging; });
  all.emplace_back("empty gallery", Gallery{"Layer 0", {}});

  Bars bars{
      "Who wrote the logit", "nats", {{"embed", 0.1}, {"1.3", -3, "induction"}}, {{"all", 2}}};
  all.emplace_back("bars", bars);
  all.emplace_back("no bars", Bars{"Bars", "nats", {}});
  for (int i = 0; i < 200; ++i) bars.bars.push_back({std::string(300, 'n'), kNan, "note"});
  bars.bars[3].value = INFINITY, bars.bars[4].note = std::string(300, 'w');
  bars.references.push_back({std::string(300, 'r'), 1e9});
  all.emplace_back("bad bars", bars);
  all.emplace_back("table",
                   Table{"T", {"a", "b"}, {{"1", "2"}, {"x"}}, {Align::left, Align::right}});
  all.emplace_back("wide table", Table{"",
                                       labels(9, std::string(40, 'c')),
                                       {200, std::vector<std::string>(9, std::string(90, 'x'))}});
  all.emplace_back("empty table", Table{"T", {}, {}});
  all.emplace_back("strip", Strip{"S", labels(300), std::vector<double>(300, 0.3)});
  all.emplace_back("strip of NaN", Strip{"S", labels(3), std::vector<double>(3, kNan)});
  all.emplace_back("empty strip", Strip{"S", {}, {}});
  all.emplace_back("long token",
                   Strip{"S", {std::string(300, 'w'), "a\\n", "b"}, {1, 0, INFINITY}});
  all.emplace_back("circuit", circuit());
  Diagram all_to_all{"All to all", {}, {}};
  for (int l = 0; l < 4; ++l)
    for (int h = 0; h < 8; ++h) all_to_all.parts.push_back({std::string(40, 'p'), l});
  for (int a = 0; a < 24; ++a)
    for (int b = 8 * (a / 8 + 1); b < 32; ++b) all_to_all.arrows.push_back({a, b, kNan, "v"});
  all.emplace_back("crowded circuit", all_to_all);
  all.emplace_back("no circuit", Diagram{"D", {}, {}});
  all.emplace_back("paragraph",
                   Paragraph{std::string(90, 'w') + " and so on " + std::string(900, 'x')});
  return all;
}

TEST(Figure, EveryWordIsInsideOfItsPicture) {
  for (const auto& [name, figure] : difficult()) {
    Recorder r;
    const double height = draw(figure, kWidth, r);
    for (const Recorder::Word& word : r.words) {
      const std::string what = name + ": '" + word.text.substr(0, 40) + "'";
      EXPECT_GE(word.box.x, -0.01) << what;
      EXPECT_LE(word.box.right(), kWidth + 0.01) << what;
      EXPECT_GE(word.box.y, -0.01) << what;
      EXPECT_LE(word.box.bottom(), height) << what;
    }
  }
}

TEST(Figure, NoWordStandsOnAnother) {
  for (const auto& [name, figure] : difficult()) {
    Recorder r;
    draw(figure, kWidth, r);
    for (std::size_t i = 0; i < r.words.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        const Box &a = r.words[i].box, &b = r.words[k].box;
        const bool apart =
            a.x >= b.right() || b.x >= a.right() || a.y >= b.bottom() || b.y >= a.bottom();
        ASSERT_TRUE(apart) << name << ": '" << r.words[i].text.substr(0, 40) << "' and '"
                           << r.words[k].text.substr(0, 40) << "'";
      }
    }
  }
}

TEST(Figure, MeasuringAndDrawingAgree) {
  for (const auto& [name, figure] : difficult()) {
    Nowhere nowhere;
    Recorder r;
    EXPECT_EQ(draw(figure, kWidth, nowhere), draw(figure, kWidth, r)) << name;
  }
}

TEST(Figure, CellsHaveTheColourOfTheirValue) {
  Heatmap map{"", "", "", {"a", "b"}, {"x", "y", "z"}, {0, 0.5, 1, 0.25, kNan, 2}};
  map.range = Range{0, 1};
  Recorder r;
  draw(map, kWidth, r);
  const Recorder::Grid& grid = r.grids.front();
  ASSERT_EQ(grid.colours.size(), 6u);
  EXPECT_EQ(grid.colours[0], colour_at(ColourMap::rising, 0));
  EXPECT_EQ(grid.colours[1], colour_at(ColourMap::rising, 0.5));
  EXPECT_EQ(grid.colours[3], colour_at(ColourMap::rising, 0.25));
  EXPECT_EQ(grid.colours[5], colour_at(ColourMap::rising, 1)) << "beyond the range: its end";
  EXPECT_EQ(grid.colours[4].a, 0) << "NaN is no cell";
}

TEST(Figure, LabelsStandBesideTheirRowAndAboveTheirColumn) {
  Recorder r;
  draw(pattern(12), kWidth, r);
  const Recorder::Grid& grid = r.grids.front();
  const double side = grid.box.width / 12;
  for (int i = 0; i < 12; ++i) {
    std::vector<Box> found;
    for (const Recorder::Word& word : r.words)
      if (word.text == "t" + std::to_string(i)) found.push_back(word.box);
    ASSERT_EQ(found.size(), 2u) << i;
    const auto row = std::find_if(found.begin(), found.end(),
                                  [&](const Box& b) { return b.right() <= grid.box.x; });
    const auto column = std::find_if(found.begin(), found.end(),
                                     [&](const Box& b) { return b.bottom() <= grid.box.y; });
    ASSERT_NE(row, found.end()) << i;
    ASSERT_NE(column, found.end()) << i;
    EXPECT_NEAR(row->y + row->height / 2, grid.box.y + (i + 0.5) * side, 1) << i;
    EXPECT_NEAR(column->x + column->width / 2, grid.box.x + (i + 0.5) * side, 1) << i;
  }
}

TEST(Figure, MapsOfAGalleryShareOneRange) {
  Heatmap small = pattern(2), large = pattern(2);
  small.values = {0.1, kNan, 0.2, 0.1}, large.values = {1, kNan, 2, 4};
  Recorder r;
  draw(Gallery{"", {small, large}}, kWidth, r);
  EXPECT_EQ(r.grids[0].colours[0], colour_at(ColourMap::rising, 0.1 / 4));
  EXPECT_EQ(r.grids[1].colours[3], colour_at(ColourMap::rising, 1));
}

TEST(Figure, AThinnedMapKeepsWhatStandsOut) {
  Heatmap map = pattern(100);
  std::fill(map.values.begin(), map.values.end(), 0.01);
  map.values[57 * 100 + 31] = -3;
  const Thinned few = thinned(map, 10, 25);
  EXPECT_EQ(few.map.rows.size(), 10u);
  EXPECT_EQ(few.map.columns.size(), 25u);
  EXPECT_EQ(few.map.at(5, 7), -3) << "row 57 is in the tenth 5, column 31 in the fourth 7";
  EXPECT_THAT(few.word, testing::HasSubstr("10 x 4"));
  EXPECT_EQ(thinned(map, 100, 100).word, "");
}

TEST(Figure, RangesOfColours) {
  Heatmap map{"", "", "", {"a"}, {"x", "y"}, {1, 4}};
  EXPECT_EQ(range_of(map), (Range{0, 4})) << "0 is near";
  map.values = {90, 100};
  EXPECT_EQ(range_of(map), (Range{90, 100})) << "0 is far";
  map.colours = ColourMap::diverging;
  map.values = {-1, 4};
  EXPECT_EQ(range_of(map), (Range{-4, 4}));
  map.values = {kNan, INFINITY};
  EXPECT_EQ(range_of(map).low, -1);
}

TEST(Figure, ShortNumbers) {
  EXPECT_EQ(short_number(0.934, 1), "0.93");
  EXPECT_EQ(short_number(-0.001, 1), "0.00") << "no minus before nothing";
  EXPECT_EQ(short_number(123.4, 200), "123");
  EXPECT_EQ(short_number(1.2e-5, 1.2e-5), "1.2e-05");
  EXPECT_EQ(short_number(kNan, 1), "");
  EXPECT_EQ(short_number(-INFINITY, 1), "-inf");
}

TEST(ColourMap, TheRisingOneFallsInLightnessAllTheWay) {
  for (const Ground ground : {Ground::paper, Ground::terminal}) {
    double before = lightness(colour_at(ColourMap::rising, 0, ground));
    const double down = ground == Ground::paper ? -1 : 1;
    for (int i = 1; i <= 64; ++i) {
      const double now = lightness(colour_at(ColourMap::rising, i / 64.0, ground));
      EXPECT_GT(down * (now - before), 0.002) << i << " of 64";
      before = now;
    }
  }
}

TEST(ColourMap, TheDivergingOneIsPalestAtZeroAndEquallyStrongOnBothSides) {
  const auto L = [](double t) { return lightness(colour_at(ColourMap::diverging, t)); };
  for (int i = 1; i <= 32; ++i) {
    const double t = i / 64.0;
    EXPECT_LT(L(0.5 + t), L(0.5 + t - 1 / 64.0)) << t;
    EXPECT_NEAR(L(0.5 + t), L(0.5 - t), 0.01) << t;   // eight bits a channel
  }
  const Colour less = colour_at(ColourMap::diverging, 0), more = colour_at(ColourMap::diverging, 1);
  EXPECT_GT(less.r, less.b) << "vermilion below zero, as bars have it";
  EXPECT_GT(more.b, more.r) << "blue above";
}

TEST(ColourMap, InkCanBeReadOnEveryColour) {
  for (const ColourMap map : {ColourMap::rising, ColourMap::diverging}) {
    for (int i = 0; i <= 64; ++i) {
      const Colour under = colour_at(map, i / 64.0);
      EXPECT_GT(std::abs(lightness(under) - lightness(ink_for(under))), 0.33) << i;
    }
  }
}

TEST(ColourMap, TerminalColoursAreNear) {
  EXPECT_EQ(terminal_colour({0, 0, 0}), 16);
  EXPECT_EQ(terminal_colour({255, 255, 255}), 231);
  EXPECT_EQ(terminal_colour({255, 0, 0}), 196);
  EXPECT_EQ(terminal_colour({128, 128, 128}), 244) << "a grey of the ramp, 8 + 10 * 12";
}

}   // namespace
}   // namespace glass
