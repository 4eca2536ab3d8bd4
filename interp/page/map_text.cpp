// Heatmaps in letters: each cell is one or two letters wide, on a ground of its colour or as a
// shade. Maps of a gallery stand side by side, and share the labels of their rows.
#include <algorithm>
#include <cmath>

#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "interp/page/figure_text.h"

namespace glass {
namespace {

constexpr int kGap = 2, kLongestLabel = 12, kUprightLabel = 5;
constexpr int kComfort = 16;    // so many lines may a gallery take before its cells become narrow
constexpr int kMostRows = 32;   // of a map that is whole
constexpr int kTallRows = 24;   // beyond, two of them share a line where colours can say so

struct Look {
  int cell = 2;          // columns of a letter cell
  int label = 0;         // columns of the row labels; 0: another map's stand there already
  bool halves = false;   // two rows in one line
  std::vector<std::string> words = {};   // in the cells, or none
};

int widest(const std::vector<std::string>& words, int most) {
  int width = 0;
  for (const std::string& word : words) width = std::max(width, columns_of(word));
  return std::min(width, most);
}

std::vector<std::string> safe(std::vector<std::string> words) {
  for (std::string& word : words) word = safe_letters(word);
  return words;
}

// The names of the columns: one line where they fit, else upright, from their first letters.
TextBlock heads_of(const Heatmap& map, const Look& look) {
  const std::vector<std::string> names = safe(map.columns);
  const int width = widest(names, 1000);
  TextBlock block;
  if (width == 0) return block;
  const bool level = width < look.cell || (width <= look.cell && look.cell == 1);
  const int lines = level ? 1 : std::min(width, kUprightLabel);
  // The same labels as the rows have, in the same order: they are read there.
  if (!level && map.columns == map.rows) return block;
  for (int i = 0; i < lines; ++i) {
    TextLine line;
    line.pad(look.label);
    for (std::size_t c = 0; c < names.size(); ++c) {
      if (level) {
        line.add(padded(names[c], look.cell, look.cell > 2 ? Align::right : Align::left));
        continue;
      }
      std::u32string letters;
      decode_utf8(names[c], letters);
      // The last letters end right above the column.
      const auto have = static_cast<int>(letters.size());
      const int at = have >= lines ? i : i - (lines - have);
      std::u32string one = at >= 0 && at < have ? letters.substr(static_cast<std::size_t>(at), 1)
                                                : std::u32string(U" ");
      line.add(padded(encode_utf8(one), look.cell));
    }
    block.push_back(line);
  }
  return block;
}

void add_cell(TextLine& line, const Heatmap& map, const Look& look, std::size_t r, std::size_t c,
              const PageTextOptions& options) {
  const double value = map.at(r, c);
  std::string word = look.words.empty() ? "" : look.words[r * map.columns.size() + c];
  word = safe_letters(word);
  // Words keep a gap to the next one, and numbers to the one before.
  word = map.texts.empty() ? padded(word, look.cell, Align::right)
                           : padded(cut(word, look.cell - 1), look.cell);
  line.columns += look.cell;
  if (likes_colour(options)) {
    if (std::isnan(value)) line.text += word;
    else
      line.text += on_colour(word, colour_of(map.colours, range_of(map), value, Ground::terminal));
    return;
  }
  if (!look.words.empty()) {
    line.text += word;
    return;
  }
  for (int i = 0; i < look.cell; ++i) line.text += shade_of(map.colours, range_of(map), value);
}

// The upper half of a letter has its own colour, the lower half is the ground.
void add_two(TextLine& line, const Heatmap& map, std::size_t r, std::size_t c) {
  const auto colour = [&](std::size_t row) {
    const double v = row < map.rows.size() ? map.at(row, c) : std::nan("");
    return std::isnan(v)
               ? -1
               : terminal_colour(colour_of(map.colours, range_of(map), v, Ground::terminal));
  };
  const int above = colour(r), below = colour(r + 1);
  line.columns += 1;
  if (above < 0 && below < 0) line.text += " ";
  else if (above < 0) line.text += format("\033[38;5;%dm\u2584\033[0m", below);
  else if (below < 0) line.text += format("\033[38;5;%dm\u2580\033[0m", above);
  else line.text += format("\033[38;5;%d;48;5;%dm\u2580\033[0m", above, below);
}

TextBlock block_of(const Heatmap& map, const Look& look, const PageTextOptions& options) {
  const int width = look.label + look.cell * static_cast<int>(map.columns.size());
  TextBlock block;
  if (!map.title.empty()) {
    TextLine title;
    title.pad(look.label);
    const std::string words = cut(safe_letters(map.title), std::max(width - look.label, 3));
    title.columns += columns_of(words);
    title.text += bold(words, options);
    block.push_back(title);
  }
  for (const TextLine& line : heads_of(map, look)) block.push_back(line);
  for (std::size_t r = 0; r < map.rows.size(); r += look.halves ? 2 : 1) {
    TextLine line;
    if (look.label > 0)
      line.add(padded(safe_letters(map.rows[r]), look.label - 1, Align::right) + " ");
    for (std::size_t c = 0; c < map.columns.size(); ++c) {
      if (look.halves) add_two(line, map, r, c);
      else add_cell(line, map, look, r, c, options);
    }
    block.push_back(line);
  }
  return block;
}

std::string text_of(const TextBlock& block) {
  std::string out;
  for (const TextLine& line : block)
    out += line.text.substr(0, line.text.find_last_not_of(' ') + 1) + "\n";
  return out;
}

// How many maps stand side by side, the first with labels.
int side_by_side(int columns, int label, int map) {
  return std::max(1, (columns - label + kGap) / (map + kGap));
}

std::string axes_words(const Heatmap& map) {
  std::string words;
  if (!map.row_axis.empty()) words += "rows: " + safe_letters(map.row_axis);
  if (!map.column_axis.empty())
    words += (words.empty() ? "" : ", ") + std::string("columns: ") + safe_letters(map.column_axis);
  return words;
}

std::string maps_text(const std::vector<Heatmap>& whole, const PageTextOptions& options) {
  if (whole.empty()) return "nothing to show\n";
  std::vector<Heatmap> maps;
  Look look;
  look.label = widest(safe(whole.front().rows), kLongestLabel) + 1;
  int columns = 1, rows = 1;
  for (const Heatmap& map : whole) {
    columns = std::max(columns, static_cast<int>(map.columns.size()));
    rows = std::max(rows, static_cast<int>(map.rows.size()));
  }
  const int room = std::max(options.columns - look.label, 8);
  // Two of a gallery shall stand side by side.
  const int most = whole.size() > 1 ? std::max((room - kGap) / 2, 8) : room;
  look.halves = likes_colour(options) && std::min(rows, most) > kTallRows;
  const int most_rows = kMostRows * (look.halves ? 2 : 1);
  std::string word;
  for (const Heatmap& map : whole) {
    // Square maps stay square.
    const bool square = map.rows == map.columns && columns > 1;
    const int side = std::min(most, most_rows);
    auto [small, why] = thinned(map, static_cast<std::size_t>(square ? side : most_rows),
                                static_cast<std::size_t>(square ? side : most));
    small.range = map.range ? map.range : small.range;
    maps.push_back(std::move(small));
    if (!why.empty()) word = why;
  }
  const int shown = static_cast<int>(maps.front().columns.size());
  const auto lines_with = [&](int cell) {
    const int k = side_by_side(options.columns, look.label, shown * cell);
    const auto n = static_cast<int>(maps.size());
    return (n + k - 1) / k * (static_cast<int>(maps.front().rows.size()) + 2);
  };
  look.cell = shown * 2 <= room && !look.halves &&
                      (lines_with(2) <= kComfort || lines_with(2) == lines_with(1))
                  ? 2
                  : 1;
  // Words need wider cells; numbers are whole or not there.
  int widest_word = 0;
  for (const Heatmap& map : maps)
    widest_word = std::max(widest_word, widest(safe(words_in_cells(map)), kLongestLabel) + 1);
  const bool texts = !maps.front().texts.empty();
  const int wish = texts ? std::min(widest_word, room / std::max(shown, 1)) : widest_word;
  const bool speaking = widest_word > 1 && wish >= (texts ? 3 : 2) && wish * shown <= room;
  if (speaking) look.cell = wish, look.halves = false;

  const bool same_rows = std::all_of(
      maps.begin(), maps.end(), [&](const Heatmap& map) { return map.rows == maps.front().rows; });
  const int k = same_rows ? side_by_side(options.columns, look.label, shown * look.cell)
                          : side_by_side(options.columns, 0, look.label + shown * look.cell);
  std::string out;
  for (std::size_t i = 0; i < maps.size(); i += static_cast<std::size_t>(k)) {
    TextBlock line;
    for (std::size_t j = i; j < std::min(i + static_cast<std::size_t>(k), maps.size()); ++j) {
      Look mine = look;
      if (speaking) mine.words = words_in_cells(maps[j]);
      if (j > i && same_rows) mine.label = 0;
      const TextBlock block = block_of(maps[j], mine, options);
      line = j == i ? block : beside(line, block, kGap);
    }
    out += text_of(line);
  }
  return word.empty() ? out : out + remark(word, options);
}

std::string legend(const Heatmap& map, Range range, const PageTextOptions& options) {
  TextLine line = colour_bar(map.colours, range, safe_letters(map.unit), options);
  const std::string axes = axes_words(map);
  if (axes.empty()) return line.text + "\n";
  if (line.columns + 3 + columns_of(axes) <= options.columns)
    return line.text + "   " + dim(axes, options) + "\n";
  return line.text + "\n" + remark(axes, options);
}

}   // namespace

std::string figure_text(const Heatmap& map, const PageTextOptions& options) {
  if (map.values.empty()) return safe_letters(map.title) + "\nnothing to show\n";
  Heatmap untitled = map;
  untitled.title.clear();
  return heading(map.title, options) + maps_text({untitled}, options) +
         legend(map, range_of(map), options);
}

std::string figure_text(const Gallery& gallery, const PageTextOptions& options) {
  std::string out = heading(gallery.title, options) + maps_text(over_one_range(gallery), options);
  if (!gallery.maps.empty()) out += legend(gallery.maps.front(), range_of(gallery), options);
  return out;
}

}   // namespace glass
