// How figures set words: sizes, titles, lines of a width.
#pragma once
#include <string>
#include <vector>

#include "interp/draw/chart.h"
#include "interp/draw/font.h"
#include "interp/draw/surface.h"

namespace glass {

inline constexpr TextStyle kWords{.size = 13};
inline constexpr TextStyle kHeading{.size = 14, .weight = Weight::bold};
inline constexpr TextStyle kLabel{.size = 11};
inline constexpr TextStyle kFaded{.size = 11, .colour = kFadedInk};

inline TextStyle aligned(TextStyle style, Align align) {
  style.align = align;
  return style;
}
inline TextStyle upwards(TextStyle style) {
  style.direction = Direction::upwards;
  return style;
}
inline double width_of(const std::string& text, const TextStyle& style) {
  return text_width(text, style.size, style.weight);
}
double widest(const std::vector<std::string>& texts, const TextStyle& style);

// The lines of a text that is at most so wide; a word that is wider than a line is cut.
std::vector<std::string> wrapped(const std::string& text, double width, const TextStyle& style);

// The title of a figure, if it has one; returns how high it is.
double draw_heading(const std::string& title, double width, Surface& surface);

// One faded line below a figure; returns how high it is, 0 where there are no words.
double draw_remark(const std::string& words, double width, double y, Surface& surface);

// Thin lines in the middle of a pixel are as sharp as they can be.
double crisp(double x);

}   // namespace glass
