// The kernel language on Apple GPUs. Metal has neither double nor erf.
#pragma once
#include <metal_stdlib>
using namespace metal;

#define GLASS_GPU_LANGUAGE 1
#define GLOBAL device
#define SHARED threadgroup
#define LOCAL thread
#define CONSTANT constant
#define GPU_FN static inline
#define GLASS_FN GPU_FN
#define UNROLL _Pragma("clang loop unroll(full)")
#define KERNEL(name, Args, threads)                                                            \
  [[kernel, host_name(#name), max_total_threads_per_threadgroup(threads)]] void name(          \
      constant Args& p [[buffer(0)]], uint id_ [[thread_index_in_threadgroup]],                \
      uint lane_ [[thread_index_in_simdgroup]], uint warp_ [[simdgroup_index_in_threadgroup]], \
      uint3 size_ [[threads_per_threadgroup]], uint3 group_ [[threadgroup_position_in_grid]])
#define KERNEL_WITH_BLOCKS(name, Args, threads, count) KERNEL(name, Args, threads)
#ifdef GLASS_SHARED_ARRAY_BY_CHECKER
#define SHARED_ARRAY GLASS_SHARED_ARRAY_BY_CHECKER
#else
#define SHARED_ARRAY(type, name, dims) threadgroup alignas(16) type name dims
#endif
#define SHARED_BLOCKS(name, count) SHARED_ARRAY(bf16, name, [uint(kStages) * uint(count) * uint(kBlockNumbers)])

namespace glass {
namespace gpu {

enum : uint { kStages = 1 };

struct Thread {
  uint id, lane, warp, size;
  uint3 group;
};
#define this_thread() \
  Thread { id_, lane_, warp_, size_.x, group_ }

GPU_FN void barrier(Thread) {
  threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
}
GPU_FN void warp_barrier(Thread) { simdgroup_barrier(mem_flags::mem_threadgroup); }
GPU_FN float shuffle_xor(Thread, float v, uint mask) { return simd_shuffle_xor(v, ushort(mask)); }

GPU_FN uint warp_ballot(Thread, bool yes) { return uint(ulong(simd_ballot(yes))); }
GPU_FN void atomic_largest(GLOBAL uint* x, uint v) {
  atomic_fetch_max_explicit((device atomic_uint*)x, v, memory_order_relaxed);
}

GPU_FN Four load_four(GLOBAL const float* from) {
  const float4 x = *(GLOBAL const float4*)from;
  return Four{{x.x, x.y, x.z, x.w}};
}
GPU_FN void store_four(GLOBAL float* to, Four x) {
  float4 all;
  all.x = x.v[0], all.y = x.v[1], all.z = x.v[2], all.w = x.v[3];
  *(GLOBAL float4*)to = all;
}

GPU_FN float as_float(uint bits) { return as_type<float>(bits); }
GPU_FN uint as_uint(float x) { return as_type<uint>(x); }

}   // namespace gpu

// What kernels/formulas.h asks of a number type.
template <class T>
struct Normal {
  T below, bell;
};
GPU_FN float g_exp(float x) { return precise::exp(x); }
GPU_FN float g_exp2(float x) { return precise::exp2(x); }
GPU_FN float g_log(float x) { return precise::log(x); }
GPU_FN float g_sqrt(float x) { return precise::sqrt(x); }
GPU_FN float g_rsqrt(float x) { return 1.0f / precise::sqrt(x); }
GPU_FN float g_sin(float x) { return precise::sin(x); }
GPU_FN float g_cos(float x) { return precise::cos(x); }
GPU_FN float g_tanh(float x) { return precise::tanh(x); }
GPU_FN float g_abs(float x) { return fabs(x); }
GPU_FN float g_max(float a, float b) { return a > b ? a : b; }
GPU_FN float g_min(float a, float b) { return a < b ? a : b; }
GPU_FN float g_select(bool yes, float a, float b) { return yes ? a : b; }
GPU_FN float g_fma(float a, float b, float c) { return fma(a, b, c); }

// erf(x) = x P(x^2) near 0, 1 - exp(-Q(x)) elsewhere; coefficients and reasons as in
// kernels/cpu/vector_math.h.
GPU_FN float g_erf(float x) {
  const float a = fabs(x), z = a * a;
  const float near =
      a * (1.1283791f +
           z * (-0.37612498f +
                z * (0.11281846f + z * (-0.02676772f + z * (0.0049948306f + z * -0.0005999406f)))));
  const float c = a < 3.95f ? a : 3.95f;
  const float q =
      0.00019568272f +
      c * (1.1276757f +
           c * (0.6371823f + c * (0.10393155f + c * (-0.022226898f +
                                                     c * (0.0030432115f + c * -0.00019593662f)))));
  const float y = a < 0.92f ? near : 1.0f - g_exp(-q);
  return x < 0 ? -y : (x != x ? x : y);
}
GPU_FN Normal<float> g_normal(float x) {
  const float a = fabs(x) < 14.5f ? fabs(x) : 14.5f, q = a / (a + 3.0f),
              bell = g_exp(-0.5f * (a * a));
  const float r =
      0.5f +
      q * (-1.1968265f +
           q * (1.0531504f +
                q * (-0.2869186f +
                     q * (-0.15903541f +
                          q * (0.063044414f +
                               q * (0.007642624f +
                                    q * (0.08554966f + q * (-0.09408112f + q * 0.02748008f))))))));
  const float tail = bell * r;
  return Normal<float>{x != x ? x : (x > 0 ? 1.0f - tail : tail), bell};
}

}   // namespace glass
