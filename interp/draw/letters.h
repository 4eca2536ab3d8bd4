// Words for a terminal: how many columns they take, cut, padded and wrapped to a width, and made
// safe, since some of them come from a stranger's tokenizer.
#pragma once
#include <string>
#include <vector>

#include "interp/draw/surface.h"

namespace glass {

// What could steer a terminal, or turn the direction of its writing, becomes U+FFFD.
std::string safe_letters(const std::string& utf8);
// 2 for a letter of East Asia or an emoji, 0 for an accent that joins the letter before it.
int columns_of(char32_t letter);
int columns_of(const std::string& utf8);

std::string cut(const std::string& utf8,
                int columns);   // its beginning and an ellipsis, if need be
std::string padded(const std::string& utf8, int columns, Align align = Align::left);   // and cut
std::vector<std::string> wrapped(const std::string& utf8, int columns);

// A line of a picture: its letters, with colours among them, and the columns that they take.
struct TextLine {
  std::string text = {};
  int columns = 0;
  void add(const std::string& letters) { text += letters, columns += columns_of(letters); }
  void pad(int to) {
    if (to > columns) text.append(static_cast<std::size_t>(to - columns), ' '), columns = to;
  }
};
using TextBlock = std::vector<TextLine>;
TextBlock beside(const TextBlock& left, const TextBlock& right, int gap);

}   // namespace glass
