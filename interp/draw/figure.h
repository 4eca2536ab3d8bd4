// Figures of a page of results: what each has to say, as plain data, and how it is drawn. Every
// figure is told how wide it may be, begins at the origin, and returns how high it became; drawn on
// a surface that forgets (Nowhere) it is measured.
#pragma once
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "interp/draw/chart.h"
#include "interp/draw/colour_map.h"
#include "interp/draw/surface.h"

namespace glass {

// A paragraph; what a reader should conclude, or must know to read what follows.
struct Paragraph {
  std::string text;
};

// Numbers over two axes, as colours: an attention pattern, a patch grid, scores by layer and head.
struct Heatmap {
  using Colours = ColourMap;
  enum class Numbers : std::uint8_t { hidden, shown };   // printed into the cells as well
  std::string title, row_axis, column_axis;              // "query", "key"
  std::vector<std::string> rows, columns;                // labels, one each
  std::vector<double> values = {};   // row after row; NaN: there is no such cell
  Colours colours = Colours::rising;
  Numbers numbers = Numbers::hidden;
  std::optional<Range> range = {};   // of the colours; without it, what the values need
  std::string unit = {};             // what the colour bar counts
  // Words printed into the cells, one each ("": an empty cell): what a number alone does not say,
  // as the token that the lens reads. None: the cells are as `numbers` says.
  std::vector<std::string> texts = {};

  double at(std::size_t row, std::size_t column) const {
    return values[row * columns.size() + column];
  }
};

// Small pictures of one kind side by side, over one range of colours: the heads of a layer.
struct Gallery {
  std::string title;
  std::vector<Heatmap> maps;
};

// Names with a bar each, in the order given.
struct Bars {
  struct Bar {
    std::string name;
    double value = 0;
    std::string note = {};   // behind the number
  };
  std::string title, unit;
  std::vector<Bar> bars;
  std::vector<ReferenceLine> references = {};
};

// Words and numbers in columns. Numbers are written by whoever fills the table in.
struct Table {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  std::vector<Align> align = {};   // of each column; left where nothing is said
};

// A text, each of its tokens coloured by a number.
struct Strip {
  std::string title;
  std::vector<std::string> tokens;
  std::vector<double> values;   // one each; NaN: no colour
  Heatmap::Colours colours = Heatmap::Colours::rising;
  std::optional<Range> range = {};
  bool last = true;   // of those over one range: below it stands their colour bar
};

// Parts of a model and what flows between them: a circuit, from its inputs at the bottom to the
// logits at the top.
struct Diagram {
  struct Part {
    std::string name;   // "0.1", "embed", "mlp 2"
    int level = 0;      // how high it stands
  };
  struct Arrow {
    int from = 0, to = 0;   // of parts
    double weight = 1;
    std::string note = {};   // "k"
  };
  std::string title;
  std::vector<Part> parts;
  std::vector<Arrow> arrows;
};

using Figure = std::variant<Paragraph, Heatmap, Gallery, Bars, Table, Strip, Diagram, Chart>;

double draw(const Paragraph& paragraph, double width, Surface& surface);
double draw(const Heatmap& map, double width, Surface& surface);
double draw(const Gallery& gallery, double width, Surface& surface);
double draw(const Bars& bars, double width, Surface& surface);
double draw(const Table& table, double width, Surface& surface);
double draw(const Strip& strip, double width, Surface& surface);
double draw(const Diagram& diagram, double width, Surface& surface);
double draw(const Chart& chart, double width, Surface& surface);
double draw(const Figure& figure, double width, Surface& surface);

// ---- what all views of a figure share
// ------------------------------------------------------------

// The range of a map's colours: what it asks for, or what its finite values need. Rising colours
// begin at 0 where that costs less than half of them; diverging ones reach equally far on both
// sides of 0.
Range range_of(const Heatmap& map);
Range range_of(const Gallery& gallery);
Range range_of(const Strip& strip);
// A colour bar stands below it: not where it is followed by another strip of the same colours, or
// where all tokens have one and the same value, or none.
bool has_scale(const Strip& strip);
// The heatmaps of a gallery, each over the range of them all.
std::vector<Heatmap> over_one_range(const Gallery& gallery);

// A map with at most so many rows and columns. A cell then stands for several of the whole map and
// shows the largest of them in size, so that nothing that stands out is lost. word: says so, or "".
struct Thinned {
  Heatmap map;
  std::string word;
};
Thinned thinned(const Heatmap& map, std::size_t rows, std::size_t columns);

// A number as short as a cell: "0.93", "12.5", "1.2e-05".
std::string short_number(double value, double largest);
// What the cells say: their texts, their numbers, or nothing at all ("" each, or an empty list).
std::vector<std::string> words_in_cells(const Heatmap& map);
double largest_of(const std::vector<double>& values);    // in size, of the finite ones
std::string weight_words(const Diagram::Arrow& arrow);   // "k 0.93"

}   // namespace glass
