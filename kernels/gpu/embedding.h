// Rows of a table by number: gather reads them (an embedding), scatter_add adds to them (its
// gradient).
#pragma once
#include "kernels/gpu/faults.h"
#include "kernels/gpu/rows.h"

namespace glass {
namespace gpu {

struct EmbeddingArgs {
  Walk walk;   // of y's rows
  Rows y;
  Array table;   // strides of (V,C)
  uint V, C, n, add;
  Walk ids_walk;
  Array ids;                  // n numbers
  GLOBAL const uint* order;   // for scatter_add: 0 to n - 1, those of equal numbers side by side
  GLOBAL uint* fault;
};

enum : uint { kScatterColumns = 4 * 32 };

#ifndef GLASS_GPU_HOST

GPU_FN int id_at(CONSTANT EmbeddingArgs& p, uint i) {
  return get_int(p.ids, place(p.ids_walk, p.ids, i));
}

// Reports numbers that no row has. It runs first, so that nothing is written when there is one.
KERNEL(check_ids, EmbeddingArgs, 256) {
  Thread t = this_thread();
  const uint i = t.group.x * 256 + t.id;
  if (i >= p.n) return;
  const int id = id_at(p, i);
  if (id < 0 || uint(id) >= p.V) report_fault(p.fault, i);
}

KERNEL(gather, EmbeddingArgs, 256) {   // a warp has a row
  Thread t = this_thread();
  const uint i = warp_row(t);
  if (i >= p.n || *p.fault) return;
  const uint row = uint(id_at(p, i)) * p.table.stride[0], y = row_start(p.walk, p.y, i);
  for (uint c = t.lane; c < p.C; c += 32) set(p.y, y, c, get(p.table, row + c * p.table.stride[1]));
}

// Where the numbers of `row` begin in the order: how many are smaller.
GPU_FN uint first_of(CONSTANT EmbeddingArgs& p, uint row) {
  uint begin = 0, end = p.n;
  while (begin < end) {
    const uint middle = begin + (end - begin) / 2;
    if (uint(id_at(p, p.order[middle])) < row) begin = middle + 1;
    else end = middle;
  }
  return begin;
}

// table[ids[i]] += y[i] in the order of i, without an atomic: a warp has a row of the table, and of
// its columns every 32nd, four in all. What it adds stands side by side in the order.
KERNEL(scatter_add, EmbeddingArgs, 256) {
  Thread t = this_thread();
  const uint id = warp_row(t), c0 = t.group.y * kScatterColumns + t.lane;
  if (id >= p.V || *p.fault) return;
  const uint begin = first_of(p, id), end = first_of(p, id + 1), row = id * p.table.stride[0];
  if (begin == end && p.add) return;   // most rows of a large table
  float sum[4];
  UNROLL for (uint k = 0; k < 4; ++k) {
    const uint c = c0 + k * 32;
    sum[k] = p.add && c < p.C ? get(p.table, row + c * p.table.stride[1]) : 0.0f;
  }
  for (uint i = begin; i < end; ++i) {
    const uint y = row_start(p.walk, p.y, p.order[i]);
    UNROLL for (uint k = 0; k < 4; ++k) {
      const uint c = c0 + k * 32;
      if (c < p.C) sum[k] += get(p.y, y, c);
    }
  }
  UNROLL for (uint k = 0; k < 4; ++k) {
    const uint c = c0 + k * 32;
    if (c < p.C) set(p.table, row + c * p.table.stride[1], sum[k]);
  }
}

#endif

}   // namespace gpu
}   // namespace glass
