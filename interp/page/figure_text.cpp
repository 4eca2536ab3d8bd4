#include "interp/page/figure_text.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/base/text.h"
#include "interp/draw/chart_text.h"

namespace glass {
namespace {

constexpr int kFewBars = 8;   // columns that a bar has at least
constexpr std::size_t kMostBars = 60, kMostRows = 200, kMostTokens = 1000;

std::string times(const char* letter, long n) {
  std::string out;
  for (long i = 0; i < n; ++i) out += letter;
  return out;
}

std::string painted(const std::string& text, bool below_zero, const PageTextOptions& options) {
  if (!likes_colour(options) || text.empty()) return text;
  return (below_zero ? "\033[38;5;208m" : "\033[38;5;39m") + text + "\033[0m";
}

constexpr int kGap = 2;           // between two columns of a table
constexpr int kFewLetters = 16;   // words are cut to so many at most; numbers never are

// Columns of a table that stand beside one another, with their widths.
struct Part {
  std::vector<std::size_t> columns;
  std::vector<int> widths;
};

int width_of(const std::vector<int>& widths) {
  int sum = kGap * (static_cast<int>(widths.size()) - 1);
  for (const int w : widths) sum += w;
  return sum;
}

// Columns are as wide as their words. Where that is too much, the widest words give way; where
// even that is not enough, the table goes on below, and its first column comes again.
std::vector<Part> parts_of(const std::vector<std::vector<std::string>>& rows,
                           const std::vector<Align>& align, int room) {
  std::vector<int> wish, least;
  for (const auto& row : rows) {
    wish.resize(std::max(wish.size(), row.size()));
    for (std::size_t c = 0; c < row.size(); ++c) wish[c] = std::max(wish[c], columns_of(row[c]));
  }
  for (std::size_t c = 0; c < wish.size(); ++c) {
    const bool words = c >= align.size() || align[c] == Align::left;
    least.push_back(words ? std::min(wish[c], kFewLetters) : wish[c]);
  }
  std::vector<Part> parts;
  for (std::size_t c = 0; c < wish.size(); ++c) {
    const bool fits = !parts.empty() && width_of(parts.back().widths) + kGap + least[c] <= room;
    if (!fits) parts.push_back(c == 0 ? Part{} : Part{{0}, {least[0]}});
    parts.back().columns.push_back(c), parts.back().widths.push_back(least[c]);
  }
  for (Part& part : parts) {
    // What is left goes to those who were cut, the narrowest first.
    for (int left = room - width_of(part.widths); left > 0; --left) {
      int* needy = nullptr;
      for (std::size_t i = 0; i < part.widths.size(); ++i)
        if (part.widths[i] < wish[part.columns[i]] && (!needy || part.widths[i] < *needy))
          needy = &part.widths[i];
      if (!needy) break;
      ++*needy;
    }
  }
  return parts;
}

}   // namespace

std::string heading(const std::string& title, const PageTextOptions& options) {
  std::string out;
  if (title.empty()) return out;
  for (const std::string& line : wrapped(safe_letters(title), options.columns))
    out += bold(line, options) + "\n";
  return out;
}

std::string remark(const std::string& words, const PageTextOptions& options) {
  std::string out;
  for (const std::string& line : wrapped(safe_letters(words), options.columns))
    out += dim(line, options) + "\n";
  return out;
}

std::string bold(const std::string& text, const PageTextOptions& options) {
  return likes_colour(options) && !text.empty() ? "\033[1m" + text + "\033[0m" : text;
}

std::string dim(const std::string& text, const PageTextOptions& options) {
  return likes_colour(options) && !text.empty() ? "\033[2m" + text + "\033[0m" : text;
}

std::string on_colour(const std::string& text, Colour ground) {
  const bool dark_ink = ink_for(ground).r < 128;
  return format("\033[38;5;%d;48;5;%dm", dark_ink ? 232 : 255, terminal_colour(ground)) + text +
         "\033[0m";
}

const char* shade_of(ColourMap colours, Range range, double value) {
  static constexpr const char* kMore[] = {"\u00b7", "\u2591", "\u2592", "\u2593", "\u2588"};
  static constexpr const char* kLess[] = {"\u00b7", "-", "=", "\u2261", "#"};
  if (std::isnan(value)) return " ";
  const double width = range.high - range.low;
  double share = width > 0 ? std::clamp((value - range.low) / width, 0.0, 1.0) : 0;
  if (colours == ColourMap::rising) return kMore[std::lround(share * 4)];
  share = 2 * share - 1;
  return share < 0 ? kLess[std::lround(-share * 4)] : kMore[std::lround(share * 4)];
}

TextLine colour_bar(ColourMap colours, Range range, const std::string& unit,
                    const PageTextOptions& options) {
  const double most = std::max(std::abs(range.low), std::abs(range.high));
  TextLine line;
  line.add(short_number(range.low, most) + " ");
  const int steps = likes_colour(options) ? 20 : colours == ColourMap::rising ? 5 : 9;
  for (int i = 0; i < steps; ++i) {
    const double share = static_cast<double>(i) / (steps - 1);
    const double value = range.low + share * (range.high - range.low);
    line.columns += 1;
    if (likes_colour(options))
      line.text += on_colour(" ", colour_at(colours, share, Ground::terminal));
    else line.text += shade_of(colours, range, value);
  }
  line.add(" " + short_number(range.high, most));
  if (!unit.empty()) line.add(" " + cut(unit, std::max(options.columns - line.columns - 1, 1)));
  return line;
}

std::string figure_text(const Paragraph& paragraph, const PageTextOptions& options) {
  std::string out;
  for (const std::string& part : split(paragraph.text, '\n'))
    for (const std::string& line : wrapped(safe_letters(part), options.columns)) out += line + "\n";
  return out;
}

std::string figure_text(const Bars& all, const PageTextOptions& options) {
  std::string out = heading(all.title, options);
  const std::size_t shown = std::min(all.bars.size(), kMostBars);
  int names = 0, notes = 0, numbers = 0;
  double most = 0, low = 0, high = 0;
  const auto see = [&](double v) {
    if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
  };
  for (const ReferenceLine& line : all.references) see(line.y);
  for (std::size_t i = 0; i < shown; ++i) see(all.bars[i].value);
  most = std::max(-low, high);
  if (low == high) high = 1;
  const auto number = [&](double v) {
    return std::isfinite(v) ? readable(v, most) : std::isnan(v) ? "-" : short_number(v, most);
  };
  for (std::size_t i = 0; i < shown; ++i) {
    names = std::max(names, columns_of(safe_letters(all.bars[i].name)));
    notes = std::max(notes, columns_of(safe_letters(all.bars[i].note)));
    numbers = std::max(numbers, columns_of(number(all.bars[i].value)));
  }
  names = std::min(names, options.columns / 3);
  // Notes may have a third, but never the last columns of the bars.
  notes = std::min({notes, options.columns / 3, options.columns - names - numbers - 4 - kFewBars});
  if (notes < 4) notes = 0;
  const int width =
      std::max(options.columns - names - numbers - 3 - (notes > 0 ? notes + 1 : 0), kFewBars);
  const auto across = [&](double v) { return (v - low) / (high - low) * width; };
  const auto zero = std::lround(across(0));
  static constexpr const char* kEighths[] = {"",       "\u258f", "\u258e", "\u258d",
                                             "\u258c", "\u258b", "\u258a", "\u2589"};
  for (std::size_t i = 0; i < shown; ++i) {
    const Bars::Bar& bar = all.bars[i];
    out += padded(safe_letters(bar.name), names) + " " +
           padded(number(bar.value), numbers, Align::right) + "  ";
    TextLine line;
    if (std::isfinite(bar.value) && bar.value < 0) {
      const auto from = std::min(std::lround(across(bar.value)), zero);
      line.pad(static_cast<int>(from));
      line.columns += static_cast<int>(zero - from);
      line.text += painted(times("\u2588", zero - from), true, options);
    } else if (std::isfinite(bar.value)) {
      line.pad(static_cast<int>(zero));
      const auto eighths = std::lround((across(bar.value) - static_cast<double>(zero)) * 8);
      const auto whole = std::max(eighths, 0L) / 8, rest = std::max(eighths, 0L) % 8;
      line.columns += static_cast<int>(whole) + (rest > 0 ? 1 : 0);
      line.text += painted(times("\u2588", whole) + kEighths[rest], false, options);
    }
    if (!bar.note.empty() && notes > 0) {
      line.pad(width + 1);
      line.text += dim(cut(safe_letters(bar.note), notes), options);
    }
    out += line.text + "\n";
  }
  for (const ReferenceLine& line : all.references)
    out += remark(line.name + " " + number(line.y), options);
  if (shown == 0) out += "nothing to show\n";
  if (shown < all.bars.size())
    out += remark("the first " + std::to_string(shown) + " of " + std::to_string(all.bars.size()),
                  options);
  if (!all.unit.empty()) out += remark("in " + all.unit, options);
  return out;
}

std::string figure_text(const Table& table, const PageTextOptions& options) {
  std::vector<std::vector<std::string>> rows = {table.columns};
  rows.insert(
      rows.end(), table.rows.begin(),
      table.rows.begin() + static_cast<std::ptrdiff_t>(std::min(table.rows.size(), kMostRows)));
  for (auto& row : rows)
    for (std::string& cell : row) cell = safe_letters(cell);
  std::string out = heading(table.title, options);
  const std::vector<Part> parts = parts_of(rows, table.align, options.columns);
  for (std::size_t p = 0; p < parts.size(); ++p) {
    if (p > 0) out += "\n";
    for (std::size_t r = 0; r < rows.size(); ++r) {
      std::string line;
      for (std::size_t i = 0; i < parts[p].columns.size(); ++i) {
        const std::size_t c = parts[p].columns[i];
        if (c >= rows[r].size()) continue;
        const Align align = c < table.align.size() ? table.align[c] : Align::left;
        line +=
            (i > 0 ? std::string(kGap, ' ') : "") + padded(rows[r][c], parts[p].widths[i], align);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      out += (r == 0 ? dim(line, options) : line) + "\n";
    }
  }
  if (table.rows.empty()) out += "nothing to show\n";
  if (table.rows.size() > kMostRows)
    out += remark(std::to_string(table.rows.size() - kMostRows) + " more rows; --json has them all",
                  options);
  return out;
}

std::string figure_text(const Strip& strip, const PageTextOptions& options) {
  const Range range = range_of(strip);
  std::string out = heading(strip.title, options);
  TextLine words, shades;
  const auto flush = [&] {
    out += words.text + "\n";
    if (!likes_colour(options)) out += shades.text + "\n";
    words = shades = {};
  };
  const std::size_t shown = std::min(strip.tokens.size(), kMostTokens);
  for (std::size_t i = 0; i < shown; ++i) {
    const std::string token = cut(safe_letters(strip.tokens[i]), options.columns);
    const int width = columns_of(token);
    const bool gap = !likes_colour(options) && words.columns > 0;
    if (words.columns > 0 && words.columns + (gap ? 1 : 0) + width > options.columns) flush();
    else if (gap) words.add(" "), shades.add(" ");
    const Colour ground = colour_of(strip.colours, range, strip.values[i], Ground::terminal);
    words.columns += width;
    words.text += likes_colour(options) && ground.a > 0 ? on_colour(token, ground) : token;
    shades.add(times(shade_of(strip.colours, range, strip.values[i]), width));
    const bool ends = token.size() >= 2 && token.compare(token.size() - 2, 2, "\\n") == 0;
    if (ends) flush();
  }
  if (words.columns > 0) flush();
  if (shown == 0) return out + "nothing to show\n";
  if (shown < strip.tokens.size())
    out += remark(std::to_string(strip.tokens.size() - shown) + " more tokens; --json has them all",
                  options);
  if (!has_scale(strip)) return out;
  return out + colour_bar(strip.colours, range, "", options).text + "\n";
}

// From the top downwards: each part, and below it what it listens to, the strongest first.
std::string figure_text(const Diagram& diagram, const PageTextOptions& options) {
  std::string out = heading(diagram.title, options);
  if (diagram.parts.empty()) return out + "nothing to show\n";
  const auto name = [&](int part) {
    return safe_letters(diagram.parts[static_cast<std::size_t>(part)].name);
  };
  std::vector<int> order;
  double most = 0;
  int names = 0, words = 0;
  for (std::size_t i = 0; i < diagram.parts.size(); ++i) order.push_back(static_cast<int>(i));
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return diagram.parts[static_cast<std::size_t>(a)].level >
           diagram.parts[static_cast<std::size_t>(b)].level;
  });
  std::map<int, std::vector<Diagram::Arrow>> into;
  std::vector<bool> heard(diagram.parts.size());
  for (const Diagram::Arrow& arrow : diagram.arrows) {
    into[arrow.to].push_back(arrow);
    heard[static_cast<std::size_t>(arrow.from)] = true;
    if (std::isfinite(arrow.weight)) most = std::max(most, std::abs(arrow.weight));
    names = std::max(names, std::min(columns_of(name(arrow.from)), options.columns / 3));
    words = std::max(words, columns_of(safe_letters(weight_words(arrow))));
  }
  words = std::min(words, options.columns / 4);
  for (const int part : order) {
    std::vector<Diagram::Arrow>& arrows = into[part];
    if (arrows.empty() && heard[static_cast<std::size_t>(part)]) continue;
    std::stable_sort(arrows.begin(), arrows.end(), [](const auto& a, const auto& b) {
      return std::abs(a.weight) > std::abs(b.weight);
    });
    out += bold(cut(name(part), options.columns), options) + "\n";
    for (const Diagram::Arrow& arrow : arrows) {
      const double share =
          most > 0 && std::isfinite(arrow.weight) ? std::abs(arrow.weight) / most : 0;
      const int room = std::clamp(options.columns - names - words - 8, 0, 24);
      out += "  \u2190 " + padded(name(arrow.from), names) + "  " +
             padded(safe_letters(weight_words(arrow)), words, Align::right) + "  " +
             painted(times("\u2588", std::lround(share * room)), arrow.weight < 0, options) + "\n";
    }
  }
  return out;
}

std::string figure_text(const Chart& chart, const PageTextOptions& options) {
  return chart_text(
      chart, {options.columns, 14, likes_colour(options) ? TextColour::ansi : TextColour::none});
}

}   // namespace glass
