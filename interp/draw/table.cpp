// Words and numbers in columns, with a line below the heads.
#include <algorithm>
#include <cmath>

#include "interp/draw/figure.h"
#include "interp/draw/words.h"

namespace glass {
namespace {

constexpr double kRow = 19, kGap = 18;
constexpr std::size_t kMost = 120;
constexpr TextStyle kHead{.size = 12, .colour = kFadedInk, .weight = Weight::bold};
constexpr TextStyle kCell{.size = 12};

// Columns are as wide as their words; where that is too much, the widest give way first.
std::vector<double> widths_of(const Table& table, double width) {
  std::vector<double> widths;
  const auto measure = [&](const std::vector<std::string>& row, const TextStyle& style) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t c = 0; c < row.size(); ++c)
      widths[c] = std::max(widths[c], width_of(row[c], style));
  };
  measure(table.columns, kHead);
  for (const auto& row : table.rows) measure(row, kCell);
  const double room = width - kGap * static_cast<double>(widths.empty() ? 0 : widths.size() - 1);
  double low = 0, high = width;   // of the widest column that is allowed
  const auto needed = [&](double most) {
    double sum = 0;
    for (const double w : widths) sum += std::min(w, most);
    return sum;
  };
  if (needed(high) <= room) return widths;
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    (needed(middle) <= room ? low : high) = middle;
  }
  for (double& w : widths) w = std::min(w, low);
  return widths;
}

}   // namespace

double draw(const Table& table, double width, Surface& surface) {
  const std::vector<double> widths = widths_of(table, width);
  double y = draw_heading(table.title, width, surface);
  const auto write = [&](const std::vector<std::string>& row, const TextStyle& style) {
    double x = 0;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const Align align = c < table.align.size() ? table.align[c] : Align::left;
      double at = x;
      if (align == Align::right) at += widths[c];
      if (align == Align::centre) at += widths[c] / 2;
      surface.text(fitted(row[c], widths[c] + 0.01, style), {at, y + 13}, aligned(style, align));
      x += widths[c] + kGap;
    }
    y += kRow;
  };
  write(table.columns, kHead);
  double total = -kGap;
  for (const double w : widths) total += w + kGap;
  const Point line[] = {{0, crisp(y)}, {std::max(total, 0.0), crisp(y)}};
  surface.polyline(line, {.colour = kGridInk, .width = 1});
  y += 3;
  for (std::size_t i = 0; i < std::min(table.rows.size(), kMost); ++i) write(table.rows[i], kCell);
  std::string remark;
  if (table.rows.empty()) remark = "nothing to show";
  if (table.rows.size() > kMost)
    remark = std::to_string(table.rows.size() - kMost) + " more rows are not drawn";
  return y + draw_remark(remark, width, y, surface) + 2;
}

}   // namespace glass
