// Colours of pictures. The palette is Okabe and Ito's (2008): people with any of the common kinds
// of colour blindness can tell its members apart, and they also differ in lightness.
#pragma once
#include <cstdint>

namespace glass {

struct Colour {
  std::uint8_t r = 0, g = 0, b = 0;
  std::uint8_t a = 255;   // 0: invisible, 255: hides what lies under it
  constexpr Colour with_alpha(std::uint8_t alpha) const { return {r, g, b, alpha}; }
  bool operator==(const Colour&) const = default;
};

constexpr Colour kPaper{255, 255, 255};
constexpr Colour kInk{34, 34, 34};
constexpr Colour kFadedInk{110, 110, 110};   // 5.1 : 1 against the paper: still for reading
constexpr Colour kGridInk{226, 226, 226};

// In the order in which charts use them.
constexpr Colour kBlue{0, 114, 178};
constexpr Colour kVermilion{213, 94, 0};
constexpr Colour kGreen{0, 158, 115};
constexpr Colour kPurple{204, 121, 167};
constexpr Colour kOrange{230, 159, 0};
constexpr Colour kSky{86, 180, 233};
constexpr Colour kPalette[] = {kBlue, kVermilion, kGreen, kPurple, kOrange, kSky};
constexpr int kPaletteSize = 6;

}   // namespace glass
