// A page in letters, for a terminal.
#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "interp/draw/chart_text.h"
#include "interp/page/page.h"

namespace glass {
namespace {

constexpr const char* kShades[] = {" ", "\u2591", "\u2592", "\u2593", "\u2588"};

std::size_t letters_in(const std::string& text) {
  std::u32string letters;
  decode_utf8(text, letters);
  return letters.size();
}

std::string padded(const std::string& text, std::size_t width, Align align = Align::left) {
  const std::size_t used = letters_in(text);
  if (used >= width) return text;
  const std::string room(width - used, ' ');
  return align == Align::right ? room + text : text + room;
}

double largest_of(const std::vector<double>& values) {
  double most = 0;
  for (const double v : values)
    if (std::isfinite(v)) most = std::max(most, std::abs(v));
  return most;
}

std::string text(const Paragraph& p, const PageTextOptions&) { return p.text + "\n"; }

std::string text(const Heatmap& map, const PageTextOptions&) {
  const double most = map.range ? map.range->high : largest_of(map.values);
  std::size_t width = 0;
  for (const std::string& row : map.rows) width = std::max(width, letters_in(row));
  std::string out = map.title + "\n";
  for (std::size_t r = 0; r < map.rows.size(); ++r) {
    out += padded(map.rows[r], width, Align::right) + " ";
    for (std::size_t c = 0; c < map.columns.size(); ++c) {
      const double v = map.at(r, c);
      const double share = std::isfinite(v) && most > 0 ? std::clamp(std::abs(v) / most, 0.0, 1.0) : 0;
      out += kShades[static_cast<int>(std::lround(share * 4))];
    }
    out += "\n";
  }
  return out;
}

std::string text(const Gallery& gallery, const PageTextOptions& options) {
  std::string out = gallery.title + "\n";
  for (const Heatmap& map : gallery.maps) out += text(map, options);
  return out;
}

std::string text(const Bars& bars, const PageTextOptions&) {
  std::string out = bars.title + "\n";
  std::size_t width = 0;
  double most = 0;
  for (const Bars::Bar& bar : bars.bars) {
    width = std::max(width, letters_in(bar.name));
    most = std::max(most, std::abs(bar.value));
  }
  for (const Bars::Bar& bar : bars.bars) {
    const double share = most > 0 ? std::abs(bar.value) / most : 0;
    std::string line;
    for (int i = 0; i < std::lround(share * 40); ++i) line += "\u2588";
    out += padded(bar.name, width) + " " + padded(readable(bar.value, most), 8, Align::right) + " " +
           line + (bar.note.empty() ? "" : " " + bar.note) + "\n";
  }
  return out;
}

std::string text(const Table& table, const PageTextOptions&) {
  std::vector<std::size_t> widths;
  const auto measure = [&](const std::vector<std::string>& row) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], letters_in(row[c]));
  };
  measure(table.columns);
  for (const auto& row : table.rows) measure(row);
  const auto line = [&](const std::vector<std::string>& row) {
    std::string out;
    for (std::size_t c = 0; c < row.size(); ++c)
      out += padded(row[c], widths[c], c < table.align.size() ? table.align[c] : Align::left) + "  ";
    out.erase(out.find_last_not_of(' ') + 1);
    return out + "\n";
  };
  std::string out = table.title.empty() ? "" : table.title + "\n";
  out += line(table.columns);
  for (const auto& row : table.rows) out += line(row);
  return out;
}

std::string text(const Strip& strip, const PageTextOptions&) {
  std::string out = strip.title + "\n";
  for (std::size_t i = 0; i < strip.tokens.size(); ++i)
    out += strip.tokens[i] + " " + readable(strip.values[i], largest_of(strip.values)) + "\n";
  return out;
}

std::string text(const Diagram& diagram, const PageTextOptions&) {
  std::string out = diagram.title + "\n";
  for (const Diagram::Arrow& arrow : diagram.arrows) {
    out += diagram.parts[static_cast<std::size_t>(arrow.from)].name + " -> " +
           diagram.parts[static_cast<std::size_t>(arrow.to)].name +
           (arrow.note.empty() ? "" : "." + arrow.note) + "\n";
  }
  return out;
}

std::string text(const Chart& chart, const PageTextOptions& options) {
  return chart_text(chart, {options.columns, 14,
                            options.colour == PageTextOptions::Colour::ansi ? TextColour::ansi
                                                                            : TextColour::none});
}

}   // namespace

std::string page_text(const Page& page, const PageTextOptions& options) {
  std::string out = page.title + "\n";
  for (const Figure& figure : page.figures) {
    out += "\n";
    out += std::visit([&](const auto& b) { return text(b, options); }, figure);
  }
  return out;
}

std::string page_png(const Page&, double) {
  fail(UsageError("--png is not there yet; take the terminal picture or --json."));
}

std::string pages_html(const std::string&, const std::vector<PageWithData>&) {
  fail(UsageError("--html is not there yet; take the terminal picture or --json."));
}

}   // namespace glass
