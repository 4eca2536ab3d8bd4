// The micro-kernels: one for every height and width a tile may have, all from one template, for
// floats (isa/matmul_tile.cpp) and for pairs of bf16 (isa/matmul_pairs.cpp). Everything here
// belongs to the file that includes it, since those two are compiled with different flags.
#pragma once
#include "kernels/cpu/matmul_tile.h"

// A loop over an array of registers is unrolled whole; otherwise the compiler would keep the array
// in memory.
#define GLASS_UNROLL _Pragma("GCC unroll 16")

namespace glass::GLASS_ISA {
namespace {

// Edges of the result, and results whose columns are not neighbours: by way of a buffer, so that
// the sums of the common case never have to have an address.
[[gnu::noinline]] void write_edge(const TileC& c, int rows, const float* sums) {
  for (int r = 0; r < rows; ++r) {
    for (std::int64_t j = 0; j < c.columns; j += kLanes) {
      const int n = c.columns - j < kLanes ? static_cast<int>(c.columns - j) : kLanes;
      float* to = c.data + r * c.row + j * c.column;
      Vec v = load(sums + r * kTileColumns + j);
      if (c.bias != nullptr) v += load_first(c.bias + j, n);
      if (c.column == 1) {
        store_first(to, c.add ? load_first(to, n) + v : v, n);
      } else {
        store_strided_first(to, c.column, c.add ? load_strided_first(to, c.column, n) + v : v, n);
      }
    }
  }
}

// sum += a b over k, and a line of `ahead` for each k. Multiply::add(a, b, sum) adds the products
// of one float of a panel, or of one pair of bf16.
template <class Multiply, bool asks, int rows, int vectors>
GLASS_SIMD void sum_products(Vec (&sum)[rows][vectors], const TileA& a, const TileB& b,
                             std::int64_t depth, Ahead& ahead) {
  const float *ak = a.data, *bk = b.data;
  for (std::int64_t k = 0; k < depth; ++k, ak += a.step, bk += b.step) {
    if constexpr (asks) ask_for_a_line(ahead);
    Vec b_row[vectors];
    GLASS_UNROLL for (int j = 0; j < vectors; ++j) b_row[j] = load(bk + j * kLanes);
    GLASS_UNROLL for (int r = 0; r < rows; ++r) {
      const Vec a_rk = splat(ak[r * a.row]);
      GLASS_UNROLL for (int j = 0; j < vectors; ++j) sum[r][j] =
          Multiply::add(a_rk, b_row[j], sum[r][j]);
    }
  }
}

template <class Multiply, int rows, int vectors>
void tile(const TileC& c, const TileA& a, const TileB& b, std::int64_t depth, Ahead* ahead) {
  // The result is on its way while the sum runs.
  GLASS_UNROLL for (int r = 0; r < rows; ++r) {
    GLASS_UNROLL for (int j = 0; j < vectors; ++j)
        __builtin_prefetch(c.data + r * c.row + j * kLanes * c.column);
  }
  Vec sum[rows][vectors];
  GLASS_UNROLL for (int r = 0; r < rows; ++r) {
    GLASS_UNROLL for (int j = 0; j < vectors; ++j) sum[r][j] = zero();
  }
  Ahead asked = {};
  // Where rows are neighbours, the compiler knows the distance of every address from ak. (Not in
  // scalar code: g++ 12 makes vectors of its own there that read beyond the last k.)
  if (kLanes > 1 && a.row == 1) {
    std::int64_t k = 0;
    if (ahead != nullptr) {
      asked = *ahead;
      k = asked.lines < asked.each ? asked.lines : asked.each;
      if (k > depth) k = depth;
      sum_products<Multiply, true>(sum, {a.data, 1, a.step}, b, k, asked);
      asked.lines -= k;
      *ahead = asked;
    }
    sum_products<Multiply, false>(sum, {a.data + k * a.step, 1, a.step},
                                  {b.data + k * b.step, b.step}, depth - k, asked);
  } else {
    sum_products<Multiply, false>(sum, a, b, depth, asked);
  }
  if (c.column != 1 || c.columns != vectors * kLanes) {
    float sums[rows * kTileColumns];
    GLASS_UNROLL for (int r = 0; r < rows; ++r) {
      GLASS_UNROLL for (int j = 0; j < vectors; ++j)
          store(sums + r * kTileColumns + j * kLanes, sum[r][j]);
    }
    return write_edge(c, rows, sums);
  }
  GLASS_UNROLL for (int j = 0; j < vectors; ++j) {
    const Vec bias = c.bias != nullptr ? load(c.bias + j * kLanes) : zero();
    GLASS_UNROLL for (int r = 0; r < rows; ++r) {
      float* to = c.data + r * c.row + j * kLanes;
      const Vec v = c.bias != nullptr ? sum[r][j] + bias : sum[r][j];
      store(to, c.add ? load(to) + v : v);
    }
  }
}

template <class Multiply, int rows, int vectors>
constexpr void fill(TileKernels& kernels) {
  kernels.of[rows - 1][vectors - 1] = &tile<Multiply, rows, vectors>;
  if constexpr (vectors > 1) {
    fill<Multiply, rows, vectors - 1>(kernels);
  } else if constexpr (rows > 1) {
    fill<Multiply, rows - 1, kTileVectors>(kernels);
  }
}

template <class Multiply>
constexpr TileKernels all_tiles() {
  TileKernels kernels{};
  fill<Multiply, kTileRows, kTileVectors>(kernels);
  return kernels;
}

}   // namespace
}   // namespace glass::GLASS_ISA

#undef GLASS_UNROLL
