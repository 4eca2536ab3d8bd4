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
  Array ids;   // n numbers
  GLOBAL uint* fault;
};

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

// Whether one of this thread's numbers is `row`.
GPU_FN bool holds_id(CONSTANT EmbeddingArgs& p, Thread t, uint row) {
  bool found = false;
  for (uint i = t.id; i < p.n; i += t.size) found = found || uint(id_at(p, i)) == row;
  return found;
}

// table[ids[i]] += y[i] in the order of i, without an atomic: a group has a row of the table, looks
// through all numbers for its own, 256 at a time, and adds what it finds in order. A thread has
// every 256th column, four at a time.
KERNEL(scatter_add, EmbeddingArgs, 256) {
  Thread t = this_thread();
  SHARED_ARRAY(uint, found, [8]);
  if (*p.fault) return;
  const uint row = t.group.x * p.table.stride[0];
  if (!group_any(t, found, holds_id(p, t, t.group.x))) {   // most rows of a large table
    for (uint c = t.id; c < p.C && !p.add; c += 256)
      set(p.table, row + c * p.table.stride[1], 0.0f);
    return;
  }
  for (uint c0 = 0; c0 < p.C; c0 += 4 * 256) {
    float sum[4];
    UNROLL for (uint k = 0; k < 4; ++k) {
      const uint c = c0 + k * 256 + t.id;
      sum[k] = p.add && c < p.C ? get(p.table, row + c * p.table.stride[1]) : 0.0f;
    }
    for (uint first = 0; first < p.n; first += 256) {
      const uint i = first + t.id;
      const uint votes = warp_ballot(t, i < p.n && uint(id_at(p, i < p.n ? i : 0)) == t.group.x);
      barrier(t);   // nobody still reads what was found before
      if (t.lane == 0) found[t.warp] = votes;
      barrier(t);
      for (uint w = 0; w < 8; ++w) {
        uint left = found[w];
        for (uint lane = 0; left != 0; ++lane, left >>= 1) {
          if (!(left & 1)) continue;
          const uint y = row_start(p.walk, p.y, first + w * 32 + lane);
          UNROLL for (uint k = 0; k < 4; ++k) {
            const uint c = c0 + k * 256 + t.id;
            if (c < p.C) sum[k] += get(p.y, y, c);
          }
        }
      }
    }
    UNROLL for (uint k = 0; k < 4; ++k) {
      const uint c = c0 + k * 256 + t.id, at = row + c * p.table.stride[1];
      if (c < p.C) set(p.table, at, sum[k]);
    }
  }
}

#endif

}   // namespace gpu
}   // namespace glass
