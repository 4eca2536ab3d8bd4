// A grid of cells, filled from the back to the front: reference lines, series, then frame and
// words.
#include "interp/draw/chart_text.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/base/utf8.h"
#include "interp/draw/letters.h"

namespace glass {
namespace {

constexpr const char* kDim = "2";
// In the order of kPalette, as near as a terminal's own colours come to it.
constexpr std::array<const char*, kPaletteSize> kCodes = {"36", "33", "32", "35", "31", "34"};

const char* code_of(Colour colour) {
  for (std::size_t i = 0; i < kCodes.size(); ++i)
    if (kPalette[i] == colour) return kCodes[i];
  return "";
}

constexpr char32_t kCovered = 0;   // by the wide letter before it

struct Cell {
  char32_t letter = U' ';
  const char* code = "";
};

class Grid {
 public:
  Grid(int columns, int rows)
      : columns_(columns), rows_(rows), cells_(static_cast<std::size_t>(columns * rows)) {}

  // What does not fit is cut off. Names come from files; none of them may steer the terminal.
  void write(int row, int column, const std::string& utf8, const char* code) {
    std::u32string letters;
    decode_utf8(safe_letters(utf8), letters);
    for (const char32_t letter : letters) {
      const int width = columns_of(letter);
      if (width == 0 || column + width > columns_) continue;
      put(row, column, letter, code);
      if (width == 2) put(row, column + 1, kCovered, code);
      column += width;
    }
  }
  void put(int row, int column, char32_t letter, const char* code) {
    if (Cell* cell = at(row, column)) *cell = {letter, code};
  }

  // One dot of a Braille cell; x counts half columns, y quarter rows. Dots of several lines share
  // a cell, which then has the colour of the last.
  void dot(int x, int y, const char* code) {
    static constexpr char32_t kBits[4][2] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    Cell* cell = x < 0 || y < 0 ? nullptr : at(y / 4, x / 2);
    if (cell == nullptr) return;
    if (cell->letter < 0x2800 || cell->letter > 0x28FF) cell->letter = 0x2800;
    *cell = {cell->letter | kBits[y % 4][x % 2], code};
  }

  std::string text(TextColour colour) const {
    std::string out;
    for (int row = 0; row < rows_; ++row) {
      const Cell* cells = &cells_[static_cast<std::size_t>(row * columns_)];
      int end = columns_;
      while (end > 0 && cells[end - 1].letter == U' ') --end;
      std::string open;
      for (int i = 0; i < end; ++i) {
        const std::string code = colour == TextColour::ansi ? cells[i].code : "";
        if (code != open) out += code.empty() ? "\033[0m" : "\033[0;" + code + "m";
        open = code;
        if (cells[i].letter != kCovered) out += encode_utf8({&cells[i].letter, 1});
      }
      if (!open.empty()) out += "\033[0m";
      out += '\n';
    }
    return out;
  }

