// The first byte says how many follow; each of these carries six bits.
#include "engine/base/utf8.h"

#include <algorithm>

namespace glass {
namespace {

struct Form {
  std::size_t bytes;     // 0: no letter begins like this
  char32_t first_bits;   // what the first byte carries
  char32_t least;        // smaller letters have a shorter form, and must use it
};

Form form_of(unsigned first) {
  if (first < 0x80) return {1, first, 0};
  if (first < 0xC0) return {0, 0, 0};   // a following byte
  if (first < 0xE0) return {2, first & 0x1F, 0x80};
  if (first < 0xF0) return {3, first & 0x0F, 0x800};
  if (first < 0xF8) return {4, first & 0x07, 0x10000};
  return {0, 0, 0};
}

}   // namespace

std::size_t decode_utf8(std::string_view text, std::u32string& letters) {
  for (std::size_t i = 0; i < text.size();) {
    const Form form = form_of(static_cast<unsigned char>(text[i]));
    if (form.bytes == 0 || text.size() - i < form.bytes) return i;
    char32_t letter = form.first_bits;
    for (std::size_t k = 1; k < form.bytes; ++k) {
      const unsigned byte = static_cast<unsigned char>(text[i + k]);
      if ((byte & 0xC0) != 0x80) return i;
      letter = letter << 6 | (byte & 0x3F);
    }
    if (letter < form.least || letter > 0x10FFFF || (letter >= 0xD800 && letter < 0xE000)) return i;
    letters += letter;
    i += form.bytes;
  }
  return text.size();
}

std::string encode_utf8(std::u32string_view letters) {
  std::string text;
  for (const char32_t letter : letters) {
    const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
    const auto put_tail = [&](int shift) { put(0x80 | (letter >> shift & 0x3F)); };
    if (letter < 0x80) put(letter);
    else if (letter < 0x800) put(0xC0 | letter >> 6), put_tail(0);
    else if (letter < 0x10000) put(0xE0 | letter >> 12), put_tail(6), put_tail(0);
    else put(0xF0 | letter >> 18), put_tail(12), put_tail(6), put_tail(0);
  }
  return text;
}

std::int64_t count_letters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), begins_letter);
}

bool is_space(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

}   // namespace glass
