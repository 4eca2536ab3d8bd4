// How a warp adds, on every GPU: the tree that five exchanges make, so that the bits are the same
// everywhere (Metal's own simd_sum may add in another order). The emulator walks the same tree in
// one exchange.
#pragma once

namespace glass {
namespace gpu {

GPU_FN float warp_sum(Thread t, float v) {
  UNROLL for (uint mask = 16; mask > 0; mask >>= 1) { v += shuffle_xor(t, v, mask); }
  return v;
}
GPU_FN float warp_max(Thread t, float v) {
  UNROLL for (uint mask = 16; mask > 0; mask >>= 1) {
    const float other = shuffle_xor(t, v, mask);
    v = v > other || v != v ? v : other;   // a NaN comes through
  }
  return v;
}

}   // namespace gpu
}   // namespace glass
