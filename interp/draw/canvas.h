// A surface of pixels. The stroke of a pen of width w along a path is every point that is at most
// w / 2 away from the path; how much of a pixel it covers is read off the distance of the pixel's
// middle. That one rule draws lines, corners, ends, dots and letters, all with smooth edges.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "interp/draw/surface.h"

namespace glass {

class Canvas final : public Surface {
 public:
  // `scale` pixels a unit. 2 is right for today's screens.
  Canvas(double width, double height, double scale = 2, Colour paper = kPaper);

  void rectangle(const Box& box, Colour colour) override;
  void polyline(std::span<const Point> points, const Stroke& stroke) override;
  void text(std::string_view utf8, Point at, const TextStyle& style) override;
  void cells(const Cells& grid) override;   // edges lie between pixels, so there are no seams
  void begin_clip(const Box& box) override;
  void end_clip() override;

  int width() const { return width_; }   // in pixels
  int height() const { return height_; }
  Colour pixel(int x, int y) const;
  std::span<const std::uint8_t> bytes() const { return rgb_; }   // rows from the top, R G B each

 private:
  struct Area {
    int left, top, right, bottom;
  };   // pixels; right and bottom are one past the end

  Area pixels_of(const Box& box) const;
  void cover(Point a, Point b, double radius);   // one straight piece
  void cover_dashed(std::span<const Point> points, double radius, double dash);
  void ink(Colour colour);   // lays the mask down
  void blend(int x, int y, Colour colour, double coverage);

  double scale_;
  int width_, height_;
  std::vector<std::uint8_t> rgb_;
  // How much of each pixel the stroke that is being drawn covers, and where it has been. Pieces of
  // a stroke meet here, so that the places they share are inked once.
  std::vector<float> mask_;
  Area touched_;
  Area clip_;
};

}   // namespace glass
