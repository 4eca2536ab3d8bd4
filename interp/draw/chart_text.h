// The chart of chart.h in letters, for a terminal: the lines in Braille patterns, which give each
// letter cell 2 x 4 dots, the numbers beside them. And a chart that fits into a line of text.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "interp/draw/chart.h"

namespace glass {

enum class TextColour : std::uint8_t { none, ansi };

struct ChartTextOptions {
  int columns = 80;
  int rows = 14;                          // of the plot itself
  TextColour colour = TextColour::none;   // the caller knows whether the terminal likes colour
};
std::string chart_text(const Chart& chart, const ChartTextOptions& options = {});

// At most `columns` blocks of eight heights; each is the mean of the values it stands for, a blank
// where none of them is finite.
std::string sparkline(std::span<const double> values, int columns);

}   // namespace glass