 private:
  Cell* at(int row, int column) {
    if (row < 0 || row >= rows_ || column < 0 || column >= columns_) return nullptr;
    return &cells_[static_cast<std::size_t>(row * columns_ + column)];
  }
  int columns_, rows_;
  std::vector<Cell> cells_;
};

int widest(const std::vector<std::string>& texts) {
  int width = 0;
  for (const std::string& text : texts) width = std::max(width, columns_of(text));
  return width;
}

// Where things stand on the grid; rows are those of the plot.
struct TextLayout {
  int left = 0, columns = 0, rows = 0;
  Axis x, y;
  int column(double value) const {
    return left + static_cast<int>(std::lround(x.place(value) * (columns - 1)));
  }
  double row(double value) const { return (1 - y.place(value)) * (rows - 1); }
};

// All dots between two places, as Bresenham walks them.
void draw_line(Grid& grid, Point from, Point to, const char* code) {
  const double steps = std::max(std::abs(to.x - from.x), std::abs(to.y - from.y));
  const int count = static_cast<int>(std::ceil(steps));
  for (int i = 0; i <= count; ++i) {
    const double t = count == 0 ? 0 : static_cast<double>(i) / count;
    grid.dot(static_cast<int>(std::lround(from.x + (to.x - from.x) * t)),
             static_cast<int>(std::lround(from.y + (to.y - from.y) * t)), code);
  }
}

void draw_series(Grid& grid, const Chart& chart, const Series& series, const TextLayout& layout) {
  const double width = 2 * layout.columns - 1, height = 4 * layout.rows - 1;
  const Axis &x = layout.x, &y = layout.y;
  std::vector<Point> places;
  for (const Point p : series.points) {
    if (!is_shown(chart, p)) {
      places.push_back({std::nan(""), 0});
      continue;
    }
    // Far outside is as good as just outside, and takes fewer dots to get to.
    const double down = std::clamp((1 - y.place(p.y)) * height, -4.0, height + 4);
    places.push_back({2.0 * layout.left + x.place(p.x) * width, down});
  }
  const char* code = code_of(series.colour);
  for (const std::vector<Point>& run : runs_of(places, 1)) {
    for (std::size_t i = 0; i < run.size(); ++i)
      draw_line(grid, run[i > 0 ? i - 1 : 0], run[i], code);
  }
}

void draw_frame(Grid& grid, const TextLayout& layout) {
  const int rows = layout.rows, left = layout.left;
  for (int row = 0; row < rows; ++row) grid.put(row, left - 1, U'\u2502', kDim);
  for (std::size_t i = 0; i < layout.y.ticks.size(); ++i) {
    const int row = static_cast<int>(std::lround(layout.row(layout.y.ticks[i])));
    const std::string& label = layout.y.labels[i];
    grid.write(row, left - 2 - columns_of(label), label, kDim);
    grid.put(row, left - 1, U'\u2524', kDim);
  }
  grid.put(rows, left - 1, U'\u2514', kDim);
  for (int i = 0; i < layout.columns; ++i) grid.put(rows, left + i, U'\u2500', kDim);
  for (std::size_t i = 0; i < layout.x.ticks.size(); ++i) {
    const int column = layout.column(layout.x.ticks[i]);
    const std::string& label = layout.x.labels[i];
    grid.put(rows, column, U'\u252C', kDim);
    grid.write(rows + 1, column - columns_of(label) / 2, label, kDim);
  }
}

}   // namespace

std::string chart_text(const Chart& chart, const ChartTextOptions& options) {
  const int columns = std::max(options.columns, 30), rows = std::max(options.rows, 4);
  std::vector<ChartLabel> labels = labels_of(chart);
  std::vector<std::string> names;
  for (const ChartLabel& label : labels) names.push_back(label.text);
  const int names_width = std::min(widest(names), columns * 2 / 5);

  TextLayout layout;
  layout.rows = rows;
  layout.y = y_axis_of(chart, std::max(rows / 3, 2));
  layout.left = widest(layout.y.labels) + 2;
  layout.columns = std::max(columns - layout.left - names_width - 2, 8);
  layout.x = x_axis_of(chart, std::max(layout.columns / 12, 2));

  Grid grid(columns, rows + 2 + (chart.x_label.empty() ? 0 : 1));
  for (const ReferenceLine& line : chart.references) {
    if (!std::isfinite(line.y)) continue;
    const int row = static_cast<int>(std::lround(layout.row(line.y)));
    for (int i = 0; i < layout.columns && row >= 0 && row < rows; ++i)
      grid.put(row, layout.left + i, U'\u254C', kDim);
  }
  // The faint lines would fill every cell; the clear ones say the same.
  for (const Series& series : chart.series)
    if (series.emphasis == Emphasis::normal) draw_series(grid, chart, series, layout);
  draw_frame(grid, layout);

  std::vector<double> wishes;
  for (const ChartLabel& label : labels)
    wishes.push_back(std::clamp(std::round(layout.row(label.y)), 0.0, rows - 1.0));
  const std::vector<double> places = spread(wishes, 1, 0, rows - 1);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const char* code = labels[i].series < 0 ? kDim : code_of(labels[i].colour);
    grid.write(static_cast<int>(std::floor(places[i])), layout.left + layout.columns + 1,
               labels[i].text, code);
  }
  grid.write(rows + 2, layout.left + (layout.columns - columns_of(chart.x_label)) / 2,
             chart.x_label, kDim);

  std::string out;
  const bool colours = options.colour == TextColour::ansi;
  for (const std::string* words : {&chart.title, &chart.subtitle, &chart.y_label}) {
    if (words->empty()) continue;
    const bool bold = colours && words == &chart.title;
    for (const std::string& line : wrapped(safe_letters(*words), columns))
      out += (bold ? "\033[1m" : "") + line + (bold ? "\033[0m\n" : "\n");
  }
  return out + grid.text(options.colour);
}

std::string sparkline(std::span<const double> values, int columns) {
  const std::size_t n = values.size();
  const std::size_t width = std::min(n, static_cast<std::size_t>(std::max(columns, 0)));
  std::vector<double> heights;
  double low = INFINITY, high = -INFINITY;
  for (std::size_t i = 0; i < width; ++i) {
    double sum = 0, count = 0;
    for (std::size_t k = i * n / width; k < (i + 1) * n / width; ++k)
      if (std::isfinite(values[k])) sum += values[k], count += 1;
    heights.push_back(sum / count);   // NaN where there is nothing
    if (count > 0) low = std::min(low, heights.back()), high = std::max(high, heights.back());
  }
  std::u32string blocks;
  for (const double height : heights) {
    const double part = high > low ? (height - low) / (high - low) : 0.5;
    if (std::isnan(height)) blocks += U' ';
    else blocks += static_cast<char32_t>(0x2581 + static_cast<int>(std::min(part * 8, 7.0)));
  }
  return encode_utf8(blocks);
}

}   // namespace glass
