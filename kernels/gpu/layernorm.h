// layernorm: y = xhat w + b with xhat = (x - mean) rstd, and rmsnorm: y = xhat w with xhat = x
// rstd. A warp has a row; the gradients of w and b are sums over rows, in which a lane has a
// column.
#pragma once
#include "kernels/gpu/rows.h"

namespace glass {
namespace gpu {

struct NormArgs {
  Walk walk;
  Rows y, x, mean, rstd;   // mean: of layernorm only
  Array w, b;              // or none
  uint C;
  float eps;
};
struct NormBackwardArgs {
  Walk walk;
  OutputRows dx;
  Rows dy, x, mean, rstd;
  Array w;
  uint C;
};
struct NormWeightArgs {   // partial sums of dw and db: (segments, C) each, or nullptr
  Walk walk;
  Rows dy, x, mean, rstd;
  GLOBAL float* dw;
  GLOBAL float* db;
  uint C, segment;   // how many rows one segment has
};

#ifndef GLASS_GPU_HOST

GPU_FN float at_column(CONSTANT Array& w, uint c) { return get(w, c * w.stride[0]); }

KERNEL(layernorm, NormArgs, 256) {
  Thread t = this_thread();
  const uint r = warp_row(t);
  if (r >= p.walk.count) return;
  const uint x = row_start(p.walk, p.x, r), y = row_start(p.walk, p.y, r);
  float sum = 0, squares = 0;
  for (uint c = t.lane; c < p.C; c += 32) sum += get(p.x, x, c);
  const float mean = warp_sum(t, sum) / float(p.C);
  for (uint c = t.lane; c < p.C; c += 32) {
    const float away = get(p.x, x, c) - mean;
    squares += away * away;
  }
  const float rstd = g_rsqrt(warp_sum(t, squares) / float(p.C) + p.eps);
  for (uint c = t.lane; c < p.C; c += 32) {
    const float scaled = formulas::normalized(get(p.x, x, c), mean, rstd) * at_column(p.w, c);
    set(p.y, y, c, p.b.data ? scaled + at_column(p.b, c) : scaled);
  }
  if (t.lane == 0) {
    set(p.mean, row_start(p.walk, p.mean, r), 0, mean);
    set(p.rstd, row_start(p.walk, p.rstd, r), 0, rstd);
  }
}

KERNEL(rmsnorm, NormArgs, 256) {
  Thread t = this_thread();
  const uint r = warp_row(t);
  if (r >= p.walk.count) return;
  const uint x = row_start(p.walk, p.x, r), y = row_start(p.walk, p.y, r);
  float squares = 0;
  for (uint c = t.lane; c < p.C; c += 32) squares += get(p.x, x, c) * get(p.x, x, c);
  const float rstd = g_rsqrt(warp_sum(t, squares) / float(p.C) + p.eps);
  for (uint c = t.lane; c < p.C; c += 32) {
    const float xhat = get(p.x, x, c) * rstd;
    set(p.y, y, c, p.w.data ? xhat * at_column(p.w, c) : xhat);
  }
  if (t.lane == 0) set(p.rstd, row_start(p.walk, p.rstd, r), 0, rstd);
}

// With g = dy w: dx = rstd (g - mean(g) - xhat mean(g xhat)); rmsnorm has no mean to move, so none
// of g.
KERNEL(layernorm_backward, NormBackwardArgs, 256) {
  Thread t = this_thread();
  const uint r = warp_row(t);
  if (r >= p.walk.count) return;
  const uint dx = row_start(p.walk, p.dx.rows, r), dy = row_start(p.walk, p.dy, r),
             x = row_start(p.walk, p.x, r);
  const float mean = get(p.mean, row_start(p.walk, p.mean, r), 0),
              rstd = get(p.rstd, row_start(p.walk, p.rstd, r), 0);
  float sum_g = 0, sum_gx = 0;
  for (uint c = t.lane; c < p.C; c += 32) {
    const float g = get(p.dy, dy, c) * at_column(p.w, c);
    sum_g += g;
    sum_gx += g * formulas::normalized(get(p.x, x, c), mean, rstd);
  }
  const float mean_g = warp_sum(t, sum_g) / float(p.C), mean_gx = warp_sum(t, sum_gx) / float(p.C);
  for (uint c = t.lane; c < p.C; c += 32) {
    const float g = get(p.dy, dy, c) * at_column(p.w, c),
                xhat = formulas::normalized(get(p.x, x, c), mean, rstd);
    put(p.dx, dx, c, formulas::layernorm_dx(g, xhat, rstd, mean_g, mean_gx));
  }
}

KERNEL(rmsnorm_backward, NormBackwardArgs, 256) {
  Thread t = this_thread();
  const uint r = warp_row(t);
  if (r >= p.walk.count) return;
  const uint dx = row_start(p.walk, p.dx.rows, r), dy = row_start(p.walk, p.dy, r),
             x = row_start(p.walk, p.x, r);
  const float rstd = get(p.rstd, row_start(p.walk, p.rstd, r), 0);
  float sum_gx = 0;
  for (uint c = t.lane; c < p.C; c += 32) {
    const float g = get(p.dy, dy, c) * (p.w.data ? at_column(p.w, c) : 1.0f);
    sum_gx += g * (get(p.x, x, c) * rstd);
  }
  const float mean_gx = warp_sum(t, sum_gx) / float(p.C);
  for (uint c = t.lane; c < p.C; c += 32) {
    const float g = get(p.dy, dy, c) * (p.w.data ? at_column(p.w, c) : 1.0f);
    put(p.dx, dx, c, formulas::rmsnorm_dx(g, get(p.x, x, c) * rstd, rstd, mean_gx));
  }
}

// dw = sum over rows of dy xhat, db = sum over rows of dy: of the rows of one segment. Without mean
// it is rmsnorm's.
KERNEL(norm_weight, NormWeightArgs, 256) {
  Thread t = this_thread();
  SHARED_ARRAY(float, sums, [2][8][32]);
  const uint c = t.group.x * 32 + t.lane, first = t.group.y * p.segment;
  const uint last = p.walk.count - first < p.segment ? p.walk.count : first + p.segment;
  float dw = 0, db = 0;
  for (uint r = first + t.warp; r < last && c < p.C; r += 8) {
    const float dy = get(p.dy, row_start(p.walk, p.dy, r), c),
                x = get(p.x, row_start(p.walk, p.x, r), c);
    const float mean = p.mean.array.data ? get(p.mean, row_start(p.walk, p.mean, r), 0) : 0.0f;
    dw += dy * formulas::normalized(x, mean, get(p.rstd, row_start(p.walk, p.rstd, r), 0));
    db += dy;
  }
  sums[0][t.warp][t.lane] = dw;
  sums[1][t.warp][t.lane] = db;
  barrier(t);
  if (t.warp > 0 || c >= p.C) return;
  for (uint w = 1; w < 8; ++w) {
    dw += sums[0][w][t.lane];
    db += sums[1][w][t.lane];
  }
  if (p.dw) p.dw[t.group.y * p.C + c] = dw;
  if (p.db) p.db[t.group.y * p.C + c] = db;
}

#endif

}   // namespace gpu
}   // namespace glass
