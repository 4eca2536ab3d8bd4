// Products of blocks by a whole group: 256 threads make a piece of 128 by 128 of a product.
//
// For 64 steps of k a group needs two blocks of A and two of B in its memory, each 64 by 64. Hopper
// multiplies 64 by 128 with four warps and one instruction that reads the blocks itself (wgmma);
// everybody else lets each warp multiply tiles for 64 by 32. Either way a warp is left with eight
// tiles of sums, and piece_row and piece_col say where they are.
//
//   KERNEL_WITH_BLOCKS(name, Args, threads, count)    a kernel that holds `count` blocks at a time
//   SHARED_BLOCKS(name, count)                        and kStages times as many, first in its body
//
// While the blocks of one stage are multiplied, those of the next ones are on their way.
#pragma once
#include "kernels/gpu/language/tile.h"

#ifndef GLASS_GPU_HOST

namespace glass {
namespace gpu {

enum : uint { kPairBlocks = 4 };   // two blocks of A and two of B

struct Sums {
  Tile tile[8];
};
GPU_FN Sums zero_sums() {
  Sums c;
  UNROLL for (uint i = 0; i < 8; ++i) { c.tile[i] = zero_tile(); }
  return c;
}

#ifndef __CUDA_ARCH_FEAT_SM90_ALL

GPU_FN uint piece_row(Thread t, uint i) { return t.warp / 4 * 64 + i / 2 * 16; }
GPU_FN uint piece_col(Thread t, uint i) { return t.warp % 4 * 32 + i % 2 * 16; }
GPU_FN void blocks_ready() {}

template <Lies lies_a, Lies lies_b>
GPU_FN void multiply_blocks(Thread t, LOCAL Sums& c, SHARED const bf16* A, SHARED const bf16* B) {
  SHARED const bf16* a = A + t.warp / 4 * kBlockNumbers;
  SHARED const bf16* b = B + t.warp % 4 / 2 * kBlockNumbers;
  const uint col = t.warp % 2 * 32;
  UNROLL for (uint k = 0; k < kBlock; k += 16) {
    const TileB left = load_b<lies_b>(t, b, k, col), right = load_b<lies_b>(t, b, k, col + 16);
    UNROLL for (uint i = 0; i < 4; ++i) {
      const TileA rows = load_a<lies_a>(t, a, i * 16, k);
      multiply_add(t, c.tile[2 * i], rows, left);
      multiply_add(t, c.tile[2 * i + 1], rows, right);
    }
  }
}

#endif

}   // namespace gpu
}   // namespace glass

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#include "kernels/gpu/language/blocks_hopper.h"
#endif

#endif
