#include "model/tokenizer/byte_letters.h"

#include <array>

#include "engine/base/utf8.h"
#include "model/tokenizer/unicode.h"

namespace glass {
namespace {

constexpr char32_t kMostLetters = 0x100 + 68;

struct Letters {
  std::array<char32_t, 256> of{};
  std::array<int, kMostLetters> byte{};   // -1: none
  constexpr Letters() {
    for (int& b : byte) b = -1;
    char32_t next = 0x100;
    for (std::size_t b = 0; b < 256; ++b) {
      const bool visible = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
      of[b] = visible ? static_cast<char32_t>(b) : next++;
      byte[of[b]] = static_cast<int>(b);
    }
  }
};
constexpr Letters kLetters;

}   // namespace

char32_t letter_of_byte(unsigned char byte) { return kLetters.of[byte]; }

std::string as_letters(std::string_view bytes) {
  std::u32string letters;
  for (const char c : bytes) letters += letter_of_byte(static_cast<unsigned char>(c));
  return encode_utf8(letters);
}

bool bytes_of_letters(std::string_view letters, std::string& bytes) {
  bytes.clear();
  for (std::size_t at = 0; at < letters.size();) {
    const LetterAt here = letter_at(letters, at);
    if (here.letter >= kMostLetters || kLetters.byte[here.letter] < 0) return false;
    bytes += static_cast<char>(kLetters.byte[here.letter]);
    at += here.bytes;
  }
  return true;
}

}   // namespace glass
