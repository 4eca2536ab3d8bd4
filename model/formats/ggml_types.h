// How ggml, the library under llama.cpp, stores the numbers of a tensor: in blocks of so many
// numbers and bytes. Of the quantised types q8_0 is read and written here; the others have names,
// so that a message can say what a file holds.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace glass {

struct GgmlType {
  std::uint32_t id;
  const char* name;               // "Q8_0"
  std::uint32_t numbers, bytes;   // of a block; 1 number where they stand alone
};
const GgmlType* ggml_type(std::uint32_t id);   // or null
inline constexpr std::uint32_t kGgmlF32 = 0, kGgmlF16 = 1, kGgmlQ8 = 8, kGgmlBf16 = 30;

// q8_0: 32 numbers become one scale d (f16) and 32 whole numbers q of -127 .. 127; x = d q. The
// scale is the largest magnitude over 127. What is no number becomes 0.
constexpr std::size_t kQ8Numbers = 32, kQ8Bytes = 34;
void to_q8_0(std::span<const float> numbers, std::span<std::byte> blocks);
void from_q8_0(std::span<const std::byte> blocks, std::span<float> numbers);

}   // namespace glass
