// What a picture is drawn on. A chart or a heatmap says what it wants in these few verbs and does
// not know whether pixels (canvas.h) or a vector file (svg.h) come out, so both show the same.
//
// Lengths are in units of which a screen shows one as a pixel or two; x grows to the right and y
// downwards.
#pragma once
#include <cstdint>
#include <span>
#include <string>
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
enum class Direction : std::uint8_t { level, upwards };   // upwards: a quarter turned to the left

struct TextStyle {
  double size = 13;   // of the letters: a capital is 0.72 of it
  Colour colour = kInk;
  Align align = Align::left;
  Weight weight = Weight::regular;
  Direction direction = Direction::level;
};

// A grid of coloured cells, row after row from the top left.
struct Cells {
  Box box;
  std::size_t rows, columns;
  std::span<const Colour> colours;   // rows x columns; with alpha 0: left as it is
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

  virtual void cells(const Cells& grid);

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

// The same surface with its origin somewhere else, so that figures can be put together from parts.
class Shifted final : public Surface {
 public:
  Shifted(Surface& on, Point origin) : on_(on), origin_(origin) {}
  void rectangle(const Box& box, Colour colour) override { on_.rectangle(there(box), colour); }
  void polyline(std::span<const Point> points, const Stroke& stroke) override;
  void text(std::string_view utf8, Point at, const TextStyle& style) override {
    on_.text(utf8, {at.x + origin_.x, at.y + origin_.y}, style);
  }
  void cells(const Cells& grid) override;
  void begin_clip(const Box& box) override { on_.begin_clip(there(box)); }
  void end_clip() override { on_.end_clip(); }

 private:
  Box there(const Box& box) const {
    return {box.x + origin_.x, box.y + origin_.y, box.width, box.height};
  }
  Surface& on_;
  Point origin_;
};

// Forgets what is drawn on it: a figure is measured by drawing it here.
class Nowhere final : public Surface {
 public:
  void rectangle(const Box&, Colour) override {}
  void polyline(std::span<const Point>, const Stroke&) override {}
  void text(std::string_view, Point, const TextStyle&) override {}
  void cells(const Cells&) override {}
  void begin_clip(const Box&) override {}
  void end_clip() override {}
};

}   // namespace glass
