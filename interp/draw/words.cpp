#include "interp/draw/words.h"

#include <algorithm>
#include <cmath>

#include "engine/base/text.h"

namespace glass {

double widest(const std::vector<std::string>& texts, const TextStyle& style) {
  double width = 0;
  for (const std::string& text : texts) width = std::max(width, width_of(text, style));
  return width;
}

std::vector<std::string> wrapped(const std::string& text, double width, const TextStyle& style) {
  std::vector<std::string> lines;
  for (const std::string& paragraph : split(text, '\n')) {
    std::string line;
    for (const std::string& word : split(paragraph, ' ')) {
      const std::string longer = line.empty() ? word : line + " " + word;
      if (line.empty() || width_of(longer, style) <= width) {
        line = longer;
        continue;
      }
      lines.push_back(fitted(line, width, style));
      line = word;
    }
    lines.push_back(fitted(line, width, style));
  }
  return lines;
}

double draw_heading(const std::string& title, double width, Surface& surface) {
  if (title.empty()) return 0;
  surface.text(fitted(title, width, kHeading), {0, 13}, kHeading);
  return 24;
}

double draw_remark(const std::string& words, double width, double y, Surface& surface) {
  double height = 0;
  if (words.empty()) return height;
  for (const std::string& line : wrapped(words, width, kFaded)) {
    surface.text(line, {0, y + height + 13}, kFaded);
    height += 17;
  }
  return height;
}

double crisp(double x) { return std::floor(x) + 0.5; }

}   // namespace glass
