#include "interp/draw/surface.h"

namespace glass {

void Surface::cells(const Cells& grid) {
  const double width = grid.box.width / static_cast<double>(grid.columns);
  const double height = grid.box.height / static_cast<double>(grid.rows);
  for (std::size_t r = 0; r < grid.rows; ++r) {
    for (std::size_t c = 0; c < grid.columns; ++c) {
      const Colour colour = grid.colours[r * grid.columns + c];
      if (colour.a == 0) continue;
      rectangle({grid.box.x + width * static_cast<double>(c),
                 grid.box.y + height * static_cast<double>(r), width, height},
                colour);
    }
  }
}

void Shifted::polyline(std::span<const Point> points, const Stroke& stroke) {
  std::vector<Point> moved;
  moved.reserve(points.size());
  for (const Point p : points) moved.push_back({p.x + origin_.x, p.y + origin_.y});
  on_.polyline(moved, stroke);
}

void Shifted::cells(const Cells& grid) {
  Cells moved = grid;
  moved.box = there(grid.box);
  on_.cells(moved);
}

}   // namespace glass
