// What kind of letter a letter is, as far as tokenizers care: they cut text where one kind follows
// another.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace glass {

enum class LetterClass : std::uint8_t {
  other,    // punctuation, symbols, white space, and what is no letter at all
  upper,    // Lu, Lt: A
  lower,    // Ll: a
  letter,   // Lm, Lo: of scripts without upper and lower
  mark,     // M: an accent on its own
  number,   // N: 7, but also a Roman numeral of one letter
};
LetterClass class_of(char32_t letter);

// \p{L} of regular expressions.
inline bool is_letter(LetterClass c) {
  return c == LetterClass::upper || c == LetterClass::lower || c == LetterClass::letter;
}
// \s: Unicode's White_Space.
bool is_white(char32_t letter);

// The letter that begins at a byte, and how many bytes it has. A byte that is not UTF-8 is a letter
// of its own, U+FFFD.
struct LetterAt {
  char32_t letter;
  std::size_t bytes;
};
LetterAt letter_at(std::string_view text, std::size_t at);

}   // namespace glass
