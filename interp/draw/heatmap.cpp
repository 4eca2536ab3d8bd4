#include "interp/draw/heatmap.h"

#include <algorithm>
#include <cmath>

#include "interp/draw/words.h"

namespace glass {
namespace {

constexpr double kSmallestCell = 1.5, kLargestCell = 26, kWidestCell = 96;
constexpr double kLineOfLabels = 12;   // from the baseline of a label to that of the next
constexpr double kTallest = 640;       // of all cells together, where they need not be square

struct Layout {
  Box cells;
  double cell_width = 0, cell_height = 0;
  double names = 0;          // room of the row labels
  double column_names = 0;   // the same above the cells
  std::size_t row_step = 1, column_step = 1;
  bool upright = false;
  double level_room = 0;   // of a name that is not
  TextStyle in_cells = kLabel;
  bool words_fit = false;
  bool strokes = false;   // across cells that are not there; without them they are grey

  double middle_of_column(std::size_t c) const {
    return cells.x + (static_cast<double>(c) + 0.5) * cell_width;
  }
  double middle_of_row(std::size_t r) const {
    return cells.y + (static_cast<double>(r) + 0.5) * cell_height;
  }
};

double count(const std::vector<std::string>& labels) {
  return std::max(static_cast<double>(labels.size()), 1.0);
}

std::size_t step_of(double cell) {
  return static_cast<std::size_t>(std::max(std::ceil(kLineOfLabels / cell), 1.0));
}

Layout lay_out(const Heatmap& map, const std::vector<std::string>& words, double width) {
  Layout l;
  const double axis = map.row_axis.empty() ? 0 : 17;
  l.names = std::min(widest(map.rows, kLabel), width * 0.3);
  const double left = axis + l.names + (l.names > 0 ? 7 : 0);
  const double room = std::max(width - left - 6, 8.0);   // a label may stick out by so much

  const double word = words.empty() ? 0 : widest(words, kLabel) + 9;
  const double most = std::clamp(word, kLargestCell, kWidestCell);
  l.cell_width = std::min(room / count(map.columns), most);
  const double square = std::min(l.cell_width, kLargestCell);
  l.cell_height = std::max(std::min(square, kTallest / count(map.rows)), kSmallestCell);
  if (!words.empty()) l.cell_height = std::max(l.cell_height, std::min(18.0, l.cell_width));
  l.words_fit = !words.empty() && l.cell_width >= 18 && l.cell_height >= 12;
  if (map.texts.empty() && word - 5 > l.cell_width) {
    l.in_cells.size = 9;   // numbers are whole or not there at all
    l.words_fit = l.words_fit && widest(words, l.in_cells) + 2 <= l.cell_width;
  }
  l.strokes = l.cell_width >= 9 && l.cell_height >= 9 && map.values.size() <= 900;
  l.row_step = step_of(l.cell_height);
  const double label = widest(map.columns, kLabel);
  l.column_step = step_of(l.cell_width);
  // One long name among many short ones is cut; upright letters are harder to read.
  l.level_room = l.cell_width * static_cast<double>(l.column_step) - 4;
  const auto long_ones =
      std::count_if(map.columns.begin(), map.columns.end(),
                    [&](const std::string& name) { return width_of(name, kLabel) > l.level_room; });
  l.upright = static_cast<double>(long_ones) > 0.1 * static_cast<double>(map.columns.size());
  l.column_names = label == 0 ? 0 : l.upright ? std::min(label, 84.0) + 6 : 16;

  double top = map.title.empty() ? 0 : 20;
  if (!map.column_axis.empty()) top += 15;
  l.cells = {left, top + l.column_names, l.cell_width * static_cast<double>(map.columns.size()),
             l.cell_height * static_cast<double>(map.rows.size())};
  return l;
}

void draw_names(const Heatmap& map, const Layout& l, double width, Surface& surface) {
  const TextStyle title{.size = 13, .weight = Weight::bold};
  if (!map.title.empty()) surface.text(fitted(map.title, width, title), {0, 13}, title);
  if (!map.column_axis.empty()) {
    const double room = width - l.cells.x;
    surface.text(fitted(map.column_axis, room, kFaded), {l.cells.x, l.cells.y - l.column_names - 4},
                 kFaded);
  }
  // Beside the cells; where they are few, the name may reach below them.
  if (!map.row_axis.empty()) {
    const double room = std::max(l.cells.height, 1.0);
    const std::string name = fitted(map.row_axis, room, kFaded);
    surface.text(name, {9, l.cells.y + l.cells.height / 2},
                 upwards(aligned(kFaded, Align::centre)));
  }
  for (std::size_t r = 0; r < map.rows.size(); r += l.row_step)
    surface.text(fitted(map.rows[r], l.names, kLabel), {l.cells.x - 6, l.middle_of_row(r) + 4},
                 aligned(kLabel, Align::right));
  for (std::size_t c = 0; c < map.columns.size(); c += l.column_step) {
    const double x = l.middle_of_column(c);
    if (l.upright)
      surface.text(fitted(map.columns[c], l.column_names - 6, kLabel), {x + 4, l.cells.y - 5},
                   upwards(kLabel));
    else
      surface.text(fitted(map.columns[c], l.level_room + 0.01, kLabel), {x, l.cells.y - 5},
                   aligned(kLabel, Align::centre));
  }
}

// A cell that is not there: a stroke across, or grey where it is too small for one.
void hatch(const Heatmap& map, const Layout& l, Surface& surface) {
  if (!l.strokes) return;
  for (std::size_t r = 0; r < map.rows.size(); ++r) {
    for (std::size_t c = 0; c < map.columns.size(); ++c) {
      if (!std::isnan(map.at(r, c))) continue;
      const double x = l.middle_of_column(c), y = l.middle_of_row(r);
      const double reach = std::min(l.cell_width, l.cell_height) * 0.2;
      const Point line[] = {{x - reach, y + reach}, {x + reach, y - reach}};
      surface.polyline(line, {.colour = kGridInk, .width = 1});
    }
  }
}

void draw_cells(const Heatmap& map, const std::vector<std::string>& words, const Layout& l,
                Surface& surface) {
  const Range range = range_of(map);
  std::vector<Colour> colours;
  colours.reserve(map.values.size());
  for (const double v : map.values) {
    colours.push_back(std::isnan(v) && !l.strokes ? kGridInk.with_alpha(120)
                                                  : colour_of(map.colours, range, v));
  }
  if (!map.values.empty()) surface.cells({l.cells, map.rows.size(), map.columns.size(), colours});
  hatch(map, l, surface);
  if (!l.words_fit) return;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t r = i / map.columns.size(), c = i % map.columns.size();
    TextStyle style = aligned(l.in_cells, Align::centre);
    if (!std::isnan(map.values[i])) style.colour = ink_for(colours[i]);
    surface.text(fitted(words[i], l.cell_width - 2, style),
                 {l.middle_of_column(c), l.middle_of_row(r) + 0.36 * style.size}, style);
  }
}

}   // namespace

