// The matrix product in bf16 on the units that GPUs have for it, with sums in float: C (M,N) =
// A (M,K) B (K,N), and a bias along N.
//
// A group of 256 threads makes a piece of 128 by 128 (language/blocks.h). It copies 64 steps of k
// of both factors into blocks, as they lie: the axis along which a factor is contiguous becomes the
// columns of a block, and the matrix unit is told which one that is. A factor whose rows do not
// begin at multiples of 16 bytes, or that is contiguous along neither axis, is copied number by
// number.
//
// A weight's gradient is a small matrix whose sum runs over all tokens: too few groups for a GPU.
// Then the sum is cut into segments, and their results are added by a second launch, in order.
#pragma once
#include "kernels/gpu/language/blocks.h"
#include "kernels/gpu/matmul.h"

namespace glass {
namespace gpu {

#ifndef GLASS_GPU_HOST

// A factor as blocks see it: `side` is its axis in the result, M or N; the other one is k.
struct Factor {
  GLOBAL const bf16* data;
  uint side, k;            // strides
  uint first, sides, ks;   // where the group's 128 begin, and how many there are in all
  uint pieces;
};

// Block n of the two gets sides [64 n, 64 n + 64) of the piece for k in [k0, k0 + 64).
template <Lies lies>
GPU_FN void fetch_pieces(Thread t, SHARED bf16* to, Factor f, uint k0) {
  for (uint i = t.id; i < 2 * kBlock * 8; i += t.size) {
    const uint n = i / (8 * kBlock), row = i / 8 % kBlock, col = i % 8 * 8,
               side = f.first + n * kBlock + (lies == kAlong ? row : col),
               k = k0 + (lies == kAlong ? col : row);
    const uint count = lies == kAlong ? (side < f.sides ? left_of_8(k, f.ks) : 0)
                                      : (k < f.ks ? left_of_8(side, f.sides) : 0);
    copy8(to + n * kBlockNumbers + block_at(row, col),
          f.data + (count > 0 ? side * f.side + k * f.k : 0), count);
  }
}
template <Lies lies>
GPU_FN void fetch_numbers(Thread t, SHARED bf16* to, Factor f, uint k0) {
  for (uint i = t.id; i < 2 * kBlockNumbers; i += t.size) {
    const uint n = i / kBlockNumbers, row = i / kBlock % kBlock, col = i % kBlock,
               side = f.first + n * kBlock + (lies == kAlong ? row : col),
               k = k0 + (lies == kAlong ? col : row);
    to[n * kBlockNumbers + block_at(row, col)] =
        side < f.sides && k < f.ks ? f.data[side * f.side + k * f.k] : bf16(0);
  }
}
template <Lies lies>
GPU_FN void fetch_factor(Thread t, SHARED bf16* to, Factor f, uint k0) {
  if (f.pieces) fetch_pieces<lies>(t, to, f, k0);
  else fetch_numbers<lies>(t, to, f, k0);
}

// Two neighbours in a row of the result, which begins at `start`.
GPU_FN void put_products(CONSTANT MatmulArgs& p, uint start, uint row, uint col, float left,
                         float right) {
  if (row >= p.M || col >= p.N) return;
  const bool both = col + 1 < p.N;
  if (p.bias.data) {
    left += get(p.bias, col * p.bias.stride[0]);
    right += both ? get(p.bias, (col + 1) * p.bias.stride[0]) : 0.0f;
  }
  put_neighbours(p.c.array, p.add, p.c.pieces, start + row * p.c.row + col * p.c.column, p.c.column,
                 both, left, right);
}

template <Lies lies_a, Lies lies_b>
GPU_FN void multiply_factors(Thread t, CONSTANT MatmulArgs& p, SHARED bf16* blocks) {
  const uint n = p.first + t.group.z, batch = n / p.segments, segment = n % p.segments,
             k0 = segment * p.segment, ks = p.K < k0 + p.segment ? p.K : k0 + p.segment;
  const Factor a = {(GLOBAL const bf16*)p.a.array.data + place(p.batch, p.a.array, batch),
                    p.a.row,
                    p.a.column,
                    t.group.y * kGroupTile,
                    p.M,
                    ks,
                    p.a.pieces};
  const Factor b = {(GLOBAL const bf16*)p.b.array.data + place(p.batch, p.b.array, batch),
                    p.b.column,
                    p.b.row,
                    t.group.x * kGroupTile,
                    p.N,
                    ks,
                    p.b.pieces};
  const uint steps = ks > k0 ? (ks - k0 + kBlock - 1) / kBlock : 0,
             stage = uint(kPairBlocks) * kBlockNumbers;

  Sums sums = zero_sums();
  for (uint i = 0; i + 1 < kStages; ++i) {
    if (i < steps) {
      fetch_factor<lies_a>(t, blocks + i * stage, a, k0 + i * kBlock);
      fetch_factor<lies_b>(t, blocks + i * stage + stage / 2, b, k0 + i * kBlock);
    }
    copy_commit();
  }
  for (uint i = 0; i < steps; ++i) {
    // With one stage nothing can be on its way while the blocks are read.
    const uint next = i + kStages - 1, to = next % kStages * stage;
    if (kStages == 1) barrier(t);
    if (kStages > 1) {
      copy_wait<(kStages > 1 ? kStages - 2 : 0)>();
      blocks_ready();
      barrier(t);
    }
    if (next < steps) {
      fetch_factor<lies_a>(t, blocks + to, a, k0 + next * kBlock);
      fetch_factor<lies_b>(t, blocks + to + stage / 2, b, k0 + next * kBlock);
    }
    copy_commit();
    if (kStages == 1) barrier(t);
    SHARED const bf16* now = blocks + i % kStages * stage;
    multiply_blocks<lies_a, lies_b>(t, sums, now, now + stage / 2);
  }
  const uint start = place(p.batch, p.c.array, batch) + segment * p.M * p.N;
  UNROLL for (uint i = 0; i < 8; ++i) {
    UNROLL for (uint e = 0; e < 8; e += 2) {
      put_products(p, start, t.group.y * kGroupTile + piece_row(t, i) + tile_row(t, e),
                   t.group.x * kGroupTile + piece_col(t, i) + tile_col(t, e), sums.tile[i].v[e],
                   sums.tile[i].v[e + 1]);
    }
  }
}

// y = x w^T: both lie along k.
KERNEL_WITH_BLOCKS(matmul_along_along, MatmulArgs, 256, kPairBlocks) {
  SHARED_BLOCKS(blocks, kPairBlocks);
  multiply_factors<kAlong, kAlong>(this_thread(), p, blocks);
}
// dx = dy w
KERNEL_WITH_BLOCKS(matmul_along_across, MatmulArgs, 256, kPairBlocks) {
  SHARED_BLOCKS(blocks, kPairBlocks);
  multiply_factors<kAlong, kAcross>(this_thread(), p, blocks);
}
// dw = dy^T x
KERNEL_WITH_BLOCKS(matmul_across_across, MatmulArgs, 256, kPairBlocks) {
  SHARED_BLOCKS(blocks, kPairBlocks);
  multiply_factors<kAcross, kAcross>(this_thread(), p, blocks);
}
KERNEL_WITH_BLOCKS(matmul_across_along, MatmulArgs, 256, kPairBlocks) {
  SHARED_BLOCKS(blocks, kPairBlocks);
  multiply_factors<kAcross, kAlong>(this_thread(), p, blocks);
}

#endif

}   // namespace gpu
}   // namespace glass
