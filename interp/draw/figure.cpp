// What the pictures of a figure share: ranges, thinning, numbers as words; and the small figures.
#include "interp/draw/figure.h"

#include <algorithm>
#include <cmath>

#include "engine/base/text.h"
#include "interp/draw/font.h"
#include "interp/draw/words.h"

namespace glass {
namespace {

void widen(std::optional<Range>& range, const std::vector<double>& values) {
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    if (!range) range = Range{v, v};
    range->low = std::min(range->low, v), range->high = std::max(range->high, v);
  }
}

Range for_colours(std::optional<Range> found, ColourMap colours) {
  Range range = found.value_or(Range{0, 1});
  if (colours == ColourMap::diverging) {
    const double far = std::max(std::abs(range.low), std::abs(range.high));
    return far > 0 ? Range{-far, far} : Range{-1, 1};
  }
  if (range.low >= 0 && range.low <= range.high / 2) range.low = 0;
  if (range.low == range.high) {
    if (range.high > 0) range.low = 0;
    else range.high = range.low + 1;
  }
  return range;
}

// Of an axis with too many places: the first of each `step`.
std::vector<std::string> every(const std::vector<std::string>& labels, std::size_t step) {
  std::vector<std::string> some;
  for (std::size_t i = 0; i < labels.size(); i += step) some.push_back(labels[i]);
  return some;
}

}   // namespace

Range range_of(const Heatmap& map) {
  if (map.range) return *map.range;
  std::optional<Range> range;
  widen(range, map.values);
  return for_colours(range, map.colours);
}

Range range_of(const Strip& strip) {
  if (strip.range) return *strip.range;
  std::optional<Range> range;
  widen(range, strip.values);
  return for_colours(range, strip.colours);
}

bool has_scale(const Strip& strip) {
  std::optional<Range> range;
  widen(range, strip.values);
  return strip.last && range && range->low != range->high;
}

Range range_of(const Gallery& gallery) {
  std::optional<Range> range;
  ColourMap colours = ColourMap::rising;
  for (const Heatmap& map : gallery.maps) {
    if (map.range) widen(range, {map.range->low, map.range->high});
    else widen(range, map.values);
    colours = map.colours;
  }
  return for_colours(range, colours);
}

std::vector<Heatmap> over_one_range(const Gallery& gallery) {
  std::vector<Heatmap> maps = gallery.maps;
  for (Heatmap& map : maps) map.range = range_of(gallery);
  return maps;
}

Thinned thinned(const Heatmap& map, std::size_t rows, std::size_t columns) {
  const auto step_for = [](std::size_t have, std::size_t most) {
    most = std::max<std::size_t>(most, 1);
    return std::max<std::size_t>((have + most - 1) / most, 1);
  };
  const std::size_t down = step_for(map.rows.size(), rows);
  const std::size_t across = step_for(map.columns.size(), columns);
  if (down == 1 && across == 1) return {map, ""};
  Heatmap small = map;
  small.range = range_of(map);
  small.rows = every(map.rows, down), small.columns = every(map.columns, across);
  small.values.clear(), small.texts.clear();
  const auto size = [](double v) { return std::isnan(v) ? -1.0 : std::abs(v); };
  for (std::size_t r = 0; r < map.rows.size(); r += down) {
    for (std::size_t c = 0; c < map.columns.size(); c += across) {
      std::size_t best = r * map.columns.size() + c;
      for (std::size_t y = r; y < std::min(r + down, map.rows.size()); ++y) {
        for (std::size_t x = c; x < std::min(c + across, map.columns.size()); ++x) {
          const std::size_t i = y * map.columns.size() + x;
          if (size(map.values[i]) > size(map.values[best])) best = i;
        }
      }
      small.values.push_back(map.values[best]);
      if (!map.texts.empty()) small.texts.push_back(map.texts[best]);
    }
  }
  return {small, "Too large to show whole: a cell stands for " + std::to_string(down) + " x " +
                     std::to_string(across) + " of them and shows the largest."};
}

std::string short_number(double value, double largest) {
  if (std::isnan(value)) return "";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (value == 0) return "0";
  largest = std::max(largest, std::abs(value));
  if (largest < 0.005 || largest >= 1e6) return format("%.1e", value);
  const int decimals = largest < 10 ? 2 : largest < 100 ? 1 : 0;
  const std::string digits = format("%.*f", decimals, value);
  const bool nothing = digits.find_first_not_of("-0.") == std::string::npos;
  return nothing && digits[0] == '-' ? digits.substr(1) : digits;
}

std::vector<std::string> words_in_cells(const Heatmap& map) {
  if (!map.texts.empty()) return map.texts;
  std::vector<std::string> words;
  if (map.numbers == Heatmap::Numbers::hidden) return words;
  const double most = largest_of(map.values);
  for (const double v : map.values) words.push_back(short_number(v, most));
  return words;
}

double largest_of(const std::vector<double>& values) {
  double most = 0;
  for (const double v : values)
    if (std::isfinite(v)) most = std::max(most, std::abs(v));
  return most;
}

std::string weight_words(const Diagram::Arrow& arrow) {
  const std::string number = short_number(arrow.weight, std::abs(arrow.weight));
  return arrow.note.empty() ? number : arrow.note + " " + number;
}

double draw(const Paragraph& paragraph, double width, Surface& surface) {
  double y = 0;
  for (const std::string& line : wrapped(paragraph.text, width, kWords)) {
    surface.text(line, {0, y + 13}, kWords);
    y += 19;
  }
  return y;
}

double draw(const Chart& chart, double width, Surface& surface) {
  Chart fitting = chart;
  fitting.width = std::min(chart.width, width);
  draw(fitting, surface);
  return fitting.height;
}

double draw(const Figure& figure, double width, Surface& surface) {
  return std::visit([&](const auto& f) { return draw(f, width, surface); }, figure);
}

}   // namespace glass
