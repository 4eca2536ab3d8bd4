// How a heatmap stands on a surface: title, names of the axes, labels of rows and columns, cells,
// and a colour bar with ticks below. Labels never touch: where cells are small, only each n-th is
// written, and names that are too wide for a column stand upright.
#pragma once
#include "interp/draw/figure.h"

namespace glass {

// Without its colour bar; at most `width` wide. Returns how high it is.
double draw_map(const Heatmap& map, double width, Surface& surface);
double draw_colour_bar(ColourMap colours, Range range, const std::string& unit, double width,
                       Surface& surface);
// How wide each map of a gallery may be, on a page of that width, and how far apart they stand.
double gallery_width(const Gallery& gallery, double width);
inline constexpr double kGalleryGap = 18;

}   // namespace glass
