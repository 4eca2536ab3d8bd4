// The SIMD vocabulary: every kernel of kernels/cpu is written once over these words and compiled
// once per instruction set, each time inside a namespace of its own (GLASS_ISA).
//
// One idea to hold: whatever a file in kernels/cpu/isa uses must live in that namespace, be static,
// or always be inlined. An inline function that two instruction sets share exists twice under one
// name; the linker keeps one copy, perhaps the one this machine cannot run. So: no standard library
// here, and functions carry GLASS_SIMD.
//
// clang-format off
//   Vec, IVec, Mask       kLanes floats; kLanes 32-bit integers; a truth value a lane
//   load, store           kLanes floats at any address
//   load_first(p, n)      the first n floats, 0 in the other lanes; 0 <= n <= kLanes
//   store_first(p, v, n)  the same, writing; neither touches a byte beyond
//   load_bf16, store_bf16, load_bf16_first, store_bf16_first
//                         the same for bf16, the upper half of a float: widened, and rounded to the
//                         nearest, ties to even, NaN stays NaN
//   splat(x)              x in every lane
//   + - * / -x            lane by lane, as < <= > >= == != are; select(mask, yes, no)
//   fma(a, b, c)          a b + c, rounded once where the machine can
//   min, max              a NaN in either operand gives NaN
//   min_fast, max_fast    a < b ? a : b and a > b ? a : b: one instruction, a NaN in a gets lost
//   sum, max_of           over the lanes, in a fixed order: a tree that halves
//   first_lane            the float in lane 0
//   dot_pairs(a, b)       of the signed 16-bit halves of each lane: low low + high high
//   bits, as_float        the same 32 bits, seen as the other type
// clang-format on
#pragma once
#include <cstddef>
#include <cstdint>

#if !defined(GLASS_ISA)
#error "GLASS_ISA must be scalar, avx2, avx512 or neon: kernels/CMakeLists.txt sets it"
#endif

#define GLASS_SIMD [[gnu::always_inline]] static inline

#if defined(GLASS_ISA_avx512)
#include "kernels/cpu/simd_avx512.h"
#elif defined(GLASS_ISA_avx2)
#include "kernels/cpu/simd_avx2.h"
#elif defined(GLASS_ISA_neon)
#include "kernels/cpu/simd_neon.h"
#else
#include "kernels/cpu/simd_scalar.h"
#endif

// What follows from the words above, the same for every instruction set.
namespace glass::GLASS_ISA {

GLASS_SIMD Vec zero() { return splat(0.0f); }
GLASS_SIMD Vec& operator+=(Vec& a, Vec b) { return a = a + b; }
GLASS_SIMD Vec& operator-=(Vec& a, Vec b) { return a = a - b; }
GLASS_SIMD Vec& operator*=(Vec& a, Vec b) { return a = a * b; }
GLASS_SIMD Mask operator>(Vec a, Vec b) { return b < a; }
GLASS_SIMD Mask operator>=(Vec a, Vec b) { return b <= a; }
GLASS_SIMD Mask is_nan(Vec a) { return a != a; }
GLASS_SIMD Vec max(Vec a, Vec b) { return select(is_nan(a), a, max_fast(a, b)); }
GLASS_SIMD Vec min(Vec a, Vec b) { return select(is_nan(a), a, min_fast(a, b)); }
GLASS_SIMD Vec operator-(Vec a) { return as_float(bits(a) ^ isplat(0x80000000u)); }
GLASS_SIMD Vec abs(Vec a) { return as_float(bits(a) & isplat(0x7FFFFFFFu)); }
GLASS_SIMD Vec copysign(Vec magnitude, Vec sign) {
  return as_float((bits(magnitude) & isplat(0x7FFFFFFFu)) | (bits(sign) & isplat(0x80000000u)));
}

// The same words by the type of the pointer, for templates over how numbers are stored.
GLASS_SIMD Vec load(const std::uint16_t* p) { return load_bf16(p); }
GLASS_SIMD Vec load_first(const std::uint16_t* p, int n) { return load_bf16_first(p, n); }
GLASS_SIMD void store(std::uint16_t* p, Vec v) { store_bf16(p, v); }
GLASS_SIMD void store_first(std::uint16_t* p, Vec v, int n) { store_bf16_first(p, v, n); }
// One number, whichever way it is stored.
GLASS_SIMD float widen(float x) { return x; }
GLASS_SIMD float widen(std::uint16_t x) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(x) << 16);
}
GLASS_SIMD void put(float* p, float x) { *p = x; }
GLASS_SIMD void put(std::uint16_t* p, float x) { store_bf16_first(p, splat(x), 1); }

// The kLanes numbers at p, p + stride, p + 2 stride, ...
template <class Number>
GLASS_SIMD Vec load_strided(const Number* p, std::int64_t stride) {
  float lane[kLanes];
  for (int i = 0; i < kLanes; ++i) lane[i] = widen(p[i * stride]);
  return load(lane);
}
template <class Number>
GLASS_SIMD Vec load_strided_first(const Number* p, std::int64_t stride, int n) {
  float lane[kLanes] = {};
  for (int i = 0; i < n; ++i) lane[i] = widen(p[i * stride]);
  return load(lane);
}
template <class Number>
GLASS_SIMD void store_strided_first(Number* p, std::int64_t stride, Vec v, int n) {
  float lane[kLanes];
  store(lane, v);
  for (int i = 0; i < n; ++i) put(p + i * stride, lane[i]);
}

}   // namespace glass::GLASS_ISA
