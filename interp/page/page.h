// A page of results: what an analysis has to show, said once. The same page becomes letters in a
// terminal, a PNG, and a part of an HTML file, so that all three show the same numbers.
//
// A page is a list of figures; each is plain data. Results do not draw: they fill these in.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "interp/draw/chart.h"
#include "interp/specimen.h"

namespace glass {

// A paragraph; what a reader should conclude, or must know to read what follows.
struct Paragraph {
  std::string text;
};

// Numbers over two axes, as colours: an attention pattern, a patch grid, scores by layer and head.
struct Heatmap {
  enum class Colours : std::uint8_t { rising, diverging };   // from nothing to much; around 0
  enum class Numbers : std::uint8_t { hidden, shown };       // printed into the cells as well
  std::string title, row_axis, column_axis;                  // "query", "key"
  std::vector<std::string> rows, columns;                    // labels, one each
  std::vector<double> values = {};   // row after row; NaN: there is no such cell
  Colours colours = Colours::rising;
  Numbers numbers = Numbers::hidden;
  std::optional<Range> range = {};   // of the colours; without it, what the values need
  std::string unit = {};             // what the colour bar counts
  // Words printed into the cells, one each ("": an empty cell): what a number alone does not say, as
  // the token that the lens reads. None: the cells are as `numbers` says.
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

struct Page {
  std::string name;    // "attention": an id for links
  std::string title;   // "Where the heads look"
  Provenance from;
  std::vector<Figure> figures = {};

  template <class Kind>
  Page& add(Kind figure) {
    figures.emplace_back(std::move(figure));
    return *this;
  }
};

struct PageTextOptions {
  int columns = 80;
  enum class Colour : std::uint8_t { none, ansi } colour = Colour::none;
};
std::string page_text(const Page& page, const PageTextOptions& options = {});
std::string page_png(const Page& page, double scale = 2);
// One self-contained file: no script or picture is fetched from anywhere. The JSON of the results
// lies in it, for whoever wants the numbers.
struct PageWithData {
  Page page;
  std::string json;
};
std::string pages_html(const std::string& title, const std::vector<PageWithData>& pages);

}   // namespace glass
