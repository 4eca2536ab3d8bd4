#include "engine/base/base64.h"

#include <array>
#include <cstdint>

namespace glass {
namespace {

constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint32_t kNone = 64;

constexpr std::array<std::uint8_t, 256> values() {
  std::array<std::uint8_t, 256> table{};
  for (std::uint8_t& value : table) value = kNone;
  for (std::size_t i = 0; i < kLetters.size(); ++i)
    table[static_cast<unsigned char>(kLetters[i])] = static_cast<std::uint8_t>(i);
  return table;
}
constexpr std::array<std::uint8_t, 256> kValues = values();

std::uint32_t value_of(char letter) { return kValues[static_cast<unsigned char>(letter)]; }

}   // namespace

std::string base64(std::string_view bytes) {
  std::string letters;
  letters.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const unsigned char byte =
          at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : std::uint8_t{0};
      group = group << 8 | byte;
    }
    for (std::size_t i = 0; i < 4; ++i)
      letters += at + i <= bytes.size() ? kLetters[group >> (18 - 6 * i) & 63] : '=';
  }
  return letters;
}

bool from_base64(std::string_view letters, std::string& bytes) {
  if (letters.size() % 4 != 0) return false;
  std::size_t fill = 0;
  while (fill < 2 && fill < letters.size() && letters[letters.size() - 1 - fill] == '=') ++fill;
  const std::size_t said = letters.size() - fill;   // letters that say something
  bytes.reserve(bytes.size() + letters.size() / 4 * 3);
  for (std::size_t at = 0; at < letters.size(); at += 4) {
    std::uint32_t group = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
      const std::uint32_t value = i < said ? value_of(letters[i]) : 0;
      if (value == kNone) return false;
      group = group << 6 | value;
    }
    const std::size_t count = at + 4 <= said ? 3 : 3 - fill;
    if (count < 3 && group & (count == 2 ? 0xffu : 0xffffu))
      return false;   // bits that say nothing
    for (std::size_t i = 0; i < count; ++i) bytes += static_cast<char>(group >> (16 - 8 * i) & 255);
  }
  return true;
}

}   // namespace glass