double draw_map(const Heatmap& whole, double width, Surface& surface) {
  const double most = std::max(width * 0.65 / kSmallestCell, 1.0);
  const auto [map, word] = thinned(whole, 800, static_cast<std::size_t>(most));
  const std::vector<std::string> words = words_in_cells(map);
  const Layout l = lay_out(map, words, width);
  draw_cells(map, words, l, surface);
  draw_names(map, l, width, surface);
  std::string remark = word;
  if (map.values.empty()) remark = "nothing to show";
  return l.cells.bottom() + 4 + draw_remark(remark, width, l.cells.bottom() + 2, surface);
}

double draw_colour_bar(ColourMap colours, Range range, const std::string& unit, double width,
                       Surface& surface) {
  const double length = std::min(200.0, width * 0.5), left = std::min(20.0, width * 0.1);
  constexpr int kSteps = 64;
  std::vector<Colour> steps;
  for (int i = 0; i < kSteps; ++i) steps.push_back(colour_at(colours, (i + 0.5) / kSteps));
  surface.cells({{left, 4, length, 10}, 1, kSteps, steps});
  Axis axis;
  int ticks = 5;
  do {
    axis = make_axis(range, {.ticks = ticks});
  } while (--ticks > 0 &&
           (widest(axis.labels, kFaded) + 8) * static_cast<double>(axis.ticks.size()) > length);
  for (std::size_t i = 0; i < axis.ticks.size(); ++i) {
    const double x = crisp(left + length * axis.place(axis.ticks[i]));
    const Point tick[] = {{x, 14}, {x, 18}};
    surface.polyline(tick, {.colour = kFadedInk, .width = 1});
    const double half = width_of(axis.labels[i], kFaded) / 2;
    surface.text(axis.labels[i], {std::max(x, half), 29}, aligned(kFaded, Align::centre));
  }
  if (!unit.empty()) {
    const double x = left + length + 12;
    surface.text(fitted(unit, width - x, kFaded), {x, 13}, kFaded);
  }
  return 34;
}

double draw(const Heatmap& map, double width, Surface& surface) {
  const double height = draw_map(map, width, surface);
  if (map.values.empty()) return height;
  Shifted below(surface, {0, height + 6});
  return height + 6 + draw_colour_bar(map.colours, range_of(map), map.unit, width, below);
}

double gallery_width(const Gallery& gallery, double width) {
  const double maps = std::max(static_cast<double>(gallery.maps.size()), 1.0);
  double columns = 1, names = 0;
  for (const Heatmap& map : gallery.maps) {
    columns = std::max(columns, count(map.columns));
    names = std::max(names, std::min(widest(map.rows, kLabel), 80.0));
  }
  // As many side by side as leave cells large enough to be looked at.
  const double wish = names + 24 + std::clamp(columns * 12, 40.0, 200.0);
  const double side_by_side =
      std::clamp(std::floor((width + kGalleryGap) / (wish + kGalleryGap)), 1.0, 6.0);
  const double each = std::ceil(maps / std::ceil(maps / side_by_side));   // lines of equal length
  return std::floor((width - (each - 1) * kGalleryGap) / each);
}

double draw(const Gallery& gallery, double width, Surface& surface) {
  double y = draw_heading(gallery.title, width, surface);
  const double each = gallery_width(gallery, width);
  double x = 0, line = 0;
  for (const Heatmap& map : over_one_range(gallery)) {
    if (x > 0 && x + each > width + 0.5) x = 0, y += line + 10, line = 0;
    Shifted place(surface, {x, y});
    line = std::max(line, draw_map(map, each, place));
    x += each + kGalleryGap;
  }
  y += line + 6;
  if (gallery.maps.empty()) return y + draw_remark("nothing to show", width, y, surface);
  const Heatmap& first = gallery.maps.front();
  Shifted below(surface, {0, y});
  return y + draw_colour_bar(first.colours, range_of(gallery), first.unit, width, below);
}

}   // namespace glass
