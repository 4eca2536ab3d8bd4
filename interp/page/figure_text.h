// The figures of a page in letters. Each becomes lines that are at most options.columns wide.
#pragma once
#include "interp/draw/letters.h"
#include "interp/page/page.h"

namespace glass {

inline bool likes_colour(const PageTextOptions& options) {
  return options.colour == PageTextOptions::Colour::ansi;
}
std::string bold(const std::string& text, const PageTextOptions& options);
std::string dim(const std::string& text, const PageTextOptions& options);
// Words in as many lines as they need; the heading of a figure; a remark beside one.
std::string heading(const std::string& title, const PageTextOptions& options);
std::string remark(const std::string& words, const PageTextOptions& options);
// Letters on a ground of that colour, in ink that can be read there.
std::string on_colour(const std::string& text, Colour ground);

// A value as a letter: how much of its range it is, and below the middle of a diverging map another
// set of letters, since a terminal without colour has only shapes. NaN: a blank.
const char* shade_of(ColourMap colours, Range range, double value);
TextLine colour_bar(ColourMap colours, Range range, const std::string& unit,
                    const PageTextOptions& options);

std::string figure_text(const Paragraph& paragraph, const PageTextOptions& options);
std::string figure_text(const Heatmap& map, const PageTextOptions& options);
std::string figure_text(const Gallery& gallery, const PageTextOptions& options);
std::string figure_text(const Bars& bars, const PageTextOptions& options);
std::string figure_text(const Table& table, const PageTextOptions& options);
std::string figure_text(const Strip& strip, const PageTextOptions& options);
std::string figure_text(const Diagram& diagram, const PageTextOptions& options);
std::string figure_text(const Chart& chart, const PageTextOptions& options);

}   // namespace glass
