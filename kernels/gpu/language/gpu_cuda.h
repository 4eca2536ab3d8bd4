// The kernel language on NVIDIA GPUs, for nvcc and for NVRTC; no header of the toolkit is needed.
#pragma once

#define GLASS_GPU_LANGUAGE 1
#define GLOBAL
#define SHARED
#define LOCAL
#define CONSTANT const
#define GPU_FN static __device__ __forceinline__
#define GLASS_FN GPU_FN
#define UNROLL _Pragma("unroll")
#define KERNEL(name, Args, threads) \
  extern "C" __global__ void __launch_bounds__(threads) name(const __grid_constant__ Args p)
// Few enough registers for two groups at a time on one processor, where its memory holds their blocks.
#define KERNEL_WITH_BLOCKS(name, Args, threads, count) \
  extern "C" __global__ void __launch_bounds__(threads, 2) name(const __grid_constant__ Args p)
#define SHARED_ARRAY(type, name, dims) __shared__ __align__(16) type name dims
// More than a kernel may have by itself: the launch brings it (Kernel::block_bytes).
#define SHARED_BLOCKS(name, count)                             \
  extern __shared__ __align__(1024) unsigned char name##_bytes[]; \
  bf16* const name = (bf16*)name##_bytes

namespace glass {
namespace gpu {

typedef unsigned int uint;
typedef unsigned short ushort;
typedef unsigned long long ulong;

enum : uint { kStages = kNvidiaStages };

struct Thread {
  uint id, lane, warp, size;
  uint3 group;
};
#define this_thread() \
  Thread { threadIdx.x, threadIdx.x & 31, threadIdx.x >> 5, blockDim.x, blockIdx }

GPU_FN void barrier(Thread) { __syncthreads(); }
GPU_FN void warp_barrier(Thread) { __syncwarp(); }
GPU_FN float shuffle_xor(Thread, float v, uint mask) {
  return __shfl_xor_sync(0xffffffffu, v, mask);
}

GPU_FN uint warp_ballot(Thread, bool yes) { return __ballot_sync(0xffffffffu, yes); }
GPU_FN void atomic_largest(GLOBAL uint* x, uint v) { atomicMax(x, v); }

GPU_FN Four load_four(GLOBAL const float* from) {
  const float4 x = *(GLOBAL const float4*)from;
  return Four{{x.x, x.y, x.z, x.w}};
}
GPU_FN void store_four(GLOBAL float* to, Four x) {
  float4 all;
  all.x = x.v[0], all.y = x.v[1], all.z = x.v[2], all.w = x.v[3];
  *(GLOBAL float4*)to = all;
}

GPU_FN float as_float(uint bits) { return __uint_as_float(bits); }
GPU_FN uint as_uint(float x) { return __float_as_uint(x); }

}   // namespace gpu

// What kernels/formulas.h asks of a number type.
template <class T>
struct Normal {
  T below, bell;
};
GPU_FN float g_exp(float x) { return expf(x); }
GPU_FN float g_exp2(float x) { return exp2f(x); }
GPU_FN float g_log(float x) { return logf(x); }
GPU_FN float g_sqrt(float x) { return sqrtf(x); }
GPU_FN float g_rsqrt(float x) { return 1.0f / sqrtf(x); }
GPU_FN float g_sin(float x) { return sinf(x); }
GPU_FN float g_cos(float x) { return cosf(x); }
GPU_FN float g_tanh(float x) { return tanhf(x); }
GPU_FN float g_erf(float x) { return erff(x); }
GPU_FN float g_abs(float x) { return fabsf(x); }
GPU_FN Normal<float> g_normal(float x) {
  return Normal<float>{0.5f * erfcf(-0.70710678f * x), expf(-0.5f * (x * x))};
}
GPU_FN float g_max(float a, float b) { return a > b ? a : b; }
GPU_FN float g_min(float a, float b) { return a < b ? a : b; }
GPU_FN float g_select(bool yes, float a, float b) { return yes ? a : b; }
GPU_FN float g_fma(float a, float b, float c) { return fmaf(a, b, c); }

}   // namespace glass
