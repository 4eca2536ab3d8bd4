// The random numbers of kernels/random.h in the kernel language: the same numbers for the same key.
#pragma once
#include "kernels/gpu/language/gpu.h"
#ifndef GLASS_GPU_HOST
#include "kernels/philox.h"
#endif

namespace glass {
namespace gpu {

// A RandomKey. Its step, and the part of it, lie on the device: so a step starts its kernels with
// the same arguments as the step before.
struct Draws {
  uint seed_low, seed_high, site, gap;   // gap: 0, so that equal arguments have equal bytes
  GLOBAL const uint* now;                // step, micro
};

#ifndef GLASS_GPU_HOST

// Block n of the stream: numbers 4 n to 4 n + 3.
GPU_FN PhiloxState<uint> drawn_block(CONSTANT Draws& d, uint n) {
  const PhiloxState<uint> start = {n, d.site, d.now[0], d.now[1]};
  return philox_rounds(start, d.seed_low, d.seed_high);
}
GPU_FN uint drawn(CONSTANT Draws& d, ulong i) {   // number i
  const PhiloxState<uint> s = drawn_block(d, uint(i / 4));
  const uint which = uint(i % 4);
  return which == 0 ? s.c0 : which == 1 ? s.c1 : which == 2 ? s.c2 : s.c3;
}

#endif

}   // namespace gpu
}   // namespace glass
