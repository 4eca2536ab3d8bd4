// What a picture is drawn on. A chart or a heatmap says what it wants in these four verbs and does
// not know whether pixels (canvas.h) or a vector file (svg.h) come out, so both show the same.
//
// Lengths are in units of which a screen shows one as a pixel or two; x grows to the right and y
// downwards.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "interp/draw/colour.h"

namespace glass {

struct Point {
  double x = 0, y = 0;
  bool operator==(const Point&) const = default;
};

struct Box {
  double x = 0, y = 0, width = 0, height = 0;
  double right() const { return x + width; }
  double bottom() const { return y + height; }
};

struct Stroke {
  Colour colour = kInk;
  double width = 1.5;
  double dash = 0;   // length of a dash and of the gap after it; 0: an unbroken line
};

enum class Align : std::uint8_t { left, centre, right };
enum class Weight : std::uint8_t { regular, bold };

struct TextStyle {
  double size = 13;   // of the letters: a capital is 0.72 of it
  Colour colour = kInk;
  Align align = Align::left;
  Weight weight = Weight::regular;
};

class Surface {
 public:
  virtual ~Surface() = default;
  virtual void rectangle(const Box& box, Colour colour) = 0;
  // One stroke with round ends and corners; where it crosses itself it is not darker. One point
  // alone is a dot.
  virtual void polyline(std::span<const Point> points, const Stroke& stroke) = 0;
  // `at` is where the baseline begins, is halfway, or ends, as the alignment says.
  virtual void text(std::string_view utf8, Point at, const TextStyle& style) = 0;

  // Until end_clip, what lies outside of the box is not drawn. Clips do not nest.
  virtual void begin_clip(const Box& box) = 0;
  virtual void end_clip() = 0;
};

class Clip {
 public:
  Clip(Surface& surface, const Box& box) : surface_(surface) { surface_.begin_clip(box); }
  ~Clip() { surface_.end_clip(); }
  Clip(const Clip&) = delete;
  Clip& operator=(const Clip&) = delete;

 private:
  Surface& surface_;
};

}   // namespace glass
