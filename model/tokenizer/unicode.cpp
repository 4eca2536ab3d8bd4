#include "model/tokenizer/unicode.h"

#include <algorithm>
#include <iterator>
#include <vector>

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

// Most letters that anybody writes, each in its place, so that nothing is searched for.
constexpr char32_t kNear = 0x20000;
struct NearClasses {
  std::vector<LetterClass> of;
  NearClasses() : of(kNear) {
    for (std::size_t run = 0; run < std::size(kRuns); ++run) {
      const std::uint32_t next = run + 1 < std::size(kRuns) ? kRuns[run + 1] >> 3 : kNear;
      for (std::uint32_t i = kRuns[run] >> 3; i < std::min<std::uint32_t>(next, kNear); ++i)
        of[i] = static_cast<LetterClass>(kRuns[run] & 7);
    }
  }
};

bool is_tail(unsigned char byte) { return (byte & 0xC0) == 0x80; }

}   // namespace

LetterClass class_of(char32_t letter) {
  static const NearClasses near;
  return letter < kNear ? near.of[letter] : look_up(letter);
}

bool is_white(char32_t letter) {
  // Python's strip() also takes the four separators of teletypes.
  return is_space(letter) && !(letter >= 0x1C && letter <= 0x1F);
}

LetterAt letter_at(std::string_view text, std::size_t at) {
  constexpr LetterAt kNone{0xFFFD, 1};
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : std::uint8_t{0};
  };
  const unsigned first = byte(0), second = byte(1), third = byte(2), fourth = byte(3);
  if (first < 0x80) return {first, 1};
  if (first < 0xC2 || first > 0xF4 || !is_tail(byte(1))) return kNone;
  if (first < 0xE0) return {(first & 0x1F) << 6 | (second & 0x3F), 2};
  if (!is_tail(byte(2))) return kNone;
  if (first < 0xF0) {
    const char32_t letter = (first & 0x0F) << 12 | (second & 0x3F) << 6 | (third & 0x3F);
    const bool good = letter >= 0x800 && (letter < 0xD800 || letter >= 0xE000);
    return good ? LetterAt{letter, 3} : kNone;
  }
  const char32_t letter =
      (first & 0x07) << 18 | (second & 0x3F) << 12 | (third & 0x3F) << 6 | (fourth & 0x3F);
  return is_tail(byte(3)) && letter >= 0x10000 && letter < 0x110000 ? LetterAt{letter, 4} : kNone;
}

}   // namespace glass
