// y (M,N) = x (M,K) w(N,K)^T + bias, with w packed as kernels/packed.h says: panels of 32 outputs,
// one for each lane.
//
// To write a token every weight is read once, so the time is the bytes of the weights. A group has
// a panel and up to 8 rows of x; its 8 warps share the inputs k, and meet in the group's memory at
// the end.
#pragma once
#include "kernels/gpu/rows.h"

namespace glass {
namespace gpu {

enum : uint { kPanelRows = 8, kPackedWarps = 8 };
enum PackedBits : uint {
  kPackedF32,
  kPackedBF16,
  kPackedInt8,
  kPackedInt4
};   // the numbers of PackedType

struct LinearPackedArgs {
  uint M, N, K;
  Array y, x, bias;   // strides of (M,N), (M,K), (N)
  GLOBAL const uint* panels;
  uint panel_words, type;
};

#ifndef GLASS_GPU_HOST

// Number k of output j of a panel.
GPU_FN float unpacked(CONSTANT LinearPackedArgs& p, GLOBAL const uint* panel, uint j, uint k) {
  if (p.type == kPackedF32) return as_float(panel[k * 32 + j]);
  if (p.type == kPackedBF16) {
    const uint pair = panel[k / 2 * 32 + j];
    return as_float(k % 2 ? pair & 0xffff0000u : pair << 16);
  }
  // Groups of 64 (int8) or 32 (int4) inputs: 16 words of steps, then words of 4 or 8 numbers.
  const uint bits = p.type == kPackedInt8 ? 8 : 4, in_word = 32 / bits,
             group = p.type == kPackedInt8 ? 64 : 32;
  GLOBAL const uint* words = panel + k / group * (16 + group / in_word * 32);
  const uint steps = words[j % 16], i = k % group;
  const float step = as_float(j < 16 ? steps << 16 : steps & 0xffff0000u);
  const uint word = words[16 + i / in_word * 32 + j], at = i % in_word;
  const uint number = word >> (at / 2 * bits + at % 2 * 16) & ((1u << bits) - 1);
  return step * (float(number) - float(1u << (bits - 1)));
}

KERNEL(linear_packed, LinearPackedArgs, 256) {
  Thread t = this_thread();
  SHARED_ARRAY(float, sums, [kPackedWarps][kPanelRows][32]);
  GLOBAL const uint* panel = p.panels + t.group.x * p.panel_words;
  const uint n = t.group.x * 32 + t.lane, m0 = t.group.y * kPanelRows;
  float sum[kPanelRows] = {0, 0, 0, 0, 0, 0, 0, 0};
  for (uint k = t.warp; k < p.K; k += kPackedWarps) {
    const float w = unpacked(p, panel, t.lane, k);
    UNROLL for (uint r = 0; r < kPanelRows; ++r) {
      if (m0 + r < p.M)
        sum[r] = g_fma(get(p.x, (m0 + r) * p.x.stride[0] + k * p.x.stride[1]), w, sum[r]);
    }
  }
  UNROLL for (uint r = 0; r < kPanelRows; ++r) { sums[t.warp][r][t.lane] = sum[r]; }
  barrier(t);
  const uint m = m0 + t.warp;   // now a warp has a row
  if (m >= p.M || n >= p.N) return;
  float total = p.bias.data ? get(p.bias, n * p.bias.stride[0]) : 0.0f;
  for (uint w = 0; w < kPackedWarps; ++w) total += sums[w][t.warp][t.lane];
  set(p.y, m * p.y.stride[0] + n * p.y.stride[1], total);
}

#endif

}   // namespace gpu
}   // namespace glass
