// The matrix product in four steps, each for the reason that the one before it is slow. Here are
// the first two; the others are the kernels that are used, `matmul` (matmul.h) and those on matrix
// units (matmul_blocks.h). `glass bench steps` runs all four.
//
// clang-format off
//   1  matmul_naive   A thread has a result and reads a row of A and a column of B for it: two numbers from device
//                     memory for each multiplication.
//   2  matmul_shared  A group has 16 by 16 results. What its threads need of A and B overlaps, so they fetch it once,
//                     into the group's memory: two numbers for 16. But each multiplication still reads two numbers of
//                     that memory, and waits for them.
//   3  matmul         A thread has 4 by 4 results: 8 numbers from the group's memory for 16 multiplications, and two
//                     from device memory for 64.
//   4  matmul_*       A warp hands tiles to its matrix unit, whose instructions multiply 2,048 times (on Hopper 131,072
//                     times for four warps), and copies go on meanwhile. Two numbers from device memory for 128.
// clang-format on
#pragma once
#include "kernels/gpu/matmul.h"
#ifdef GLASS_GPU_HOST
#include "kernels/view.h"
#endif

namespace glass {
namespace gpu {

enum : uint { kSmallPiece = 16 };

#ifdef GLASS_GPU_HOST

class Device;

constexpr int kMatmulSteps = 4;
const char* name_of_matmul_step(int step);   // step: 1 to 4
// C (M,N) in f32 = A (M,K) B (K,N), both contiguous and in bf16.
void start_matmul_step(Device&, int step, View c, View a, View b);

#else

KERNEL(matmul_naive, MatmulArgs, 256) {
  Thread t = this_thread();
  const uint n = t.group.x * 256 + t.id, row = n / p.N, col = n % p.N;
  if (row >= p.M) return;
  float sum = 0;
  for (uint k = 0; k < p.K; ++k)
    sum = g_fma(get(p.a.array, row * p.a.row + k * p.a.column),
                get(p.b.array, k * p.b.row + col * p.b.column), sum);
  set(p.c.array, row * p.c.row + col * p.c.column, sum);
}

KERNEL(matmul_shared, MatmulArgs, 256) {
  Thread t = this_thread();
  SHARED_ARRAY(float, As, [kSmallPiece][kSmallPiece]);
  SHARED_ARRAY(float, Bs, [kSmallPiece][kSmallPiece]);
  const uint y = t.id / kSmallPiece, x = t.id % kSmallPiece, row = t.group.y * kSmallPiece + y,
             col = t.group.x * kSmallPiece + x;
  float sum = 0;
  for (uint k0 = 0; k0 < p.K; k0 += kSmallPiece) {
    As[y][x] =
        row < p.M && k0 + x < p.K ? get(p.a.array, row * p.a.row + (k0 + x) * p.a.column) : 0.0f;
    Bs[y][x] =
        k0 + y < p.K && col < p.N ? get(p.b.array, (k0 + y) * p.b.row + col * p.b.column) : 0.0f;
    barrier(t);
    UNROLL for (uint k = 0; k < kSmallPiece; ++k) { sum = g_fma(As[y][k], Bs[k][x], sum); }
    barrier(t);
  }
  if (row < p.M && col < p.N) set(p.c.array, row * p.c.row + col * p.c.column, sum);
}

#endif

}   // namespace gpu
}   // namespace glass
