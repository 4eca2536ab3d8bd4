// The kernel language on the CPU: every GPU thread really runs, one at a time, and stands still at
// barriers and at operations of its warp until the others get there (kernels/emulator/group.h).
#pragma once
#include "kernels/emulator/group.h"
#include "kernels/scalar_math.h"

#define GLOBAL
#define SHARED
#define LOCAL
#define CONSTANT const
#define GPU_FN static inline
#define UNROLL
#define KERNEL(name, Args, threads) KERNEL_WITH_BLOCKS(name, Args, threads, 0)
#define KERNEL_WITH_BLOCKS(name, Args, threads, count)                                         \
  static void name(const Args& p);                                                             \
  static const ::glass::gpu::Kernel name##_kernel(                                             \
      #name, sizeof(Args), threads, [](const void* p) { name(*static_cast<const Args*>(p)); }, \
      ::glass::gpu::block_bytes(count));                                                       \
  static void name([[maybe_unused]] const Args& p)
#define SHARED_ARRAY(type, name, dims) \
  typedef type name##_array dims;      \
  name##_array& name =                 \
      *static_cast<name##_array*>(::glass::emulator::shared(sizeof(name##_array), #name))
#define SHARED_BLOCKS(name, count) SHARED_ARRAY(bf16, name, [uint(kStages) * uint(count) * uint(kBlockNumbers)])

namespace glass {
namespace gpu {

using uint = std::uint32_t;
using ushort = std::uint16_t;
using ulong = std::uint64_t;
using uint3 = Grid;

enum : uint { kStages = 2 };
constexpr std::size_t block_bytes(uint count) {
  return std::size_t{2} * kNvidiaStages * count * kBlockNumbers;
}

struct Thread {
  uint id, lane, warp, size;
  uint3 group;
};
GPU_FN Thread this_thread() {
  const emulator::Where w = emulator::here();
  return {w.id, w.id % 32, w.id / 32, w.size, w.group};
}

#define GLASS_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

GPU_FN void barrier(Thread, GLASS_HERE) { emulator::barrier(file, line); }
GPU_FN void warp_barrier(Thread, GLASS_HERE) { emulator::warp(nullptr, nullptr, file, line); }

// When all 32 lanes have arrived, one call sees all 32 values.
template <uint mask>
void exchange_xor(void** values) {
  float x[32];
  for (uint i = 0; i < 32; ++i) x[i] = *static_cast<float*>(values[i]);
  for (uint i = 0; i < 32; ++i) *static_cast<float*>(values[i]) = x[i ^ mask];
}
struct Sum {
  float operator()(float a, float b) const { return a + b; }
};
struct Max {
  float operator()(float a, float b) const {
    return a > b || a != a ? a : b;
  }   // a NaN comes through
};
// The tree of additions that five shuffles make.
template <class Fold>
void exchange_fold(void** values) {
  float x[32], y[32];
  for (uint i = 0; i < 32; ++i) x[i] = *static_cast<float*>(values[i]);
  for (uint mask = 16; mask > 0; mask >>= 1) {
    for (uint i = 0; i < 32; ++i) y[i] = Fold()(x[i], x[i ^ mask]);
    for (uint i = 0; i < 32; ++i) x[i] = y[i];
  }
  for (uint i = 0; i < 32; ++i) *static_cast<float*>(values[i]) = x[i];
}

GPU_FN float shuffle_xor(Thread, float v, uint mask, GLASS_HERE) {
  emulator::warp(mask == 1   ? exchange_xor<1>
                 : mask == 2 ? exchange_xor<2>
                 : mask == 4 ? exchange_xor<4>
                 : mask == 8 ? exchange_xor<8>
                             : exchange_xor<16>,
                 &v, file, line);
  return v;
}
GPU_FN float warp_sum(Thread, float v, GLASS_HERE) {
  emulator::warp(exchange_fold<Sum>, &v, file, line);
  return v;
}
GPU_FN float warp_max(Thread, float v, GLASS_HERE) {
  emulator::warp(exchange_fold<Max>, &v, file, line);
  return v;
}

inline void exchange_ballot(void** values) {
  uint votes = 0;
  for (uint i = 0; i < 32; ++i) votes |= (*static_cast<uint*>(values[i]) & 1u) << i;
  for (uint i = 0; i < 32; ++i) *static_cast<uint*>(values[i]) = votes;
}
GPU_FN uint warp_ballot(Thread, bool yes, GLASS_HERE) {
  uint vote = yes;
  emulator::warp(exchange_ballot, &vote, file, line);
  return vote;
}
GPU_FN void atomic_largest(uint* x, uint v) {
  uint seen = __atomic_load_n(x, __ATOMIC_RELAXED);
  while (seen < v &&
         !__atomic_compare_exchange_n(x, &seen, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
}

GPU_FN Four load_four(const float* from) {
  Four x;
  __builtin_memcpy(x.v, from, sizeof x.v);
  return x;
}
GPU_FN void store_four(float* to, Four x) { __builtin_memcpy(to, x.v, sizeof x.v); }

GPU_FN float as_float(uint bits) {
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}
GPU_FN uint as_uint(float x) {
  uint bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}

}   // namespace gpu

GPU_FN float g_exp2(float x) { return __builtin_exp2f(x); }
GPU_FN float g_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

}   // namespace glass
