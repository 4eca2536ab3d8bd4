#include "model/tokenizer/unicode.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include "engine/base/utf8.h"

namespace glass {
namespace {

// Each run is (first letter << 3 | class) and ends where the next one begins.
constexpr std::uint32_t kRuns[] = {
#include "model/tokenizer/unicode_table.inc"
};

LetterClass look_up(char32_t letter) {
  const std::uint32_t behind = (static_cast<std::uint32_t>(letter) << 3) | 7;
  return static_cast<LetterClass>(
      *(std::upper_bound(std::begin(kRuns), std::end(kRuns), behind) - 1) & 7);
}

}   // namespace

LetterClass class_of(char32_t letter) {
  static const std::array<LetterClass, 128> kAscii = [] {
    std::array<LetterClass, 128> table{};
    for (char32_t c = 0; c < 128; ++c) table[c] = look_up(c);
    return table;
  }();
  return letter < 128 ? kAscii[letter] : look_up(letter);
}

bool is_white(char32_t letter) {
  // Python's strip() also takes the four separators of teletypes.
  return is_space(letter) && !(letter >= 0x1C && letter <= 0x1F);
}

LetterAt letter_at(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return {first, 1};
  const std::size_t bytes = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  std::u32string letters;
  const std::string_view piece = text.substr(at, bytes);
  if (decode_utf8(piece, letters) < bytes) return {0xFFFD, 1};
  return {letters[0], bytes};
}

}   // namespace glass
