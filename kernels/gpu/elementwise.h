// One element in, one element out. A group takes kPerGroup elements, a thread four of them.
#pragma once
#include "kernels/gpu/language/gpu.h"
#include "kernels/gpu/language/philox.h"
#ifndef GLASS_GPU_HOST
#include "kernels/formulas.h"
#endif

namespace glass {
namespace gpu {

enum : uint { kPerGroup = 1024 };

struct FillArgs {
  Walk walk;
  Output y;
  float value;
  int integer;   // for i32
};
struct CopyArgs {
  Walk walk;
  Output y;
  Array x;
};
struct AffineArgs {
  Walk walk;
  Output y;
  Array x;
  float scale, shift;
};
struct MapArgs {   // y = f(x), or dx = dy f'(x)
  Walk walk;
  Output y;
  Array x, dy;
  uint formula;
};
struct ZipArgs {
  Walk walk;
  Output y;
  Array a, b;
  uint formula;
};
struct SwigluArgs {   // y = silu(gate) up; backward: dgate and dup of dy
  Walk walk;
  Output y;
  Array gate, up, dy;
};
struct DropoutArgs {
  Walk walk;
  Output y;
  Array x;
  float scale;
  uint threshold;
  Draws draws;
};

#ifndef GLASS_GPU_HOST

// The elements of a walk that are this thread's: first, first + step, ..., four of them or fewer.
// Where operands allow it they are neighbours, which are one request for memory. Otherwise threads
// that are neighbours have elements that are, so that a request of the warp brings what lies
// together.
struct Share {
  uint first, step;
  bool together;   // four neighbours, and all are there
};
GPU_FN Share share_of(Thread t, CONSTANT Walk& w) {
  const uint begin = t.group.x * kPerGroup;
  Share s;
  s.first = begin + (w.fours ? 4 * t.id : t.id);
  s.step = w.fours ? 1 : kPerGroup / 4;
  s.together = w.fours && s.first + 3 < w.count;
  return s;
}
GPU_FN Four get(CONSTANT Walk& w, CONSTANT Array& a, Share s) {
  if (s.together) return get_four(a, place(w, a, s.first));
  Four x;
  UNROLL for (uint e = 0; e < 4; ++e) {
    const uint i = s.first + e * s.step;
    x.v[e] = i < w.count ? get(a, place(w, a, i)) : 0.0f;
  }
  return x;
}
GPU_FN void put(CONSTANT Walk& w, CONSTANT Output& y, Share s, Four x) {
  if (s.together) {
    const uint at = place(w, y.array, s.first);
    if (y.add) {
      const Four before = get_four(y.array, at);
      UNROLL for (uint e = 0; e < 4; ++e) { x.v[e] = before.v[e] + x.v[e]; }
    }
    return set_four(y.array, at, x);
  }
  UNROLL for (uint e = 0; e < 4; ++e) {
    const uint i = s.first + e * s.step;
    if (i < w.count) put(y, place(w, y.array, i), x.v[e]);
  }
}

// The number of a formula is its place in the enumerations of kernels/backend.h.
GPU_FN void unary(uint f, LOCAL Four& x) {
  switch (f) {
#define GLASS_FORMULA(name, number)                                          \
  case number:                                                               \
    UNROLL for (uint e = 0; e < 4; ++e) { x.v[e] = formulas::name(x.v[e]); } \
    break;
#include "kernels/unary_list.h"
#undef GLASS_FORMULA
  }
}
GPU_FN void unary_slope(uint f, LOCAL Four& x) {
  switch (f) {
#define GLASS_FORMULA(name, number)                                                  \
  case number:                                                                       \
    UNROLL for (uint e = 0; e < 4; ++e) { x.v[e] = formulas::name##_slope(x.v[e]); } \
    break;
#include "kernels/unary_list.h"
#undef GLASS_FORMULA
  }
}
GPU_FN void binary(uint f, LOCAL Four& a, Four b) {
  switch (f) {
#define GLASS_FORMULA(name, number)                                                  \
  case number:                                                                       \
    UNROLL for (uint e = 0; e < 4; ++e) { a.v[e] = formulas::name(a.v[e], b.v[e]); } \
    break;
#include "kernels/binary_list.h"
#undef GLASS_FORMULA
  }
}

KERNEL(fill, FillArgs, 256) {
  const Share s = share_of(this_thread(), p.walk);
  if (p.y.array.type == kI32) {
    for (uint i = s.first, e = 0; e < 4 && i < p.walk.count; ++e, i += s.step)
      ((GLOBAL int*)p.y.array.data)[place(p.walk, p.y.array, i)] = p.integer;
  } else {
    Four x;
    UNROLL for (uint e = 0; e < 4; ++e) { x.v[e] = p.value; }
    put(p.walk, p.y, s, x);
  }
}

// To an integer: towards zero; what does not fit becomes the nearest that does, NaN becomes 0.
GPU_FN int to_int(float x) {
  if (x != x) return 0;
  if (x <= -2147483648.0f) return -2147483647 - 1;
  if (x >= 2147483648.0f) return 2147483647;
  return int(x);
}

// y[to] = x[from], where one of them has integers.
GPU_FN void copy_integer(CONSTANT CopyArgs& p, uint to, uint from) {
  GLOBAL int* y = (GLOBAL int*)p.y.array.data + to;
  if (p.y.array.type != kI32) put(p.y, to, float(get_int(p.x, from)));
  else if (p.x.type == kI32) *y = p.y.add ? *y + get_int(p.x, from) : get_int(p.x, from);
  else *y = to_int(p.y.add ? float(*y) + get(p.x, from) : get(p.x, from));
}

KERNEL(copy, CopyArgs, 256) {
  const Share s = share_of(this_thread(), p.walk);
  if (p.x.type == kI32 || p.y.array.type == kI32) {
    for (uint i = s.first, e = 0; e < 4 && i < p.walk.count; ++e, i += s.step)
      copy_integer(p, place(p.walk, p.y.array, i), place(p.walk, p.x, i));
  } else {
    put(p.walk, p.y, s, get(p.walk, p.x, s));
  }
}

KERNEL(affine, AffineArgs, 256) {
  const Share s = share_of(this_thread(), p.walk);
  Four x = get(p.walk, p.x, s);
  UNROLL for (uint e = 0; e < 4; ++e) { x.v[e] = g_fma(p.scale, x.v[e], p.shift); }
  put(p.walk, p.y, s, x);
}

KERNEL(map, MapArgs, 256) {
  const Share s = share_of(this_thread(), p.walk);
  Four x = get(p.walk, p.x, s);
  unary(p.formula, x);
  put(p.walk, p.y, s, x);
}

KERNEL(map_backward, MapArgs, 256) {
  const Share s = share_of(this_thread(), p.walk);
  Four x = get(p.walk, p.x, s);
  const Four dy = get(p.walk, p.dy, s);
  unary_slope(p.formula, x);
  UNROLL for (uint e = 0; e < 4; ++e) { x.v[e] = dy.v[e] * x.v[e]; }
  put(p.walk, p.y, s, x);
}

KERNEL(zip, ZipArgs, 256) {
  const Share s = share_of(this_thread(), p.walk);
  Four a = get(p.walk, p.a, s);
  binary(p.formula, a, get(p.walk, p.b, s));
  put(p.walk, p.y, s, a);
}

KERNEL(swiglu, SwigluArgs, 256) {
  const Share s = share_of(this_thread(), p.walk);
  const Four gate = get(p.walk, p.gate, s), up = get(p.walk, p.up, s);
  Four y;
  UNROLL for (uint e = 0; e < 4; ++e) { y.v[e] = formulas::swiglu(gate.v[e], up.v[e]); }
  put(p.walk, p.y, s, y);
}
KERNEL(swiglu_dgate, SwigluArgs, 256) {
  const Share s = share_of(this_thread(), p.walk);
  const Four gate = get(p.walk, p.gate, s), up = get(p.walk, p.up, s), dy = get(p.walk, p.dy, s);
  Four d;
  UNROLL for (uint e = 0; e < 4; ++e) {
    d.v[e] = formulas::swiglu_dgate(dy.v[e], gate.v[e], up.v[e]);
  }
  put(p.walk, p.y, s, d);
}
KERNEL(swiglu_dup, SwigluArgs, 256) {
  const Share s = share_of(this_thread(), p.walk);
  const Four gate = get(p.walk, p.gate, s), dy = get(p.walk, p.dy, s);
  Four d;
  UNROLL for (uint e = 0; e < 4; ++e) { d.v[e] = formulas::swiglu_dup(dy.v[e], gate.v[e]); }
  put(p.walk, p.y, s, d);
}

// The random number of each element of a share.
GPU_FN void draw(CONSTANT Draws& d, Share s, LOCAL uint (&numbers)[4]) {
  if (s.together) {
    const PhiloxState<uint> block = drawn_block(d, s.first / 4);
    numbers[0] = block.c0, numbers[1] = block.c1, numbers[2] = block.c2, numbers[3] = block.c3;
  } else {
    UNROLL for (uint e = 0; e < 4; ++e) { numbers[e] = drawn(d, s.first + e * s.step); }
  }
}

KERNEL(dropout, DropoutArgs, 256) {
  const Share s = share_of(this_thread(), p.walk);
  Four x = get(p.walk, p.x, s);
  uint numbers[4];
  draw(p.draws, s, numbers);
  UNROLL for (uint e = 0; e < 4; ++e) {
    x.v[e] = numbers[e] >= p.threshold ? x.v[e] * p.scale : 0.0f;
  }
  put(p.walk, p.y, s, x);
}

#endif

}   // namespace gpu
}   // namespace glass
