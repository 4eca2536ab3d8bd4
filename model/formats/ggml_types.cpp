#include "model/formats/ggml_types.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>

#include "model/formats/elements.h"

namespace glass {
namespace {

// clang-format off
constexpr GgmlType kGgmlTypes[] = {
    {0, "F32", 1, 4},        {1, "F16", 1, 2},        {2, "Q4_0", 32, 18},     {3, "Q4_1", 32, 20},
    {6, "Q5_0", 32, 22},     {7, "Q5_1", 32, 24},     {8, "Q8_0", 32, 34},     {9, "Q8_1", 32, 36},
    {10, "Q2_K", 256, 84},   {11, "Q3_K", 256, 110},  {12, "Q4_K", 256, 144},  {13, "Q5_K", 256, 176},
    {14, "Q6_K", 256, 210},  {15, "Q8_K", 256, 292},  {16, "IQ2_XXS", 256, 66},{17, "IQ2_XS", 256, 74},
    {18, "IQ3_XXS", 256, 98},{19, "IQ1_S", 256, 50},  {20, "IQ4_NL", 32, 18},  {21, "IQ3_S", 256, 110},
    {22, "IQ2_S", 256, 82},  {23, "IQ4_XS", 256, 136},{24, "I8", 1, 1},        {25, "I16", 1, 2},
    {26, "I32", 1, 4},       {27, "I64", 1, 8},       {28, "F64", 1, 8},       {29, "IQ1_M", 256, 56},
    {30, "BF16", 1, 2},      {34, "TQ1_0", 256, 54},  {35, "TQ2_0", 256, 66},  {39, "MXFP4", 32, 17}};
// clang-format on

}   // namespace

const GgmlType* ggml_type(std::uint32_t id) {
  const auto* found = std::find_if(std::begin(kGgmlTypes), std::end(kGgmlTypes),
                                   [&](const GgmlType& type) { return type.id == id; });
  return found == std::end(kGgmlTypes) ? nullptr : found;
}

void to_q8_0(std::span<const float> numbers, std::span<std::byte> blocks) {
  for (std::size_t b = 0; b < numbers.size() / kQ8Numbers; ++b) {
    const std::span<const float> x = numbers.subspan(b * kQ8Numbers, kQ8Numbers);
    const std::span<std::byte> out = blocks.subspan(b * kQ8Bytes, kQ8Bytes);
    float largest = 0;
    for (const float n : x) largest = std::max(largest, std::abs(n));
    const float scale = largest / 127;
    const std::uint16_t bits = to_f16(scale);
    const float inverse = from_f16(bits) > 0 ? 1 / scale : 0;   // no step: all are zero
    std::memcpy(out.data(), &bits, sizeof bits);
    for (std::size_t i = 0; i < kQ8Numbers; ++i) {
      const float q = std::round(x[i] * inverse);
      out[sizeof bits + i] = static_cast<std::byte>(std::isnan(q) ? 0 : static_cast<int>(q));
    }
  }
}

void from_q8_0(std::span<const std::byte> blocks, std::span<float> numbers) {
  for (std::size_t b = 0; b < numbers.size() / kQ8Numbers; ++b) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, &blocks[b * kQ8Bytes], sizeof bits);
    const float scale = from_f16(bits);
    for (std::size_t i = 0; i < kQ8Numbers; ++i) {
      const auto q = static_cast<std::int8_t>(blocks[b * kQ8Bytes + sizeof bits + i]);
      numbers[b * kQ8Numbers + i] = scale * static_cast<float>(q);
    }
  }
}

}   // namespace glass
