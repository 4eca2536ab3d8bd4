// The parts of a chart that do not depend on what it is drawn on.
#include <algorithm>
#include <cmath>

#include "engine/base/utf8.h"
#include "interp/draw/chart.h"
#include "interp/draw/font.h"

namespace glass {
namespace {

void widen(std::optional<Range>& range, double value) {
  if (!std::isfinite(value)) return;
  if (!range) range = {value, value};
  range = {std::min(range->low, value), std::max(range->high, value)};
}

const Point* last_shown(const Chart& chart, const Series& series) {
  for (auto p = series.points.rbegin(); p != series.points.rend(); ++p)
    if (is_shown(chart, *p)) return &*p;
  return nullptr;
}

}   // namespace

bool is_shown(const Chart& chart, Point p) {
  return std::isfinite(p.x) && std::isfinite(p.y) && (chart.x_scale == Scale::linear || p.x > 0);
}

Axis x_axis_of(const Chart& chart, int ticks) {
  std::optional<Range> range;
  for (const Series& series : chart.series) {
    for (const Point p : series.points)
      if (is_shown(chart, p)) widen(range, p.x);
  }
  if (range && range->low == range->high) {
    const double before = range->low - 1;
    range->low = range->low >= 0 ? std::max(before, 0.0) : before;
    range->high += 1;
  }
  const AxisOptions options{.ticks = ticks, .scale = chart.x_scale, .grain = chart.x_grain};
  return make_axis(range.value_or(Range{0, 1}), options);
}

Axis y_axis_of(const Chart& chart, int ticks) {
  std::optional<Range> range = chart.y_range;
  if (!chart.y_range) {
    for (const Series& series : chart.series) {
      for (const Point p : series.points)
        if (is_shown(chart, p)) widen(range, p.y);
    }
    for (const ReferenceLine& line : chart.references) widen(range, line.y);
  }
  return make_axis(range.value_or(Range{0, 1}), {.ticks = ticks, .rounding = Rounding::outward});
}

std::vector<ChartLabel> labels_of(const Chart& chart) {
  std::vector<ChartLabel> labels;
  for (const ReferenceLine& line : chart.references) {
    if (std::isfinite(line.y)) labels.push_back({line.name, kFadedInk, line.y, -1});
  }
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const Series& series = chart.series[i];
    const Point* last = last_shown(chart, series);
    if (series.name.empty() || last == nullptr) continue;
    labels.push_back({series.name, series.colour, last->y, static_cast<int>(i)});
  }
  double largest = 0;
  for (const ChartLabel& label : labels) largest = std::max(largest, std::abs(label.y));
  for (ChartLabel& label : labels) label.text += " " + readable(label.y, largest);
  std::stable_sort(labels.begin(), labels.end(),
                   [](const ChartLabel& a, const ChartLabel& b) { return a.y > b.y; });
  return labels;
}

std::vector<std::vector<Point>> runs_of(const std::vector<Point>& points, double column) {
  std::vector<std::vector<Point>> runs;
  std::vector<Point> bunch;   // neighbours in one column
  const auto column_of = [&](Point p) { return std::floor(p.x / column); };
  const auto flush = [&] {
    if (bunch.size() > 4) {
      const auto lower = [](Point a, Point b) { return a.y < b.y; };
      auto low = std::min_element(bunch.begin(), bunch.end(), lower);
      auto high = std::max_element(bunch.begin(), bunch.end(), lower);
      if (high < low) std::swap(low, high);
      bunch = {bunch.front(), *low, *high, bunch.back()};
    }
    for (const Point p : bunch) runs.back().push_back(p);
    bunch.clear();
  };
  bool open = false;
  for (const Point p : points) {
    if (!std::isfinite(p.x) || !std::isfinite(p.y)) {
      if (open) flush();
      open = false;
      continue;
    }
    if (!open) runs.emplace_back();
    open = true;
    if (!bunch.empty() && column_of(bunch.front()) != column_of(p)) flush();
    bunch.push_back(p);
  }
  if (open) flush();
  return runs;
}

std::string fitted(const std::string& text, double width, const TextStyle& style) {
  const auto fits = [&](const std::string& t) {
    return text_width(t, style.size, style.weight) <= width;
  };
  if (fits(text)) return text;
  std::u32string letters;
  decode_utf8(text, letters);
  while (!letters.empty()) {
    letters.pop_back();
    const std::string shorter = encode_utf8(letters) + "\xE2\x80\xA6";
    if (fits(shorter)) return shorter;
  }
  return "";
}

// Neighbours that would touch become one block, which moves as a whole to where its members are
// happiest on average; blocks that then touch are joined in turn.
std::vector<double> spread(const std::vector<double>& wishes, double gap, double low, double high) {
  struct Block {
    double sum;   // of the wishes, each less its place inside of the block
    double count;
    double first;   // where the first member stands
  };
  std::vector<Block> blocks;
  const auto settle = [&](Block& block) {
    const double highest = high - (block.count - 1) * gap;
    block.first = std::max(std::min(block.sum / block.count, highest), low);
  };
  for (const double wish : wishes) {
    blocks.push_back({wish, 1, wish});
    settle(blocks.back());
    while (blocks.size() > 1) {
      const Block last = blocks.back();
      Block& before = blocks[blocks.size() - 2];
      if (before.first + before.count * gap <= last.first) break;
      before.sum += last.sum - last.count * before.count * gap;
      before.count += last.count;
      settle(before);
      blocks.pop_back();
    }
  }
  std::vector<double> places;
  for (const Block& block : blocks) {
    for (double i = 0; i < block.count; ++i) places.push_back(block.first + i * gap);
  }
  return places;
}

}   // namespace glass
