// Where to draw the nodes of a graph: in layers, everything below what it was made from, with few
// crossings and straight lines. Knows boxes and edges only.
#pragma once
#include <vector>

namespace glass {

struct TracePoint {
  double x, y;
};

struct TraceBox {
  double width = 0, height = 0;
  std::vector<int> inputs;   // boxes that stand before it in the list
};

struct Line {
  int from = 0, to = 0;
  std::vector<TracePoint> points;   // from the lower edge of one box to the upper edge of the other
};

struct Layout {
  double width = 0, height = 0;
  std::vector<TracePoint> centres;   // of the boxes
  std::vector<Line> lines;
};

Layout lay_out(const std::vector<TraceBox>& boxes);

}   // namespace glass
