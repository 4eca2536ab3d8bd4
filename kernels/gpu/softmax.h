// softmax(x)_c = exp(x_c) / sum over j of exp(x_j), over the last axis; a warp has a row.
#pragma once
#include "kernels/gpu/rows.h"

namespace glass {
namespace gpu {

struct SoftmaxArgs {
  Walk walk;
  Rows y, x;
  uint C;
};
struct SoftmaxBackwardArgs {
  Walk walk;
  OutputRows dx;
  Rows dy, y;
  uint C;
};

#ifndef GLASS_GPU_HOST

KERNEL(softmax, SoftmaxArgs, 256) {
  Thread t = this_thread();
  const uint r = warp_row(t);
  if (r >= p.walk.count) return;
  const uint x = row_start(p.walk, p.x, r), y = row_start(p.walk, p.y, r);
  // The largest comes off first: exp(89) overflows, and softmax does not change.
  float top = minus_infinity(), sum = 0;
  for (uint c = t.lane; c < p.C; c += 32) top = formulas::max(top, get(p.x, x, c));
  top = warp_max(t, top);
  const bool masked = top == minus_infinity();   // nothing to choose from
  for (uint c = t.lane; c < p.C; c += 32) sum += g_exp(get(p.x, x, c) - top);
  sum = warp_sum(t, sum);
  for (uint c = t.lane; c < p.C; c += 32)
    set(p.y, y, c, masked ? 0.0f : g_exp(get(p.x, x, c) - top) / sum);
}

KERNEL(softmax_backward, SoftmaxBackwardArgs, 256) {
  Thread t = this_thread();
  const uint r = warp_row(t);
  if (r >= p.walk.count) return;
  const uint dx = row_start(p.walk, p.dx.rows, r), dy = row_start(p.walk, p.dy, r),
             y = row_start(p.walk, p.y, r);
  float dot = 0;
  for (uint c = t.lane; c < p.C; c += 32) dot += get(p.dy, dy, c) * get(p.y, y, c);
  dot = warp_sum(t, dot);
  for (uint c = t.lane; c < p.C; c += 32)
    put(p.dx, dx, c, formulas::softmax_dx(get(p.dy, dy, c), get(p.y, y, c), dot));
}

#endif

}   // namespace gpu
}   // namespace glass
