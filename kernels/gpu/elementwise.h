// One element in, one element out. A group takes kPerGroup elements, its threads neighbouring ones.
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
  Array y;
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

// The numbers of the elements that are this thread's: `i` in FOR_ELEMENTS(t, p.walk.count).
#define FOR_ELEMENTS(t, count) \
  for (uint i = t.group.x * kPerGroup + t.id, end_ = ends(t, count); i < end_; i += t.size)
GPU_FN uint ends(Thread t, uint count) {
  return count - t.group.x * kPerGroup < kPerGroup ? count : (t.group.x + 1) * kPerGroup;
}

// The number of a formula is its place in the enumerations of kernels/backend.h.
GPU_FN float unary(uint f, float x) {
  switch (f) {
#define GLASS_FORMULA(name, number) \
  case number:                      \
    return formulas::name(x);
#include "kernels/unary_list.h"
#undef GLASS_FORMULA
  }
  return x;
}
GPU_FN float unary_slope(uint f, float x) {
  switch (f) {
#define GLASS_FORMULA(name, number) \
  case number:                      \
    return formulas::name##_slope(x);
#include "kernels/unary_list.h"
#undef GLASS_FORMULA
  }
  return x;
}
GPU_FN float binary(uint f, float a, float b) {
  switch (f) {
#define GLASS_FORMULA(name, number) \
  case number:                      \
    return formulas::name(a, b);
#include "kernels/binary_list.h"
#undef GLASS_FORMULA
  }
  return a;
}

KERNEL(fill, FillArgs, 256) {
  Thread t = this_thread();
  FOR_ELEMENTS (t, p.walk.count) {
    const uint at = place(p.walk, p.y, i);
    if (p.y.type == kI32) ((GLOBAL int*)p.y.data)[at] = p.integer;
    else set(p.y, at, p.value);
  }
}

// To an integer: towards zero; what does not fit becomes the nearest that does, NaN becomes 0.
GPU_FN int to_int(float x) {
  if (x != x) return 0;
  if (x <= -2147483648.0f) return -2147483647 - 1;
  if (x >= 2147483648.0f) return 2147483647;
  return int(x);
}

KERNEL(copy, CopyArgs, 256) {
  Thread t = this_thread();
  FOR_ELEMENTS (t, p.walk.count) {
    const uint from = place(p.walk, p.x, i), to = place(p.walk, p.y.array, i);
    if (p.x.type == kI32 && p.y.array.type == kI32) {
      GLOBAL int* y = (GLOBAL int*)p.y.array.data + to;
      *y = p.y.add ? *y + get_int(p.x, from) : get_int(p.x, from);
    } else if (p.y.array.type == kI32) {
      GLOBAL int* y = (GLOBAL int*)p.y.array.data + to;
      *y = to_int(p.y.add ? float(*y) + get(p.x, from) : get(p.x, from));
    } else {
      put(p.y, to, p.x.type == kI32 ? float(get_int(p.x, from)) : get(p.x, from));
    }
  }
}

KERNEL(affine, AffineArgs, 256) {
  Thread t = this_thread();
  FOR_ELEMENTS (t, p.walk.count)
    put(p.y, place(p.walk, p.y.array, i), g_fma(p.scale, get(p.x, place(p.walk, p.x, i)), p.shift));
}

KERNEL(map, MapArgs, 256) {
  Thread t = this_thread();
  FOR_ELEMENTS (t, p.walk.count)
    put(p.y, place(p.walk, p.y.array, i), unary(p.formula, get(p.x, place(p.walk, p.x, i))));
}

KERNEL(map_backward, MapArgs, 256) {
  Thread t = this_thread();
  FOR_ELEMENTS (t, p.walk.count) {
    const float slope = unary_slope(p.formula, get(p.x, place(p.walk, p.x, i)));
    put(p.y, place(p.walk, p.y.array, i), get(p.dy, place(p.walk, p.dy, i)) * slope);
  }
}

KERNEL(zip, ZipArgs, 256) {
  Thread t = this_thread();
  FOR_ELEMENTS (t, p.walk.count) {
    const float a = get(p.a, place(p.walk, p.a, i)), b = get(p.b, place(p.walk, p.b, i));
    put(p.y, place(p.walk, p.y.array, i), binary(p.formula, a, b));
  }
}

KERNEL(swiglu, SwigluArgs, 256) {
  Thread t = this_thread();
  FOR_ELEMENTS (t, p.walk.count) {
    const float gate = get(p.gate, place(p.walk, p.gate, i)),
                up = get(p.up, place(p.walk, p.up, i));
    put(p.y, place(p.walk, p.y.array, i), formulas::swiglu(gate, up));
  }
}
KERNEL(swiglu_dgate, SwigluArgs, 256) {
  Thread t = this_thread();
  FOR_ELEMENTS (t, p.walk.count) {
    const float gate = get(p.gate, place(p.walk, p.gate, i)),
                up = get(p.up, place(p.walk, p.up, i));
    put(p.y, place(p.walk, p.y.array, i),
        formulas::swiglu_dgate(get(p.dy, place(p.walk, p.dy, i)), gate, up));
  }
}
KERNEL(swiglu_dup, SwigluArgs, 256) {
  Thread t = this_thread();
  FOR_ELEMENTS (t, p.walk.count) {
    const float gate = get(p.gate, place(p.walk, p.gate, i));
    put(p.y, place(p.walk, p.y.array, i),
        formulas::swiglu_dup(get(p.dy, place(p.walk, p.dy, i)), gate));
  }
}

KERNEL(dropout, DropoutArgs, 256) {
  Thread t = this_thread();
  FOR_ELEMENTS (t, p.walk.count) {
    const bool kept = drawn(p.draws, i) >= p.threshold;
    put(p.y, place(p.walk, p.y.array, i), kept ? get(p.x, place(p.walk, p.x, i)) * p.scale : 0.0f);
  }
}

#endif

}   // namespace gpu
}   // namespace glass
