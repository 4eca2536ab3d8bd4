// The letters stand on a grid: the baseline is 0, small letters reach 10, capitals 14, tails -4. A
// glyph is its width and a path in five commands:
//   M x y              lifts the pen and puts it down there
//   L x y              a straight line
//   h x y              a quarter of an ellipse that sets out horizontally and arrives vertically
//   v x y              the same, setting out vertically
//   c x y x y x y      a cubic Bezier curve
//   D x y              a dot
// Letters that are not here get a box with their code point in it, in hexadecimal.
#include "interp/draw/font.h"

#include <array>
#include <string>

#include "engine/base/text.h"
#include "engine/base/utf8.h"

namespace glass {
namespace {

constexpr double kUnit = 0.72 / 14;    // of the font size: a capital is 0.72 of it
constexpr double kBearing = 1.55, kBoldBearing = 1.95;   // air on either side of a glyph
constexpr double kRegularPen = 1.62;   // in grid units
constexpr double kBoldPen = 2.5;
constexpr double kDot = 1.35;                      // a dot against the pen
constexpr double kAscent = 16.8, kDescent = 5.5;   // with the half of a bold pen

struct Glyph {
  char32_t letter;
  double width;
  const char* path;
};

// clang-format off
constexpr Glyph kGlyphs[] = {
    {U' ', 2.0, ""},
    {U'!', 1.2, "M.6 14 L.6 4.6 D.6 .5"},
    {U'"', 3.4, "M0 14 L0 10 M3.4 14 L3.4 10"},
    {U'#', 10, "M2.4 .4 L4.4 13.6 M6.2 .4 L8.2 13.6 M.6 9.5 L10 9.5 M0 4.6 L9.4 4.6"},
    {U'$', 8.6, "M8 10 v4.4 12.4 h.5 9.7 v4.4 7 h8.6 4.2 v4.3 1.5 h0 4 M4.4 15 L4.4 -1.2"},
    {U'%', 13, "M3 14 h0 10.6 v3 7.2 h6 10.6 v3 14 M10 6.8 h7 3.4 v10 0 h13 3.4 v10 6.8 "
     "M10.8 14 L2.2 0"},
    {U'&', 10.4, "M10.4 0 L2.8 8.6 c.8 10.8 1.6 14 4.6 14 c7.6 14 8.2 10.4 5.6 8.8 L2.6 7 "
     "c-1.2 4.6 -.2 0 4.2 0 c7.4 0 9.4 2.6 9.8 6.2"},
    {U'\'', 0.4, "M.2 14 L.2 10"},
    {U'(', 3.4, "M3.4 15.5 c-1 11 -1 1.5 3.4 -3"},
    {U')', 3.4, "M0 15.5 c4.4 11 4.4 1.5 0 -3"},
    {U'*', 6.4, "M3.2 14 L3.2 7 M.2 12.3 L6.2 8.7 M6.2 12.3 L.2 8.7"},
    {U'+', 8.6, "M4.3 10.6 L4.3 2 M0 6.3 L8.6 6.3"},
    {U',', 1.2, "M1 .9 L.1 -2.6"},
    {U'-', 4.6, "M0 5.4 L4.6 5.4"},
    {U'.', 1.2, "D.6 .5"},
    {U'/', 6, "M0 -1.6 L6 15"},
    {U'0', 8.6, "M4.3 14 h0 7 v4.3 0 h8.6 7 v4.3 14"},
    {U'1', 8.6, "M1.2 11 L4.9 14 L4.9 0"},
    {U'2', 8.6, "M.4 10.2 v4.3 14 h8.1 10.4 c8.1 7.2 4.4 5 0 0 L8.6 0"},
    {U'3', 8.6, "M.6 11.4 v4.2 14 h8 10.8 v4.2 7.5 L3 7.5 M4.2 7.5 h8.6 3.8 v4.2 0 h0 3"},
    {U'4', 8.6, "M6.6 0 L6.6 14 L0 4.3 L8.8 4.3"},
    {U'5', 8.6, "M7.8 14 L1.2 14 L.6 7.5 c1.6 8.6 2.8 9.1 4.2 9.1 h8.6 4.6 v4.1 0 h0 2.8"},
    {U'6', 8.6, "M7.8 12.2 v4.9 14 h0 6.4 L0 4.5 v4.3 0 h8.6 4.4 v4.3 8.8 h0 4.5"},
    {U'7', 8.6, "M.1 14 L8.5 14 L3.2 0"},
    {U'8', 8.6, "M4.3 14 h.6 10.8 v4.3 7.6 h8 10.8 v4.3 14 M4.3 7.6 h0 3.8 v4.3 0 h8.6 "
     "3.8 v4.3 7.6"},
    {U'9', 8.6, "M.8 1.8 v3.7 0 h8.6 7.6 L8.6 9.5 v4.3 14 h0 9.6 v4.3 5.2 h8.6 9.5"},
    {U':', 1.2, "D.6 .5 D.6 8.9"},
    {U';', 1.2, "M1 .9 L.1 -2.6 D.9 8.9"},
    {U'<', 8, "M8 11 L0 6.3 L8 1.6"},
    {U'=', 8.6, "M0 8.5 L8.6 8.5 M0 4.1 L8.6 4.1"},
    {U'>', 8, "M0 11 L8 6.3 L0 1.6"},
    {U'?', 7, "M.2 11 v3.6 14 h7 10.7 c7 7.6 3.4 7.8 3.4 4.6 D3.4 .5"},
    {U'@', 13, "M9.4 6.2 v6.6 9.4 h3.8 6.2 v6.5 3 h9.4 6.2 M9.6 9.4 L9.5 5.2 c9.5 2.2 13 "
     "2.6 13 7 v6.7 13.4 h0 5.6 v6.7 -2.4 c8.3 -2.4 9.6 -2.1 10.8 -1.4"},
    {U'A', 10.4, "M0 0 L5.2 14 L10.4 0 M1.8 4.8 L8.6 4.8"},
    {U'B', 9, "M0 0 L0 14 L4.6 14 h8.2 10.8 v4.6 7.5 L0 7.5 M4.6 7.5 h9 3.8 v4.6 0 L0 0"},
    {U'C', 10, "M10 10.7 v5.5 14 h0 7 v5.5 0 h10 3.3"},
    {U'D', 10, "M0 0 L0 14 L3.6 14 h10 7 v3.6 0 L0 0"},
    {U'E', 8, "M8 14 L0 14 L0 0 L8 0 M0 7.3 L7.2 7.3"},
    {U'F', 7.6, "M7.6 14 L0 14 L0 0 M0 7.2 L6.8 7.2"},
    {U'G', 10.6, "M10.2 10.8 v5.6 14 h0 7 v5.6 0 h10.6 4.4 L10.6 6.6 L6.2 6.6"},
    {U'H', 10, "M0 0 L0 14 M10 0 L10 14 M0 7.2 L10 7.2"},
    {U'I', 4.4, "M0 14 L4.4 14 M2.2 14 L2.2 0 M0 0 L4.4 0"},
    {U'J', 6.8, "M6.8 14 L6.8 4.2 v3.3 0 h0 3.4"},
    {U'K', 9.4, "M0 0 L0 14 M9 14 L0 5.2 M3.5 8.6 L9.4 0"},
    {U'L', 7.6, "M0 14 L0 0 L7.6 0"},
    {U'M', 12, "M0 0 L0 14 L6 3.6 L12 14 L12 0"},
    {U'N', 10, "M0 0 L0 14 L10 0 L10 14"},
    {U'O', 11.4, "M5.7 14 h0 7 v5.7 0 h11.4 7 v5.7 14"},
    {U'P', 8.8, "M0 0 L0 14 L4.6 14 h8.8 10.1 v4.6 6.2 L0 6.2"},
    {U'Q', 11.4, "M5.7 14 h0 7 v5.7 0 h11.4 7 v5.7 14 M6.8 3.8 L11.4 -1.4"},
    {U'R', 9.4, "M0 0 L0 14 L4.6 14 h8.8 10.3 v4.6 6.6 L0 6.6 M5 6.6 L9.4 0"},
    {U'S', 9, "M8.5 11 v4.6 14 h.5 10.7 v4.6 7.3 h9 3.7 v4.5 0 h0 3.2"},
    {U'T', 10, "M0 14 L10 14 M5 14 L5 0"},
    {U'U', 10, "M0 14 L0 5 v5 0 h10 5 L10 14"},
    {U'V', 10.4, "M0 14 L5.2 0 L10.4 14"},
    {U'W', 14.4, "M0 14 L3.6 0 L7.2 12 L10.8 0 L14.4 14"},
    {U'X', 9.6, "M0 0 L9.6 14 M0 14 L9.6 0"},
    {U'Y', 10, "M0 14 L5 6.8 L10 14 M5 6.8 L5 0"},
    {U'Z', 9, "M0 14 L9 14 L0 0 L9 0"},
    {U'[', 3.2, "M3.2 15.4 L0 15.4 L0 -2.8 L3.2 -2.8"},
    {U'\\', 6, "M0 15 L6 -1.6"},
    {U']', 3.2, "M0 15.4 L3.2 15.4 L3.2 -2.8 L0 -2.8"},
    {U'^', 7, "M0 8.8 L3.5 14 L7 8.8"},
    {U'_', 8, "M-.2 -2.2 L8.2 -2.2"},
    {U'`', 2.6, "M0 14 L2.6 11.4"},
    {U'a', 7.4, "M.7 8 v4 10 h7.4 6.8 L7.4 0 M7.4 5.9 L3.7 5.9 h0 2.9 v3.3 0 h7.4 3.8"},
    {U'b', 8.2, "M0 0 L0 14 M0 5 v4.2 10 h8.2 5 v4.2 0 h0 5"},
    {U'c', 7.2, "M7.2 7.5 v4.1 10 h0 5 v4.1 0 h7.2 2.5"},
    {U'd', 8.2, "M8.2 0 L8.2 14 M8.2 5 v4 10 h0 5 v4 0 h8.2 5"},
    {U'e', 8, "M0 5.3 L8 5.3 v4.1 10 h0 5 v4.2 0 h7.7 2.5"},
    {U'f', 4.8, "M4.8 13.9 h1.7 11 L1.7 0 M0 9.6 L4.6 9.6"},
    {U'g', 8.2, "M8.2 5 v4 10 h0 5 v4 0 h8.2 5 M8.2 10 L8.2 -.6 v4.1 -4.2 h.7 -2.2"},
    {U'h', 7.6, "M0 0 L0 14 M0 6 v4.1 10 h7.6 6.3 L7.6 0"},
    {U'i', 0.6, "M.3 0 L.3 10 D.3 13.7"},
    {U'j', 2.6, "M2.3 10 L2.3 -1.6 v0 -4.2 D2.3 13.7"},
    {U'k', 7.4, "M0 0 L0 14 M7 10 L0 3.6 M2.8 6.2 L7.4 0"},
    {U'l', 2.2, "M0 14 L0 2.5 v2.2 0"},
    {U'm', 12.6, "M0 0 L0 10 M0 6.2 v3.4 10 h6.3 6.6 L6.3 0 M6.3 6.2 v9.7 10 h12.6 6.6 L12.6 0"},
    {U'n', 7.6, "M0 0 L0 10 M0 6 v4.1 10 h7.6 6.3 L7.6 0"},
    {U'o', 8.4, "M4.2 10 h0 5 v4.2 0 h8.4 5 v4.2 10"},
    {U'p', 8.2, "M0 10 L0 -4.2 M0 5 v4.2 10 h8.2 5 v4.2 0 h0 5"},
    {U'q', 8.2, "M8.2 10 L8.2 -4.2 M8.2 5 v4 10 h0 5 v4 0 h8.2 5"},
    {U'r', 4.6, "M0 0 L0 10 M0 5.8 v4.6 9.8"},
    {U's', 6.8, "M6.4 7.9 v3.5 10 h.3 7.6 v3.5 5.2 h6.8 2.6 v3.4 0 h0 2.3"},
    {U't', 5, "M1.7 13 L1.7 2.8 v5 .1 M0 9.6 L4.8 9.6"},
    {U'u', 7.6, "M0 10 L0 3.7 v3.5 0 h7.6 4 M7.6 10 L7.6 0"},
    {U'v', 8, "M0 10 L4 0 L8 10"},
    {U'w', 12, "M0 10 L3 0 L6 9 L9 0 L12 10"},
    {U'x', 7.6, "M0 0 L7.6 10 M0 10 L7.6 0"},
    {U'y', 8.2, "M0 10 L4.2 .2 M8.2 10 L2.4 -4.2"},
    {U'z', 7, "M0 10 L7 10 L0 0 L7 0"},
    {U'{', 4, "M4 15.4 h1.8 13.2 L1.8 8.6 v0 6.3 h1.8 4 L1.8 -.6 v4 -2.8"},
    {U'|', 1.2, "M.6 15.4 L.6 -3.4"},
    {U'}', 4, "M0 15.4 h2.2 13.2 L2.2 8.6 v4 6.3 h2.2 4 L2.2 -.6 v0 -2.8"},
    {U'~', 8.6, "M0 5 c1.4 8.4 3 7.6 4.3 6.3 c5.6 5 7.2 4.2 8.6 7.6"},
    {U'\u00B7', 1.2, "D.6 5.6"},                            // middle dot
    {U'\u00D7', 7, "M0 2.8 L7 9.8 M0 9.8 L7 2.8"},           // times
    {U'\u2013', 8, "M0 5.4 L8 5.4"},                         // en dash
    {U'\u2014', 13, "M0 5.4 L13 5.4"},                       // em dash
    {U'\u2022', 2.4, "D.4 5.6 D2 5.6 D1.2 4.8 D1.2 6.4 D1.2 5.6"},  // bullet
    {U'\u2026', 9, "D.3 .5 D4.5 .5 D8.7 .5"},                // ellipsis
    {U'\u2190', 10, "M10 5.6 L0 5.6 M4 9.6 L0 5.6 L4 1.6"},  // arrows
    {U'\u2191', 8, "M4 0 L4 13 M0 9 L4 13 L8 9"},
    {U'\u2192', 10, "M0 5.6 L10 5.6 M6 9.6 L10 5.6 L6 1.6"},
    {U'\u2193', 8, "M4 13 L4 0 M0 4 L4 0 L8 4"},
    {U'\u2212', 8.6, "M0 6.3 L8.6 6.3"},                     // minus
};
// clang-format on

const Glyph* find_glyph(char32_t letter) {
  if (letter >= 32 && letter <= 126) return &kGlyphs[letter - 32];
  if (letter == 0xA0) return &kGlyphs[0];
  for (const Glyph& glyph : kGlyphs)
    if (glyph.letter == letter) return &glyph;
  return nullptr;
}

// Four or six digits of the code point in two rows.
constexpr double kCodeScale = 0.48, kCodePen = 0.6;   // against ordinary letters
constexpr double kCodeGap = 1.6;
std::string code_digits(char32_t letter) {
  return format(letter > 0xFFFF ? "%06X" : "%04X", static_cast<unsigned>(letter));
}
double code_width(char32_t letter) {
  const double columns = static_cast<double>(code_digits(letter).size()) / 2;
  return columns * (8.6 * kCodeScale + kCodeGap) + kCodeGap;
}

double bearing_of(Weight weight) { return weight == Weight::bold ? kBoldBearing : kBearing; }

double width_of(char32_t letter, Weight weight) {
  const Glyph* glyph = find_glyph(letter);
  return (glyph != nullptr ? glyph->width : code_width(letter)) + 2 * bearing_of(weight);
}

std::u32string letters_of(std::string_view utf8) {
  std::u32string letters;
  while (!utf8.empty()) {
    utf8.remove_prefix(decode_utf8(utf8, letters));
    if (utf8.empty()) break;
    letters += U'\uFFFD';
    utf8.remove_prefix(1);
  }
  return letters;
}

// Draws paths as strokes: from grid units, y upwards, to surface units, y downwards.
class Pen {
 public:
  Pen(std::vector<PenLine>& out, Point origin, double scale, double width)
      : out_(out), origin_(origin), scale_(scale), width_(width) {}

