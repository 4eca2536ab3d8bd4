// A page as one picture.
#include <algorithm>
#include <cmath>

#include "interp/draw/png.h"
#include "interp/draw/words.h"
#include "interp/page/page.h"

namespace glass {
namespace {

constexpr double kMargin = 28, kBetween = 18;
constexpr double kMostPixels = 12e6;   // 36 MB before it is packed

double draw_foot(const Page& page, double y, double width, Surface& surface) {
  const TextStyle small{.size = 10, .colour = kFadedInk};
  for (const std::string& words : {from_words(page.from), page.from.command}) {
    if (words.empty()) continue;
    surface.text(fitted(words, width, small), {0, y + 12}, small);
    y += 15;
  }
  return y;
}

}   // namespace

double draw_page(const Page& page, Surface& surface, double tallest) {
  const double width = kPageWidth - 2 * kMargin;
  Shifted inside(surface, {kMargin, kMargin});
  double y = 0;
  const TextStyle title{.size = 19, .weight = Weight::bold};
  for (const std::string& line : wrapped(page.title, width, title)) {
    inside.text(line, {0, y + 17}, title);
    y += 26;
  }
  y += 8;
  std::size_t drawn = 0;
  for (const Figure& figure : page.figures) {
    Nowhere nowhere;
    const double height = draw(figure, width, nowhere);
    if (y + height + 110 > tallest) break;
    Shifted place(surface, {kMargin, kMargin + y});
    y += draw(figure, width, place) + kBetween;
    ++drawn;
  }
  if (drawn < page.figures.size()) {
    y += draw_remark(std::to_string(page.figures.size() - drawn) + " of " +
                         std::to_string(page.figures.size()) +
                         " figures are left out: the picture would be too tall. --html has all.",
                     width, y, inside) +
         8;
  }
  return draw_foot(page, y, width, inside) + 2 * kMargin;
}

std::string page_png(const Page& page, double scale) {
  const double tallest = kMostPixels / kPageWidth;   // at a scale of 1
  Nowhere nowhere;
  const double height = draw_page(page, nowhere, tallest);
  scale = std::min(scale, std::max(std::sqrt(kMostPixels / (height * kPageWidth)), 1.0));
  Canvas canvas(kPageWidth, height, scale);
  draw_page(page, canvas, tallest);
  return png(canvas);
}

}   // namespace glass
