#include "interp/draw/letters.h"

#include <algorithm>

#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "interp/draw/svg.h"

namespace glass {
namespace {

constexpr char32_t kUnknown = 0xFFFD;

bool in(char32_t letter, char32_t first, char32_t last) {
  return letter >= first && letter <= last;
}

bool steers(char32_t letter) {
  return letter < 0x20 || in(letter, 0x7F, 0x9F) || turns_writing(letter);
}

std::u32string letters_of(const std::string& utf8) {
  std::u32string letters;
  std::string_view rest = utf8;
  while (!rest.empty()) {
    rest.remove_prefix(decode_utf8(rest, letters));
    if (rest.empty()) break;
    letters += kUnknown;
    rest.remove_prefix(1);
  }
  return letters;
}

}   // namespace

std::string safe_letters(const std::string& utf8) {
  std::u32string letters = letters_of(utf8);
  std::replace_if(letters.begin(), letters.end(), steers, kUnknown);
  return encode_utf8(letters);
}

int columns_of(char32_t letter) {
  const bool joins = in(letter, 0x300, 0x36F) || in(letter, 0x1AB0, 0x1AFF) ||
                     in(letter, 0x20D0, 0x20FF) || in(letter, 0xFE00, 0xFE0F) ||
                     in(letter, 0x200B, 0x200D);
  if (joins) return 0;
  const bool wide =
      in(letter, 0x1100, 0x115F) || in(letter, 0x2E80, 0x303E) || in(letter, 0x3041, 0xA4CF) ||
      in(letter, 0xAC00, 0xD7A3) || in(letter, 0xF900, 0xFAFF) || in(letter, 0xFE30, 0xFE6F) ||
      in(letter, 0xFF00, 0xFF60) || in(letter, 0xFFE0, 0xFFE6) || in(letter, 0x1F300, 0x1F64F) ||
      in(letter, 0x1F900, 0x1F9FF) || in(letter, 0x20000, 0x3FFFD);
  return wide ? 2 : 1;
}

int columns_of(const std::string& utf8) {
  int columns = 0;
  for (const char32_t letter : letters_of(utf8)) columns += columns_of(letter);
  return columns;
}

std::string cut(const std::string& utf8, int columns) {
  if (columns_of(utf8) <= columns) return utf8;
  std::u32string kept;
  int used = 1;   // of the ellipsis
  for (const char32_t letter : letters_of(utf8)) {
    if ((used += columns_of(letter)) > columns) break;
    kept += letter;
  }
  return columns < 1 ? "" : encode_utf8(kept) + "\u2026";
}

std::string padded(const std::string& utf8, int columns, Align align) {
  const std::string text = cut(utf8, columns);
  const int room = std::max(columns - columns_of(text), 0);
  const int before = align == Align::right ? room : align == Align::centre ? room / 2 : 0;
  return std::string(static_cast<std::size_t>(before), ' ') + text +
         std::string(static_cast<std::size_t>(room - before), ' ');
}

std::vector<std::string> wrapped(const std::string& utf8, int columns) {
  std::vector<std::string> lines;
  for (const std::string& paragraph : split(utf8, '\n')) {
    std::string line;
    for (const std::string& word : split(paragraph, ' ')) {
      const std::string longer = line.empty() ? word : line + " " + word;
      if (line.empty() || columns_of(longer) <= columns) {
        line = longer;
        continue;
      }
      lines.push_back(cut(line, columns));
      line = word;
    }
    lines.push_back(cut(line, columns));
  }
  return lines;
}

TextBlock beside(const TextBlock& left, const TextBlock& right, int gap) {
  int width = 0;
  for (const TextLine& line : left) width = std::max(width, line.columns);
  TextBlock both = left;
  both.resize(std::max(left.size(), right.size()));
  for (std::size_t i = 0; i < right.size(); ++i) {
    both[i].pad(width + gap);
    both[i].text += right[i].text;
    both[i].columns += right[i].columns;
  }
  return both;
}

}   // namespace glass
