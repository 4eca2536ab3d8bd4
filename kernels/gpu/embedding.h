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

enum : uint { kTableRows = 8, kScatterColumns = 4 * 32 };   // of a warp

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

// Number i of the ids in order.
GPU_FN uint ordered_id(CONSTANT EmbeddingArgs& p, uint i) { return uint(id_at(p, p.order[i])); }

// How many ids are smaller than this one: where it begins in the order.
GPU_FN uint first_of(CONSTANT EmbeddingArgs& p, uint id) {
  uint begin = 0, end = p.n;
  while (begin < end) {
    const uint middle = begin + (end - begin) / 2;
    if (ordered_id(p, middle) < id) begin = middle + 1;
    else end = middle;
  }
  return begin;
}

// table[ids[i]] += y[i] in the order of i, without an atomic: a warp has 8 rows of the table, and
// of their columns every 32nd, four in all. What it adds stands side by side in the order: where
// one row ends, the next begins.
KERNEL(scatter_add, EmbeddingArgs, 256) {
  Thread t = this_thread();
  const uint first = warp_row(t) * kTableRows, c0 = t.group.y * kScatterColumns + t.lane;
  if (first >= p.V || *p.fault) return;
  uint i = first_of(p, first);
  for (uint id = first; id < first + kTableRows && id < p.V; ++id) {
    const bool found = i < p.n && ordered_id(p, i) == id;
    if (!found && p.add) continue;   // most rows of a large table
    const uint row = id * p.table.stride[0];
    float sum[4];
    UNROLL for (uint k = 0; k < 4; ++k) {
      const uint c = c0 + k * 32;
      sum[k] = p.add && c < p.C ? get(p.table, row + c * p.table.stride[1]) : 0.0f;
    }
    for (; i < p.n && ordered_id(p, i) == id; ++i) {
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
}

#endif

}   // namespace gpu
}   // namespace glass
