// Names, numbers and bars: the bars begin at 0, to the right for what is more and to the left for
// what is less than nothing.
#include <algorithm>
#include <cmath>

#include "interp/draw/figure.h"
#include "interp/draw/words.h"

namespace glass {
namespace {

constexpr double kRow = 19;
constexpr std::size_t kMost = 80;

std::vector<std::string> names_of(const std::vector<Bars::Bar>& bars) {
  std::vector<std::string> names;
  for (const Bars::Bar& bar : bars) names.push_back(bar.name);
  return names;
}

Range reach_of(const std::vector<Bars::Bar>& bars, const std::vector<ReferenceLine>& lines) {
  Range range{0, 0};
  const auto see = [&](double v) {
    if (!std::isfinite(v)) return;
    range.low = std::min(range.low, v), range.high = std::max(range.high, v);
  };
  for (const Bars::Bar& bar : bars) see(bar.value);
  for (const ReferenceLine& line : lines) see(line.y);
  if (range.low == range.high) range.high = 1;
  return range;
}

}   // namespace

double draw(const Bars& all, double width, Surface& surface) {
  const double top = draw_heading(all.title, width, surface);
  const std::vector<Bars::Bar> bars(
      all.bars.begin(),
      all.bars.begin() + static_cast<std::ptrdiff_t>(std::min(all.bars.size(), kMost)));
  double most = 0, notes = 0;
  for (const Bars::Bar& bar : bars) {
    if (std::isfinite(bar.value)) most = std::max(most, std::abs(bar.value));
    notes = std::max(notes, width_of(bar.note, kFaded));
  }
  notes = std::min(notes, width * 0.3);
  std::vector<std::string> numbers;
  for (const Bars::Bar& bar : bars)
    numbers.push_back(std::isfinite(bar.value) ? readable(bar.value, most)
                                               : short_number(bar.value, most));
  const double names = std::min(widest(names_of(bars), kWords), width * 0.32);
  const double digits = names + 10 + widest(numbers, kWords);
  const double left = digits + 12, right = width - (notes > 0 ? notes + 10 : 0);
  const Range range = reach_of(bars, all.references);
  const auto across = [&](double v) {
    const double share = (v - range.low) / (range.high - range.low);
    return left + std::clamp(share, 0.0, 1.0) * std::max(right - left, 4.0);
  };
  const double bottom = top + kRow * static_cast<double>(bars.size());
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const double y = top + kRow * static_cast<double>(i);
    surface.text(fitted(bars[i].name, names, kWords), {0, y + 14}, kWords);
    surface.text(numbers[i], {digits, y + 14}, aligned(kWords, Align::right));
    if (!bars[i].note.empty())
      surface.text(fitted(bars[i].note, notes, kFaded), {right + 10, y + 14}, kFaded);
    if (!std::isfinite(bars[i].value)) continue;
    const double x0 = across(std::min(bars[i].value, 0.0));
    const double x1 = across(std::max(bars[i].value, 0.0));
    surface.rectangle({x0, y + 4, x1 - x0, kRow - 7}, bars[i].value < 0 ? kVermilion : kBlue);
  }
  const Point zero[] = {{crisp(across(0)), top}, {crisp(across(0)), bottom}};
  if (!bars.empty()) surface.polyline(zero, {.colour = kFadedInk, .width = 1});
  double y = bottom + 2;
  for (const ReferenceLine& line : all.references) {
    if (!std::isfinite(line.y)) continue;
    const double x = crisp(across(line.y));
    const Point stroke[] = {{x, top}, {x, y + 2}};
    surface.polyline(stroke, {.colour = kFadedInk, .width = 1, .dash = 4});
    const std::string words = fitted(line.name + " " + readable(line.y, most), width, kFaded);
    const double half = width_of(words, kFaded) / 2;
    surface.text(words, {std::clamp(x, half, std::max(width - half, half)), y + 14},
                 aligned(kFaded, Align::centre));
    y += 17;
  }
  std::string remark = all.unit.empty() ? "" : "in " + all.unit;
  if (bars.empty()) remark = "nothing to show";
  else if (all.bars.size() > kMost)
    remark += (remark.empty() ? "" : "; ") + std::string("the first ") + std::to_string(kMost) +
              " of " + std::to_string(all.bars.size());
  return y + draw_remark(remark, width, y, surface) + 2;
}

}   // namespace glass
