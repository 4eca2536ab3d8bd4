// Packing: a block of a matrix copied into the order in which the micro-kernel reads it, so that
// strides, transposes and tails end here. A panel is `panel` rows of a (or columns of b) for every
// k: element (w, k) of the block lies at
//   (w / panel) * panel * depth  +  k * panel  +  w % panel
#pragma once
#include "kernels/cpu/matmul_tile.h"

namespace glass::GLASS_ISA {

// A matrix that is about to be multiplied: `wide` is the stride along its rows (for a) or columns
// (for b), `deep` the one along the sum.
struct Factor {
  const float* data;
  std::int64_t wide, deep;
};

// Floats that pack_panels may touch at `to`: the last panel is whole, and stores may run over by
// less than a vector.
GLASS_SIMD std::int64_t packed_floats(int panel, std::int64_t width, std::int64_t depth) {
  return (width + panel - 1) / panel * panel * depth + kLanes;
}

// Packs `width` rows (columns) of depth `depth`. What is missing in the last vector becomes zeros;
// whole vectors that are missing in the last panel stay as they are. `panel` is kTileRows or
// kTileColumns.
void pack_panels(float* to, int panel, const Factor& from, std::int64_t width, std::int64_t depth);

}   // namespace glass::GLASS_ISA
