// Many elements become one: a sum or the largest. What is kept and what disappears are two walks
// over the same operand.
//
// Neighbouring threads should read neighbouring elements. Where the axis that disappears has them,
// the lanes of a warp share one result (fold_rows); where an axis that is kept has them, each lane
// has a result of its own and the warps of a group share it (fold_columns). Long sums are cut into
// segments, whose results are folded by a second launch; how they are cut depends on the sizes
// only, so the bits do too.
#pragma once
#include "kernels/gpu/rows.h"

namespace glass {
namespace gpu {

struct FoldArgs {
  Walk kept, seen;   // the results; what each of them sees
  Output y;
  Array x_kept, x_seen;    // the same operand twice: its strides along each walk
  GLOBAL float* partial;   // (segments, results), or nullptr: y
  uint segment;            // how many elements of `seen` one of them has
  uint largest;            // 0: sum
};

#ifndef GLASS_GPU_HOST

GPU_FN float fold_start(uint largest) { return largest ? minus_infinity() : 0.0f; }
GPU_FN float fold_two(uint largest, float a, float b) {
  return largest ? formulas::max(a, b) : a + b;
}

GPU_FN void fold_result(CONSTANT FoldArgs& p, uint segment, uint result, float value) {
  if (p.partial) p.partial[segment * p.kept.count + result] = value;
  else put(p.y, place(p.kept, p.y.array, result), value);
}
GPU_FN uint fold_end(CONSTANT FoldArgs& p, uint segment) {
  const uint begin = segment * p.segment;
  return p.seen.count - begin < p.segment ? p.seen.count : begin + p.segment;
}

KERNEL(fold_rows, FoldArgs, 256) {   // a warp has a result
  Thread t = this_thread();
  const uint result = t.group.x * 8 + t.warp;
  if (result >= p.kept.count) return;
  const uint start = place(p.kept, p.x_kept, result), end = fold_end(p, t.group.y);
  float total = fold_start(p.largest);
  for (uint j = t.group.y * p.segment + t.lane; j < end; j += 32)
    total = fold_two(p.largest, total, get(p.x_seen, start + place(p.seen, p.x_seen, j)));
  for (uint mask = 16; mask > 0; mask >>= 1)
    total = fold_two(p.largest, total, shuffle_xor(t, total, mask));
  if (t.lane == 0) fold_result(p, t.group.y, result, total);
}

KERNEL(fold_columns, FoldArgs, 256) {   // a lane has a result, the group's warps share it
  Thread t = this_thread();
  SHARED_ARRAY(float, totals, [8][32]);
  const uint result = t.group.x * 32 + t.lane, end = fold_end(p, t.group.y);
  float total = fold_start(p.largest);
  if (result < p.kept.count) {
    const uint start = place(p.kept, p.x_kept, result);
    for (uint j = t.group.y * p.segment + t.warp; j < end; j += 8)
      total = fold_two(p.largest, total, get(p.x_seen, start + place(p.seen, p.x_seen, j)));
  }
  totals[t.warp][t.lane] = total;
  barrier(t);
  if (t.warp == 0 && result < p.kept.count) {
    for (uint w = 1; w < 8; ++w) total = fold_two(p.largest, total, totals[w][t.lane]);
    fold_result(p, t.group.y, result, total);
  }
}

#endif

}   // namespace gpu
}   // namespace glass
