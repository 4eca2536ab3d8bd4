// rope (rotary position embedding): the pair (i, i + D/2) of a head turns by position *
// base^(-2i/D).
//
// Angles are counted in turns, as 64-bit fractions: position times turns is one integer product
// whose overflow is just the whole turns that do not matter. So a sine is as good at position
// 100,000 as at 1, without a double.
#pragma once
#include "kernels/gpu/rows.h"

namespace glass {
namespace gpu {

struct RopeArgs {
  Walk walk;
  OutputRows y;
  Rows x;
  uint T, half, position, inverse;
  GLOBAL const ulong* turns;   // of pair i for one position: the fraction of a turn times 2^64
};

#ifndef GLASS_GPU_HOST

struct Angle {
  float cosine, sine;
};

// Of a fraction of a turn: the nearest quarter, and what is left, at most an eighth, in radians.
GPU_FN Angle angle_of(ulong fraction) {
  const uint quarter = uint((fraction + (ulong(1) << 61)) >> 62);
  const float rest =
      float(long(fraction - (ulong(quarter) << 62))) * 3.4061215800304894e-19f;   // 2 pi / 2^64
  const float c = g_cos(rest), s = g_sin(rest);
  Angle a;
  a.cosine = quarter % 4 == 0 ? c : quarter % 4 == 1 ? -s : quarter % 4 == 2 ? -c : s;
  a.sine = quarter % 4 == 0 ? s : quarter % 4 == 1 ? c : quarter % 4 == 2 ? -s : -c;
  return a;
}

KERNEL(rope, RopeArgs, 256) {   // a thread has a pair
  Thread t = this_thread();
  const uint n = t.group.x * 256 + t.id;
  if (n >= p.walk.count * p.half) return;
  const uint r = n / p.half, i = n % p.half;
  const uint x = row_start(p.walk, p.x, r), y = row_start(p.walk, p.y.rows, r);
  const Angle a = angle_of(p.turns[i] * (p.position + r % p.T));
  const float sine = p.inverse ? -a.sine : a.sine;
  const float first = get(p.x, x, i), second = get(p.x, x, i + p.half);
  put(p.y, y, i, formulas::rope_first(first, second, a.cosine, sine));
  put(p.y, y, i + p.half, formulas::rope_second(first, second, a.cosine, sine));
}

#endif

}   // namespace gpu
}   // namespace glass
