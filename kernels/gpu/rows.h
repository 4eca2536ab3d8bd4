// What kernels on rows share. A row is the last axis of an operand; all axes before it are walked
// as one.
//
// Where rows are as long as a layer is wide, a warp has a row, its lanes the elements lane, lane +
// 32, ... of it, and nobody waits for another warp. Where they are as long as a vocabulary, a group
// has one.
#pragma once
#include "kernels/gpu/language/gpu.h"
#ifndef GLASS_GPU_HOST
#include "kernels/formulas.h"
#endif

namespace glass {
namespace gpu {

// An operand row by row: array.stride steps through the axes before the last, `column` along the
// row.
struct Rows {
  Array array;
  uint column;
};
struct OutputRows {
  Rows rows;
  uint add;
};

enum : uint { kRowsPerGroup = 8 };   // of 256 threads: a warp each

#ifndef GLASS_GPU_HOST

GPU_FN float minus_infinity() { return as_float(0xff800000u); }

// The row of this warp.
GPU_FN uint warp_row(Thread t) { return t.group.x * kRowsPerGroup + t.warp; }

// Where row r begins.
GPU_FN uint row_start(CONSTANT Walk& w, CONSTANT Rows& a, uint r) { return place(w, a.array, r); }
GPU_FN float get(CONSTANT Rows& a, uint start, uint c) {
  return get(a.array, start + c * a.column);
}
GPU_FN void set(CONSTANT Rows& a, uint start, uint c, float value) {
  set(a.array, start + c * a.column, value);
}
GPU_FN void put(CONSTANT OutputRows& y, uint start, uint c, float value) {
  const uint at = start + c * y.rows.column;
  set(y.rows.array, at, y.add ? get(y.rows.array, at) + value : value);
}

// Sum and largest of v over the group, for every thread. First each warp exchanges its 32 values,
// then the warps' results meet in shared memory (one float for a warp, 8 for 256 threads).
GPU_FN float group_sum(Thread t, SHARED float* scratch, float v) {
  v = warp_sum(t, v);
  barrier(t);   // nobody may still read what an earlier call left
  if (t.lane == 0) scratch[t.warp] = v;
  barrier(t);
  float total = 0;
  for (uint w = 0; w < t.size / 32; ++w) total += scratch[w];
  return total;
}
GPU_FN float group_max(Thread t, SHARED float* scratch, float v) {
  v = warp_max(t, v);
  barrier(t);
  if (t.lane == 0) scratch[t.warp] = v;
  barrier(t);
  float top = scratch[0];
  for (uint w = 1; w < t.size / 32; ++w) top = formulas::max(top, scratch[w]);
  return top;
}

#endif

}   // namespace gpu
}   // namespace glass
