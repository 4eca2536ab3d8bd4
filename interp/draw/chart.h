// A line chart: a few series over one axis, and horizontal lines to compare them with. The same
// Chart becomes a PNG, an SVG (here) or text for a terminal (chart_text.h).
//
// Every line is named where it ends, in the column to the right of the plot, so that no reader has
// to travel between a legend and the lines.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "interp/draw/axis.h"
#include "interp/draw/surface.h"

namespace glass {

enum class Emphasis : std::uint8_t { normal, faint };   // faint: what a clearer line is made from

struct Series {
  std::string name;            // "": not named in the chart
  std::vector<Point> points;   // x must not fall; a y that is not finite leaves a gap
  Colour colour = kBlue;
  Emphasis emphasis = Emphasis::normal;
};

struct ReferenceLine {
  std::string name;
  double y = 0;
};

struct Chart {
  std::string title, subtitle, x_label, y_label;
  std::vector<Series> series;
  std::vector<ReferenceLine> references;
  Scale x_scale = Scale::linear;   // log: points at 0 and below are left out
  Grain x_grain = Grain::any;
  std::optional<Range> y_range;   // without it, all there is; what lies outside is cut off
  double width = 760, height = 440;
};

void draw(const Chart& chart, Surface& surface);
std::string png(const Chart& chart, double scale = 2);
std::string svg(const Chart& chart);

// What both views of a chart are laid out from.
struct ChartLabel {
  std::string text;   // "val 1.883"
  Colour colour;
  double y = 0;      // where it should stand, in data
  int series = -1;   // of chart.series; -1: a reference line
};
Axis x_axis_of(const Chart& chart, int ticks);
Axis y_axis_of(const Chart& chart, int ticks);
std::vector<ChartLabel> labels_of(const Chart& chart);   // from the top of the chart downwards
bool is_shown(const Chart& chart, Point p);              // finite, and possible on this x axis

// Pieces of a line without gaps. Where many points share a column of `column` units, only its
// first, highest, lowest and last are kept, which is all that such a column can show.
std::vector<std::vector<Point>> runs_of(const std::vector<Point>& points, double column);

// The text, or its beginning and an ellipsis where it would be wider.
std::string fitted(const std::string& text, double width, const TextStyle& style);

// Places as near to the wishes as a distance of `gap` between neighbours allows, all within
// low .. high if they fit. The wishes must be sorted.
std::vector<double> spread(const std::vector<double>& wishes, double gap, double low, double high);

}   // namespace glass
