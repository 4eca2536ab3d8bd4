// The matrix product for any strides and either type, in float: C (M,N) = A (M,K) B (K,N), and a
// bias along N.
//
// A group makes a piece of 64 by 64. For 16 steps of k it fetches what it needs of A and B into its
// own memory, where each number is read 64 times; each of its 256 threads adds up 4 by 4 results in
// registers.
#pragma once
#include "kernels/gpu/language/gpu.h"

namespace glass {
namespace gpu {

enum : uint {
  kPiece = 64,
  kSteps = 16,
  kPieceRow = kPiece + 4,   // four more: rows begin in different banks
  kGroupTile = 2 * kBlock   // what a group makes of factors in bf16
};

struct Matrix {
  Array array;        // its strides step through the batch
  uint row, column;   // in elements
  uint pieces;        // a factor may be read 8 numbers at a time along the axis of stride 1, c be
                      // written 2 at a time along its rows
};

struct MatmulArgs {
  Walk batch;   // one product for each
  uint first;   // of them, in this launch; of the segments, where a sum is cut
  uint M, N, K;
  Matrix a, b, c;
  uint add;     // to c
  Array bias;   // (N), or none
  uint segments, segment;   // a long sum of bf16 may be cut: so many of this length, c (segments,M,N)
};

#ifndef GLASS_GPU_HOST

// Copies rows [row0, row0 + 64) and steps [k0, k0 + 16) into to[k][row], zeros outside.
// Neighbouring threads go along whichever of the two lies closer together.
GPU_FN void fetch_piece(Thread t, SHARED float* to, CONSTANT Array& from, uint start,
                        uint row_stride, uint k_stride, uint row0, uint rows, uint k0, uint K) {
  const bool along_k = k_stride < row_stride;
  for (uint i = t.id; i < kPiece * kSteps; i += t.size) {
    const uint k = along_k ? i % kSteps : i / kPiece, row = along_k ? i / kSteps : i % kPiece;
    const bool inside = row0 + row < rows && k0 + k < K;
    to[k * kPieceRow + row] =
        inside ? get(from, start + (row0 + row) * row_stride + (k0 + k) * k_stride) : 0.0f;
  }
}

KERNEL(matmul, MatmulArgs, 256) {
  Thread t = this_thread();
  SHARED_ARRAY(float, As, [kSteps * kPieceRow]);
  SHARED_ARRAY(float, Bs, [kSteps * kPieceRow]);
  const uint n = p.first + t.group.z, a = place(p.batch, p.a.array, n),
             b = place(p.batch, p.b.array, n), c = place(p.batch, p.c.array, n);
  const uint row0 = t.group.y * kPiece, col0 = t.group.x * kPiece, y = t.id / 16 * 4,
             x = t.id % 16 * 4;

  float sum[4][4] = {};
  for (uint k0 = 0; k0 < p.K; k0 += kSteps) {
    fetch_piece(t, As, p.a.array, a, p.a.row, p.a.column, row0, p.M, k0, p.K);
    fetch_piece(t, Bs, p.b.array, b, p.b.column, p.b.row, col0, p.N, k0, p.K);
    barrier(t);
    UNROLL for (uint k = 0; k < kSteps; ++k) {
      UNROLL for (uint i = 0; i < 4; ++i) {
        UNROLL for (uint j = 0; j < 4; ++j) {
          sum[i][j] = g_fma(As[k * kPieceRow + y + i], Bs[k * kPieceRow + x + j], sum[i][j]);
        }
      }
    }
    barrier(t);
  }
  UNROLL for (uint i = 0; i < 4; ++i) {
    UNROLL for (uint j = 0; j < 4; ++j) {
      const uint row = row0 + y + i, col = col0 + x + j;
      if (row < p.M && col < p.N) {
        const float bias = p.bias.data ? get(p.bias, col * p.bias.stride[0]) : 0.0f;
        const uint at = c + row * p.c.row + col * p.c.column;
        set(p.c.array, at, (p.add ? get(p.c.array, at) : 0.0f) + (sum[i][j] + bias));
      }
    }
  }
}

#endif

}   // namespace gpu
}   // namespace glass
