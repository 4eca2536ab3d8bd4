#include "interp/page/figure_html.h"

#include <algorithm>
#include <cmath>

#include "engine/base/text.h"
#include "interp/draw/font.h"
#include "interp/draw/heatmap.h"
#include "interp/draw/svg.h"

namespace glass {
namespace {

constexpr double kWidth = 780;
constexpr std::size_t kFewCells = 400;   // so many numbers are still read as a table

// How far to the right a figure reaches: its picture needs not be wider.
class Extent final : public Surface {
 public:
  void rectangle(const Box& box, Colour) override { see(box.right()); }
  void polyline(std::span<const Point> points, const Stroke& stroke) override {
    for (const Point p : points) see(p.x + stroke.width);
  }
  void text(std::string_view utf8, Point at, const TextStyle& style) override {
    double width = text_width(utf8, style.size, style.weight);
    if (style.direction == Direction::upwards) width = style.size / 2;
    see(at.x + (style.align == Align::right    ? 0
                : style.align == Align::centre ? width / 2
                                               : width));
  }
  void cells(const Cells& grid) override { see(grid.box.right()); }
  void begin_clip(const Box&) override {}
  void end_clip() override {}
  double right = 1;

 private:
  void see(double x) {
    if (std::isfinite(x)) right = std::max(right, x);
  }
};

// What `draw_it` draws on a surface of that width, as a picture inside of the page.
template <class Draw>
std::string picture(const std::string& title, const Draw& draw_it) {
  Extent extent;
  const double height = draw_it(extent);
  Svg svg(std::ceil(extent.right + 2), std::ceil(height), title, kPaper, SvgUse::page);
  draw_it(svg);
  return svg.file();
}

std::string wide(const std::string& inside) {
  return "<div class=\"wide\" tabindex=\"0\">" + inside + "</div>\n";
}

std::string heading(const std::string& title) {
  return title.empty() ? "" : "<h3>" + xml_text(title) + "</h3>\n";
}

std::string bar_of(ColourMap colours, Range range, const std::string& unit) {
  return picture(
      "colours from " + short_number(range.low, 1) + " to " + short_number(range.high, 1),
      [&](Surface& s) { return draw_colour_bar(colours, range, unit, kWidth, s); });
}

std::string numbers_of(const Heatmap& map) {
  std::string out = "<table>";
  if (!map.title.empty()) out += "<caption>" + xml_text(map.title) + "</caption>";
  out += "<thead><tr><th></th>";
  for (const std::string& name : map.columns)
    out += "<th scope=\"col\">" + xml_text(name) + "</th>";
  out += "</tr></thead>\n<tbody>";
  const double most = largest_of(map.values);
  for (std::size_t r = 0; r < map.rows.size(); ++r) {
    out += "<tr><th scope=\"row\">" + xml_text(map.rows[r]) + "</th>";
    for (std::size_t c = 0; c < map.columns.size(); ++c) {
      const double v = map.at(r, c);
      out += "<td class=\"right\">" + (std::isnan(v) ? "" : short_number(v, most));
      if (!map.texts.empty()) out += " " + xml_text(map.texts[r * map.columns.size() + c]);
      out += "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table>\n";
}

std::string numbers_of(const std::vector<Heatmap>& maps) {
  std::size_t cells = 0;
  for (const Heatmap& map : maps) cells += map.values.size();
  if (cells == 0 || cells > kFewCells) return "";
  std::string out = "<details><summary>the numbers</summary>";
  for (const Heatmap& map : maps) out += wide(numbers_of(map));
  return out + "</details>\n";
}

std::string html(const Paragraph& paragraph) {
  std::string out;
  for (const std::string& line : split(paragraph.text, '\n'))
    if (!line.empty()) out += "<p>" + xml_text(line) + "</p>\n";
  return out;
}

std::string html(const Heatmap& map) {
  Heatmap untitled = map;
  untitled.title.clear();
  std::string out = heading(map.title);
  out += wide(picture(map.title, [&](Surface& s) { return draw_map(untitled, kWidth, s); }));
  if (map.values.empty()) return out;
  return out + bar_of(map.colours, range_of(map), map.unit) + numbers_of(std::vector{untitled});
}

std::string html(const Gallery& gallery) {
  std::string out = heading(gallery.title) + "<div class=\"gallery\">\n";
  const double each = gallery_width(gallery, kWidth);
  const std::vector<Heatmap> maps = over_one_range(gallery);
  for (const Heatmap& map : maps)
    out += picture(map.title, [&](Surface& s) { return draw_map(map, each, s); });
  out += "</div>\n";
  if (maps.empty()) return out + "<p>nothing to show</p>\n";
  return out + bar_of(maps.front().colours, range_of(gallery), maps.front().unit) +
         numbers_of(maps);
}

std::string html(const Table& table) {
  std::string out = heading(table.title);
  const auto cell = [&](const char* tag, const std::string& text, std::size_t c) {
    const Align align = c < table.align.size() ? table.align[c] : Align::left;
    const char* kind = align == Align::right    ? " class=\"right\""
                       : align == Align::centre ? " class=\"centre\""
                                                : "";
    return std::string("<") + tag + kind + ">" + xml_text(text) + "</" + tag + ">";
  };
  std::string inside = "<table><thead><tr>";
  for (std::size_t c = 0; c < table.columns.size(); ++c) inside += cell("th", table.columns[c], c);
  inside += "</tr></thead>\n<tbody>";
  for (const auto& row : table.rows) {
    inside += "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c) inside += cell("td", row[c], c);
    inside += "</tr>\n";
  }
  inside += "</tbody></table>";
  if (table.rows.empty()) inside += "<p>nothing to show</p>";
  return out + wide(inside);
}

std::string html(const Strip& strip) {
  std::string out = heading(strip.title) + "<p class=\"strip\">";
  const Range range = range_of(strip);
  const double most = largest_of(strip.values);
  for (std::size_t i = 0; i < strip.tokens.size(); ++i) {
    const Colour under = colour_of(strip.colours, range, strip.values[i]);
    const Colour ink = ink_for(under);
    out += "<span";
    if (under.a > 0)
      out += format(" style=\"background:#%02x%02x%02x;color:#%02x%02x%02x\" title=\"", under.r,
                    under.g, under.b, ink.r, ink.g, ink.b) +
             short_number(strip.values[i], most) + "\"";
    out += ">" + xml_text(strip.tokens[i]) + "</span><wbr>";
    const std::string& token = strip.tokens[i];
    if (token.size() >= 2 && token.compare(token.size() - 2, 2, "\\n") == 0) out += "<br>";
  }
  out += strip.tokens.empty() ? "nothing to show</p>\n" : "</p>\n";
  return strip.tokens.empty() || !has_scale(strip) ? out : out + bar_of(strip.colours, range, "");
}

// Bars, diagrams and charts: the title becomes words of the page, the rest is the picture.
template <class Drawn>
std::string html(const Drawn& figure) {
  Drawn untitled = figure;
  untitled.title.clear();
  return heading(figure.title) +
         wide(picture(figure.title, [&](Surface& s) { return draw(untitled, kWidth, s); }));
}

}   // namespace

std::string figure_html(const Figure& figure) {
  return std::visit([](const auto& f) { return html(f); }, figure);
}

}   // namespace glass
