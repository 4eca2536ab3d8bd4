// The innermost piece of every matrix product: a tile of the result that stays in registers while
// the sum runs.
//
// The idea to hold: a machine can multiply and add far faster than it can read memory. A tile of R
// x C results reads R + C numbers for every R * C products, so it is as large as the registers
// allow (28 of AVX-512's 32 hold sums). Each result is one sum in the order of k, wherever its tile
// lies: that is why neither the split over threads nor the blocking can change a bit.
#pragma once
#include "kernels/cpu/simd.h"

namespace glass::GLASS_ISA {

#if defined(GLASS_ISA_avx512)
constexpr int kTileRows = 14, kTileVectors = 2;   // 28 sums, 2 of b, 1 of a: 31 of 32 registers
#elif defined(GLASS_ISA_avx2)
constexpr int kTileRows = 6, kTileVectors = 2;   // 12 + 2 + 1 of 16
#elif defined(GLASS_ISA_neon)
constexpr int kTileRows = 8, kTileVectors = 3;   // 24 + 3 + 1 of 32
#else
constexpr int kTileRows = 2,
              kTileVectors = 4;   // what compilers turn into short vectors themselves
#endif
constexpr int kTileColumns = kTileVectors * kLanes;

// a(r, k) is a[r row + k step]. b(k, j) is b[k step + j]: its columns are contiguous, and whole
// vectors are read.
struct TileA {
  const float* data;
  std::int64_t row, step;
};
struct TileB {
  const float* data;
  std::int64_t step;
};

struct TileC {
  float* data;
  std::int64_t row, column;   // strides
  std::int64_t columns;       // how many are wanted; what the last vector has beyond is dropped
  bool add;                   // += or =
  const float* bias;          // a number for each column, added once; or null
};

// Memory that will be wanted soon: runs of `bytes` bytes, `stride` bytes apart. Tiles of packed
// panels ask for its cache lines beside their sums, one line for each k, so that the wait is
// nobody's: a tile has hundreds of k, and a line takes as long to come as a few of them.
struct Ahead {
  const std::byte *line, *end;   // what comes next, and where its run ends
  std::int64_t bytes, stride;
  std::int64_t lines, each;   // how many are left; how many a tile asks for
};
GLASS_SIMD const std::byte* line_of(const std::byte* p) {
  return p - reinterpret_cast<std::uintptr_t>(p) % 64;
}
GLASS_SIMD Ahead look_ahead(const std::byte* first, std::int64_t bytes, std::int64_t runs,
                            std::int64_t stride) {
  const std::int64_t lines = runs * (bytes / 64 + (bytes % 64 != 0 || stride % 64 != 0));
  return {line_of(first), first + bytes, bytes, stride, lines, 0};
}
GLASS_SIMD void ask_for_a_line(Ahead& ahead) {
  __builtin_prefetch(ahead.line, 0, 2);
  ahead.line += 64;
  if (ahead.line >= ahead.end)
    ahead.end += ahead.stride, ahead.line = line_of(ahead.end - ahead.bytes);
}

// c (rows x columns) = or += a b, summed over k in [0, depth). 1 <= rows <= kTileRows, 1 <= columns
// <= kTileColumns. ahead: null, or what to ask for meanwhile.
using TileKernel = void (*)(const TileC& c, const TileA& a, const TileB& b, std::int64_t depth,
                            Ahead* ahead);
struct TileKernels {
  TileKernel of[kTileRows][kTileVectors];
};   // [rows - 1][vectors - 1]
extern const TileKernels kTileKernels;
// Tiles whose panels hold pairs of bf16 (pack_pairs in matmul_pack.h) instead of floats; null where
// this machine multiplies no pairs.
const TileKernels* pair_tiles();

GLASS_SIMD void tile_product(const TileC& c, int rows, const TileA& a, const TileB& b,
                             std::int64_t depth, const TileKernels& kernels = kTileKernels) {
  kernels.of[rows - 1][(c.columns - 1) / kLanes](c, a, b, depth, nullptr);
}

// A product of any size out of tiles: panel i of a (kTileRows rows) begins i * next floats after
// the first one, panel j of b (kTileColumns columns) likewise. c describes the first tile;
// c.columns is how many there are in all.
struct PanelsA {
  TileA first;
  std::int64_t next;
};
struct PanelsB {
  TileB first;
  std::int64_t next;
};
void multiply_panels(const TileC& c, std::int64_t rows, const PanelsA& a, const PanelsB& b,
                     std::int64_t depth, const TileKernels& kernels = kTileKernels);

// The same panels from a later column (a multiple of kTileColumns) or a later k on.
GLASS_SIMD PanelsB from_column(PanelsB b, std::int64_t column) {
  b.first.data += column / kTileColumns * b.next;
  return b;
}
GLASS_SIMD PanelsB from_depth(PanelsB b, std::int64_t k) {
  b.first.data += k * b.first.step;
  return b;
}
// Rows of `columns` contiguous results, to be overwritten or added to.
GLASS_SIMD TileC overwrite(float* data, std::int64_t row, std::int64_t columns) {
  return {data, row, 1, columns, false, nullptr};
}
GLASS_SIMD TileC add_to(float* data, std::int64_t row, std::int64_t columns) {
  return {data, row, 1, columns, true, nullptr};
}

}   // namespace glass::GLASS_ISA