  void draw(const char* path) {
    while (*path != '\0') {
      const char command = *path++;
      if (command == ' ') continue;
      std::array<Point, 3> p;
      const std::size_t count = command == 'c' ? 3 : 1;
      for (std::size_t i = 0; i < count; ++i) p[i] = {number(path), number(path)};
      if (command == 'M') out_.push_back({width_, {place(p[0])}});
      else if (command == 'D') out_.push_back({width_ * kDot, {place(p[0])}});
      else if (command == 'L') add(p[0]);
      else if (command == 'c') curve(p);
      else quarter(p[0], command == 'h');
      now_ = p[count - 1];
    }
  }

  void box(double left, double bottom, double right, double top) {
    out_.push_back({width_, {place({left, bottom})}});
    for (const Point corner : {Point{right, bottom}, {right, top}, {left, top}, {left, bottom}})
      add(corner);
  }

 private:
  static constexpr int kPieces = 8;   // straight pieces of a quarter: under 1/50 of a unit off

  Point place(Point grid) const {
    return {origin_.x + grid.x * scale_, origin_.y - grid.y * scale_};
  }
  void add(Point grid) { out_.back().points.push_back(place(grid)); }

  // Digits with at most one point, as in "-2.5 " or ".5"; skips the blank before it.
  static double number(const char*& text) {
    while (*text == ' ') ++text;
    const bool negative = *text == '-';
    if (negative) ++text;
    double value = 0, place = 0;
    for (; (*text >= '0' && *text <= '9') || *text == '.'; ++text) {
      if (*text == '.') place = 1;
      else if (place == 0) value = value * 10 + (*text - '0');
      else value += (place /= 10) * (*text - '0');
    }
    return negative ? -value : value;
  }

