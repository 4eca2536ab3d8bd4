// A surface that writes what it is told as an SVG file. Letters stay text, so that a reader can
// select them and a screen reader can read them; each says how wide our own font would be, so that
// whatever font shows it fills the same box.
#pragma once
#include <string>

#include "interp/draw/surface.h"

namespace glass {

class Svg final : public Surface {
 public:
  // `title` is what stands for the picture where it cannot be seen.
  Svg(double width, double height, const std::string& title, Colour paper = kPaper);

  void rectangle(const Box& box, Colour colour) override;
  void polyline(std::span<const Point> points, const Stroke& stroke) override;
  void text(std::string_view utf8, Point at, const TextStyle& style) override;
  void begin_clip(const Box& box) override;
  void end_clip() override;

  std::string file() const { return body_ + "</svg>\n"; }

 private:
  std::string body_;
};

// Letters that nobody sees and that turn the direction of what follows, or break its line: with one
// of them a stranger's token could rewrite the words around it.
bool turns_writing(char32_t letter);

// Text made safe inside of XML: its five signs escaped, what XML forbids or turns the writing
// replaced by U+FFFD.
std::string xml_text(std::string_view utf8);

}   // namespace glass
