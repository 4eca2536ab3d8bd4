#include "interp/draw/svg.h"

#include <cmath>

#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "interp/draw/font.h"

namespace glass {
namespace {

// Hundredths of a unit are finer than any screen.
std::string number(double x) {
  std::string digits = format("%.2f", x);
  while (digits.back() == '0') digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
  return digits == "-0" ? "0" : digits;
}

std::string attribute(const char* name, const std::string& value) {
  return " " + std::string(name) + "=\"" + value + "\"";
}
std::string attribute(const char* name, double value) { return attribute(name, number(value)); }

std::string place(const Box& box) {
  return attribute("x", box.x) + attribute("y", box.y) + attribute("width", box.width) +
         attribute("height", box.height);
}

bool is_finite(Point p) { return std::isfinite(p.x) && std::isfinite(p.y); }

const char* anchor(Align align) {
  if (align == Align::left) return "start";
  return align == Align::centre ? "middle" : "end";
}

// Where the colour is not opaque, how much of it there is comes along.
std::string paint(const char* property, Colour colour) {
  const std::string text =
      attribute(property, format("#%02x%02x%02x", colour.r, colour.g, colour.b));
  if (colour.a == 255) return text;
  return text + attribute((std::string(property) + "-opacity").c_str(), colour.a / 255.0);
}

}   // namespace

bool turns_writing(char32_t letter) {
  const auto in = [&](char32_t first, char32_t last) { return letter >= first && letter <= last; };
  return letter == 0x061C || in(0x200E, 0x200F) || in(0x2028, 0x202E) || in(0x2066, 0x2069);
}

std::string xml_text(std::string_view utf8) {
  std::string out;
  while (!utf8.empty()) {
    std::u32string letters;
    const std::size_t good = decode_utf8(utf8, letters);
    for (const char32_t letter : letters) {
      const bool control = letter < 32 && letter != '\t' && letter != '\n' && letter != '\r';
      if (control || turns_writing(letter) || letter == 0xFFFE || letter == 0xFFFF)
        out += "\xEF\xBF\xBD";
      else if (letter == '&') out += "&amp;";
      else if (letter == '<') out += "&lt;";
      else if (letter == '>') out += "&gt;";
      else if (letter == '"') out += "&quot;";
      else if (letter == '\'') out += "&#39;";
      else out += encode_utf8({&letter, 1});
    }
    if (good == utf8.size()) break;
    out += "\xEF\xBF\xBD";
    utf8.remove_prefix(good + 1);
  }
  return out;
}

Svg::Svg(double width, double height, const std::string& title, Colour paper) {
  body_ = "<svg xmlns=\"http://www.w3.org/2000/svg\"" +
          attribute("viewBox", "0 0 " + number(width) + " " + number(height)) +
          attribute("width", width) + attribute("height", height) +
          " role=\"img\" font-family=\"Helvetica Neue, Arial, sans-serif\">\n<title>" +
          xml_text(title) + "</title>\n";
  rectangle({0, 0, width, height}, paper);
}

void Svg::rectangle(const Box& box, Colour colour) {
  body_ += "<rect" + place(box) + paint("fill", colour) + "/>\n";
}

void Svg::polyline(std::span<const Point> points, const Stroke& stroke) {
  if (points.size() == 1 && is_finite(points[0])) {
    body_ += "<circle" + attribute("cx", points[0].x) + attribute("cy", points[0].y) +
             attribute("r", stroke.width / 2) + paint("fill", stroke.colour) + "/>\n";
    return;
  }
  std::string path;
  char command = 'M';
  for (const Point p : points) {
    if (is_finite(p)) path += command + number(p.x) + " " + number(p.y);
    command = is_finite(p) ? 'L' : 'M';
  }
  if (path.empty()) return;
  body_ += "<path" + attribute("d", path) + " fill=\"none\"" + paint("stroke", stroke.colour) +
           attribute("stroke-width", stroke.width) + " stroke-linejoin=\"round\"";
  if (stroke.dash > 0) body_ += attribute("stroke-dasharray", stroke.dash);
  else body_ += " stroke-linecap=\"round\"";
  body_ += "/>\n";
}

void Svg::text(std::string_view utf8, Point at, const TextStyle& style) {
  if (utf8.empty()) return;
  body_ += "<text" + attribute("x", at.x) + attribute("y", at.y) +
           attribute("font-size", style.size) + paint("fill", style.colour) +
           attribute("textLength", text_width(utf8, style.size, style.weight)) +
           " lengthAdjust=\"spacingAndGlyphs\"";
  if (style.align != Align::left) body_ += attribute("text-anchor", anchor(style.align));
  if (style.weight == Weight::bold) body_ += " font-weight=\"bold\"";
  if (style.direction == Direction::upwards)
    body_ += attribute("transform", "rotate(-90 " + number(at.x) + " " + number(at.y) + ")");
  body_ += " xml:space=\"preserve\">" + xml_text(utf8) + "</text>\n";
}

// A picture inside of the picture clips by itself, and needs no name that another picture on the
// same page could also have.
void Svg::begin_clip(const Box& box) {
  body_ += "<svg" + place(box) +
           attribute("viewBox", number(box.x) + " " + number(box.y) + " " + number(box.width) +
                                    " " + number(box.height)) +
           ">\n";
}
void Svg::end_clip() { body_ += "</svg>\n"; }

}   // namespace glass
