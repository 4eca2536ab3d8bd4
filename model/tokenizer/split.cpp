#include "model/tokenizer/split.h"

#include <array>

#include "model/tokenizer/unicode.h"

namespace glass {
namespace {

enum class Kind { letters, numbers, others, white };

Kind kind_of(char32_t letter) {
  if (is_white(letter)) return Kind::white;
  const LetterClass c = class_of(letter);
  if (is_letter(c)) return Kind::letters;
  return c == LetterClass::number ? Kind::numbers : Kind::others;
}

Kind kind_at(std::string_view text, std::size_t at, std::size_t& bytes) {
  static const std::array<Kind, 128> kAscii = [] {
    std::array<Kind, 128> table{};
    for (char32_t c = 0; c < 128; ++c) table[c] = kind_of(c);
    return table;
  }();
  const auto first = static_cast<unsigned char>(text[at]);
  bytes = 1;
  if (first < 128) return kAscii[first];
  const LetterAt letter = letter_at(text, at);
  bytes = letter.bytes;
  return kind_of(letter.letter);
}

// Where the run of one kind that begins at `at` ends.
std::size_t end_of_run(std::string_view text, std::size_t at, Kind kind) {
  for (std::size_t bytes = 0; at < text.size(); at += bytes)
    if (kind_at(text, at, bytes) != kind) break;
  return at;
}

// 's, 't, 're, 've, 'm, 'll, 'd: how many bytes, 0 for none.
std::size_t contraction(std::string_view text) {
  for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.substr(0, ending.size()) == ending) return ending.size();
  return 0;
}

// White space goes to one piece, but for the last letter of it where a word follows: a space
// belongs to the word behind it.
std::size_t end_of_white(std::string_view text, std::size_t at) {
  std::size_t last = at, end = at;
  for (std::size_t bytes = 0; end < text.size() && kind_at(text, end, bytes) == Kind::white;
       end += bytes)
    last = end;
  return end == text.size() || last == at ? end : last;
}

}   // namespace

std::size_t end_of_piece(std::string_view text, std::size_t at) {
  if (text[at] == '\'') {
    if (const std::size_t bytes = contraction(text.substr(at, 3)); bytes > 0) return at + bytes;
  }
  const std::size_t word = text[at] == ' ' ? at + 1 : at;   // one space may stand in front
  if (word < text.size()) {
    std::size_t bytes = 0;
    const Kind kind = kind_at(text, word, bytes);
    if (kind != Kind::white) return end_of_run(text, word, kind);
  }
  return end_of_white(text, at);
}

}   // namespace glass
