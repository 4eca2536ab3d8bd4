// A text whose tokens are coloured boxes, set in lines like any text. A token that ends a line ends
// it here as well.
#include <algorithm>
#include <cmath>

#include "interp/draw/figure.h"
#include "interp/draw/heatmap.h"
#include "interp/draw/words.h"

namespace glass {

double draw(const Strip& strip, double width, Surface& surface) {
  constexpr std::size_t kMost = 800;
  constexpr double kLine = 24, kBox = 20, kAir = 3;
  double y = draw_heading(strip.title, width, surface), x = 0;
  const Range range = range_of(strip);
  const std::size_t shown = std::min(strip.tokens.size(), kMost);
  for (std::size_t i = 0; i < shown; ++i) {
    const std::string token = fitted(strip.tokens[i], width - 2 * kAir, kWords);
    const double box = width_of(token, kWords) + 2 * kAir;
    if (x > 0 && x + box > width) x = 0, y += kLine;
    const Colour under = colour_of(strip.colours, range, strip.values[i]);
    TextStyle style = kWords;
    if (under.a > 0) {
      surface.rectangle({x, y, box, kBox}, under);
      style.colour = ink_for(under);
    }
    surface.text(token, {x + kAir, y + 14.5}, style);
    x += box + 1;
    const bool ends = token.size() >= 2 && token.compare(token.size() - 2, 2, "\\n") == 0;
    if (ends) x = width + 1;   // whatever follows begins a line
  }
  y += shown > 0 ? kLine + 6 : 0;
  std::string remark;
  if (shown == 0) remark = "nothing to show";
  if (strip.tokens.size() > shown)
    remark = std::to_string(strip.tokens.size() - shown) + " more tokens are not drawn";
  y += draw_remark(remark, width, y, surface);
  if (shown == 0 || !has_scale(strip)) return y;
  Shifted below(surface, {0, y});
  return y + draw_colour_bar(strip.colours, range, "", width, below);
}

}   // namespace glass
