#include "interp/draw/colour_map.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace glass {
namespace {

struct Linear {
  double r, g, b;   // 0 .. 1 where a screen can show it
  bool shown() const {
    const auto in = [](double x) { return x > -1e-4 && x < 1 + 1e-4; };
    return in(r) && in(g) && in(b);
  }
};

// L 0 .. 1, C how colourful, hue in degrees.
Linear from_oklch(double L, double C, double hue) {
  const double a = C * std::cos(hue * 3.14159265358979 / 180);
  const double b = C * std::sin(hue * 3.14159265358979 / 180);
  const double l = std::pow(L + 0.3963377774 * a + 0.2158037573 * b, 3);
  const double m = std::pow(L - 0.1055613458 * a - 0.0638541728 * b, 3);
  const double s = std::pow(L - 0.0894841775 * a - 1.2914855480 * b, 3);
  return {4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
          -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
          -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s};
}

std::uint8_t to_srgb(double x) {
  x = std::clamp(x, 0.0, 1.0);
  const double y = x <= 0.0031308 ? 12.92 * x : 1.055 * std::pow(x, 1 / 2.4) - 0.055;
  return static_cast<std::uint8_t>(std::lround(255 * y));
}
double from_srgb(std::uint8_t byte) {
  const double y = byte / 255.0;
  return y <= 0.04045 ? y / 12.92 : std::pow((y + 0.055) / 1.055, 2.4);
}

// What a screen cannot show is made less colourful until it can; lightness and hue stay.
Colour shown(double L, double C, double hue) {
  Linear x = from_oklch(L, C, hue);
  while (!x.shown() && C > 0.001) x = from_oklch(L, C *= 0.97, hue);
  return {to_srgb(x.r), to_srgb(x.g), to_srgb(x.b)};
}

// From pale yellow over green and blue to a dark violet; in a terminal, where most grounds are
// dark, the other way round.
Colour rising(double t, Ground ground) {
  const double dark = ground == Ground::paper ? t : 1 - t;
  const double L = ground == Ground::paper ? 0.975 - 0.70 * dark : 0.90 - 0.65 * dark;
  const double C = 0.03 + 0.115 * std::sin(3.14159265 * std::min(0.15 + 0.8 * dark, 1.0));
  return shown(L, C, 105 + 190 * dark);
}

Colour diverging(double t, Ground ground) {
  const double far = std::abs(2 * t - 1), hue = t < 0.5 ? 45 : 252;
  const double L = ground == Ground::paper ? 0.975 - 0.475 * far : 0.25 + 0.45 * far;
  return shown(L, 0.18 * std::pow(far, 0.8), hue);
}

constexpr int kSteps = 512;
using Steps = std::array<Colour, kSteps + 1>;

Steps steps_of(ColourMap map, Ground ground) {
  Steps steps;
  for (int i = 0; i <= kSteps; ++i) {
    const double t = static_cast<double>(i) / kSteps;
    steps[static_cast<std::size_t>(i)] =
        map == ColourMap::rising ? rising(t, ground) : diverging(t, ground);
  }
  return steps;
}

}   // namespace

Colour colour_at(ColourMap map, double share, Ground ground) {
  static const std::array<Steps, 4> kAll = {steps_of(ColourMap::rising, Ground::paper),
                                            steps_of(ColourMap::rising, Ground::terminal),
                                            steps_of(ColourMap::diverging, Ground::paper),
                                            steps_of(ColourMap::diverging, Ground::terminal)};
  const std::size_t which =
      (map == ColourMap::diverging ? 2u : 0u) + (ground == Ground::terminal ? 1u : 0u);
  const double clamped = std::clamp(share, 0.0, 1.0);
  return kAll[which][static_cast<std::size_t>(std::lround(clamped * kSteps))];
}

Colour colour_of(ColourMap map, Range range, double value, Ground ground) {
  if (std::isnan(value)) return kPaper.with_alpha(0);
  if (std::isinf(value)) return colour_at(map, value > 0 ? 1 : 0, ground);
  const double width = range.high - range.low;
  return colour_at(map, width > 0 ? (value - range.low) / width : 0, ground);
}

double lightness(Colour colour) {
  const double r = from_srgb(colour.r), g = from_srgb(colour.g), b = from_srgb(colour.b);
  const double l = std::cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const double m = std::cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const double s = std::cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s;
}

Colour ink_for(Colour under) { return lightness(under) > 0.62 ? kDarkInk : kPaleInk; }

int terminal_colour(Colour colour) {
  const auto away = [&](int r, int g, int b) {
    const int dr = colour.r - r, dg = colour.g - g, db = colour.b - b;
    return dr * dr + dg * dg + db * db;
  };
  const auto level = [](int step) { return step == 0 ? 0 : 55 + 40 * step; };
  const auto nearest_step = [&](int value) {
    int best = 0;
    for (int i = 1; i < 6; ++i)
      if (std::abs(level(i) - value) < std::abs(level(best) - value)) best = i;
    return best;
  };
  const int r = nearest_step(colour.r), g = nearest_step(colour.g), b = nearest_step(colour.b);
  const int grey = std::clamp((colour.r + colour.g + colour.b - 24 + 15) / 30, 0, 23);
  const int shade = 8 + 10 * grey;
  if (away(shade, shade, shade) < away(level(r), level(g), level(b))) return 232 + grey;
  return 16 + 36 * r + 6 * g + b;
}

}   // namespace glass
