// Letters as strokes of a pen: each is a handful of lines and arcs, so they can be drawn in any
// size without a font file. Made for small sizes: open forms, a large x-height, 1 I l and 0 O that
// cannot be mistaken for one another, digits of one width so that columns of numbers line up.
#pragma once
#include <string_view>
#include <vector>

#include "interp/draw/surface.h"

namespace glass {

// One stroke of the pen. A dot has one point.
struct PenLine {
  double pen = 1;   // its width
  std::vector<Point> points;
};
std::vector<PenLine> strokes_of(std::string_view utf8, Point at, const TextStyle& style);

// From where the first letter begins to where the one after the last would.
double text_width(std::string_view utf8, double size, Weight weight = Weight::regular);

// How far letters reach above and below the baseline.
double text_ascent(double size);
double text_descent(double size);

}   // namespace glass
