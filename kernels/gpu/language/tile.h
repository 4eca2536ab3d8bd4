// Tiles: pieces of matrices, 16 by 16, spread over the 32 lanes of a warp.
//
// Every maker of GPUs has a unit that multiplies small matrices, and each wants them arranged in
// its own way. A warp hands it the registers of all its lanes, and these are the words for that:
//
// clang-format off
//   Tile                            16x16 floats: a sum that is being built up. A lane has 8 of them, in v[0..7]
//   tile_row(t, i), tile_col(t, i)  where in the tile v[i] is
//   TileA, TileB                    16x16 factors in bf16, opaque
//
//   load_a<lies>(t, block, row, k)  a(row.., k..) out of a block of the group's memory, see below
//   load_b<lies>(t, block, k, col)  b(k.., col..)
//   multiply_add(t, c, a, b)        c += a b
//   as_factor(c)                    a sum, rounded to bf16, as the left factor of the next product
//   tile_row_sum(t, v)              over the lanes that hold the same row; tile_row_max too
//
//   copy8(to, from, count)          starts copying 8 bf16, of which `count` are there and the rest is 0; both
//                                   addresses are multiples of 16 bytes
//   copy_commit()                   closes a batch of copies
//   copy_wait<n>()                  all my batches but the last n have arrived. Then a barrier, and all have
// clang-format on
//
// v[i] is always at (row + 8 * bit 1 of i, col + bit 0 of i + 8 * bit 2 of i), where the lane's own
// corner (row, col) depends on the maker. So a lane has two rows, and v[0] and v[1] are neighbours.
//
// What they are loaded from is a block, a matrix of bf16 in the group's memory with 64 columns. In
// each of its rows the eight pieces of 8 numbers have changed places, by the number of the row:
// otherwise the 8 rows of a tile would begin in the same bank of the memory and be fetched one
// after the other. The order is the one that Hopper's matrix unit knows by itself.
#pragma once
#include "kernels/gpu/language/gpu.h"

#ifndef GLASS_GPU_HOST
#include "kernels/formulas.h"

namespace glass {
namespace gpu {

GPU_FN uint block_at(uint row, uint col) {
  return row * kBlock + ((col / 8) ^ (row % 8)) * 8 + col % 8;
}

// Which way a factor lies in its block: a row of the block goes along k, or across it.
//   kAlong   a(row, k) is at (row, k), b(k, col) at (col, k)
//   kAcross  a(row, k) is at (k, row), b(k, col) at (k, col)
enum Lies : uint { kAlong, kAcross };

// How many of 8 numbers from `first` on are there.
GPU_FN uint left_of_8(uint first, uint count) {
  const uint left = first < count ? count - first : 0;
  return left < 8 ? left : 8;
}

struct Tile {
  float v[8];
};
GPU_FN Tile zero_tile() {
  Tile c;
  UNROLL for (uint i = 0; i < 8; ++i) { c.v[i] = 0; }
  return c;
}

// Where v[0] of this lane is.
struct Corner {
  uint row, col;
};
GPU_FN Corner lane_corner(uint lane);
GPU_FN uint tile_row(Thread t, uint i) { return lane_corner(t.lane).row + i / 2 % 2 * 8; }
GPU_FN uint tile_col(Thread t, uint i) { return lane_corner(t.lane).col + i % 2 + i / 4 * 8; }

// Where in a block v[i] of the tile at (row, col) is, if rows of the tile are rows of the block, or
// else columns.
GPU_FN uint tile_in_block(Thread t, uint i, uint row, uint col, bool as_rows) {
  const uint r = row + tile_row(t, i), c = col + tile_col(t, i);
  return as_rows ? block_at(r, c) : block_at(c, r);
}

// A lane's partners in its two rows are this lane with the bits of one of these masks changed.
GPU_FN uint row_partners(uint which);
GPU_FN float tile_row_sum(Thread t, float v) {
  v += shuffle_xor(t, v, row_partners(0));
  return v + shuffle_xor(t, v, row_partners(1));
}
GPU_FN float tile_row_max(Thread t, float v) {
  v = formulas::max(v, shuffle_xor(t, v, row_partners(0)));
  return formulas::max(v, shuffle_xor(t, v, row_partners(1)));
}

}   // namespace gpu
}   // namespace glass

#if defined(__METAL_VERSION__)
#include "kernels/gpu/language/tile_metal.h"
#elif defined(__CUDACC__)
#include "kernels/gpu/language/tile_cuda.h"
#else
#include "kernels/gpu/language/tile_emulator.h"
#endif

#endif
