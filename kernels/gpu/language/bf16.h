// bfloat16, the upper half of a float: rounded to the nearest, ties to even; NaN stays NaN.
// An enumeration and not a struct: a type of its own that every compiler moves between memories as
// a number.
#pragma once

namespace glass {
namespace gpu {

enum class bf16 : ushort {};

GPU_FN float to_float(bf16 x) { return as_float(uint(x) << 16); }
#ifdef __CUDACC__
GPU_FN bf16 to_bf16(float x) {
  ushort r;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r) : "f"(x));
  return bf16(r);
}
GPU_FN uint bf16_pair(float low, float high) {
  uint r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}
#else
GPU_FN bf16 to_bf16(float x) {
  const uint u = as_uint(x);
  const uint rounded =
      (u & 0x7fffffffu) > 0x7f800000u ? u | 0x400000u : u + 0x7fffu + ((u >> 16) & 1u);
  return bf16(ushort(rounded >> 16));
}
GPU_FN uint bf16_pair(float low, float high) {
  return uint(to_bf16(low)) | uint(to_bf16(high)) << 16;
}
#endif

}   // namespace gpu
}   // namespace glass