  // A quarter of a circle without sine and cosine, so with the same bits everywhere:
  // (2t, 1 - t^2) / (1 + t^2) runs from (0, 1) to (1, 0) as t does from 0 to 1.
  void quarter(Point to, bool horizontal) {
    for (int i = 1; i <= kPieces; ++i) {
      const double t = static_cast<double>(i) / kPieces, n = 1 + t * t;
      const double along = 2 * t / n, across = 1 - (1 - t * t) / n;
      const double x = horizontal ? along : across, y = horizontal ? across : along;
      add({now_.x + (to.x - now_.x) * x, now_.y + (to.y - now_.y) * y});
    }
  }

  void curve(const std::array<Point, 3>& p) {
    for (int i = 1; i <= kPieces; ++i) {
      const double t = static_cast<double>(i) / kPieces, s = 1 - t;
      const auto at = [&](double a, double b, double c, double d) {
        return s * s * s * a + 3 * s * s * t * b + 3 * s * t * t * c + t * t * t * d;
      };
      add({at(now_.x, p[0].x, p[1].x, p[2].x), at(now_.y, p[0].y, p[1].y, p[2].y)});
    }
  }

  std::vector<PenLine>& out_;
  Point origin_;
  double scale_, width_;
  Point now_;
};

void draw_code_box(std::vector<PenLine>& out, char32_t letter, Point origin, double scale,
                   double pen) {
  Pen(out, origin, scale, pen).box(0, -3.4, code_width(letter), 14.6);
  const std::string digits = code_digits(letter);
  const std::size_t half = digits.size() / 2;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const double column = static_cast<double>(i % half), row = i < half ? 6.4 : -2.0;
    const double shift = kCodeGap + column * (8.6 * kCodeScale + kCodeGap);
    Pen(out, {origin.x + shift * scale, origin.y - row * scale}, scale * kCodeScale, pen)
        .draw(find_glyph(static_cast<char32_t>(digits[i]))->path);
  }
}

}   // namespace

double text_width(std::string_view utf8, double size, Weight weight) {
  double width = 0;
  for (const char32_t letter : letters_of(utf8)) width += width_of(letter, weight);
  return width * kUnit * size;
}

double text_ascent(double size) { return kAscent * kUnit * size; }
double text_descent(double size) { return kDescent * kUnit * size; }

std::vector<PenLine> strokes_of(std::string_view utf8, Point at, const TextStyle& style) {
  const double scale = kUnit * style.size;
  const double width = text_width(utf8, style.size, style.weight);
  if (style.align == Align::right) at.x -= width;
  if (style.align == Align::centre) at.x -= width / 2;
  const double pen = scale * (style.weight == Weight::bold ? kBoldPen : kRegularPen);
  std::vector<PenLine> out;
  for (const char32_t letter : letters_of(utf8)) {
    const Point origin{at.x + bearing_of(style.weight) * scale, at.y};
    if (const Glyph* glyph = find_glyph(letter)) Pen(out, origin, scale, pen).draw(glyph->path);
    else draw_code_box(out, letter, origin, scale, pen * kCodePen);
    at.x += width_of(letter, style.weight) * scale;
  }
  return out;
}

}   // namespace glass
