// Packing: a block of a matrix copied into the order in which the micro-kernel reads it, so that
// strides, transposes, types and tails end here. A panel is `panel` rows of a (or columns of b) for
// every k: element (w, k) of the block lies at
//   (w / panel) * panel_floats(panel, depth)  +  k * panel  +  w % panel
#pragma once
#include "kernels/cpu/matmul_tile.h"

namespace glass::GLASS_ISA {

// A matrix that is about to be multiplied: `wide` is the stride along its rows (for a) or columns
// (for b), `deep` the one along the sum.
template <class Number>
struct FactorOf {
  const Number* data;
  std::int64_t wide, deep;
};
using Factor = FactorOf<float>;
using HalfFactor = FactorOf<std::uint16_t>;   // bf16

// A factor of either type. Strides count elements, data counts bytes.
struct Operand {
  const std::byte* data;
  bool half;   // bf16
  std::int64_t wide, deep;
};

// From one panel to the next. A panel that is no whole vectors (14 rows in vectors of 16) is
// written in whole vectors all the same: what runs over is the next k, and at the end of the panel
// nothing.
GLASS_SIMD std::int64_t panel_floats(int panel, std::int64_t depth) {
  return panel * depth + (panel % kLanes == 0 ? 0 : kLanes);
}
// All panels of a block.
GLASS_SIMD std::int64_t packed_floats(int panel, std::int64_t width, std::int64_t depth) {
  return (width + panel - 1) / panel * panel_floats(panel, depth) + kLanes;
}

// Packs `width` rows (columns) of depth `depth`; bf16 becomes f32. What is missing in the last
// vector becomes zeros; whole vectors that are missing in the last panel stay as they are. `panel`
// is kTileRows or kTileColumns.
void pack_panels(float* to, int panel, const Factor& from, std::int64_t width, std::int64_t depth);
void pack_panels(float* to, int panel, const HalfFactor& from, std::int64_t width,
                 std::int64_t depth);

// The same for tiles that multiply bf16: a float of the panel holds the numbers of k and k + 1, so
// the panel is (depth + 1) / 2 deep; a last number without a partner gets a zero.
void pack_pairs(float* to, int panel, const HalfFactor& from, std::int64_t width,
                std::int64_t depth);

// The one of these that suits the type of the factor and the tiles; pairs: for tiles of bf16.
void pack_operand(float* to, int panel, const Operand& from, std::int64_t width, std::int64_t depth,
                  bool pairs);

}   // namespace glass::GLASS_ISA
