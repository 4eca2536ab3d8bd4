// Four lanes: NEON on 64-bit ARM, where every machine has it.
#pragma once
#include <arm_neon.h>

#include "kernels/cpu/simd.h"

namespace glass::GLASS_ISA {

constexpr int kLanes = 4;
struct Vec {
  float32x4_t v;
  Vec() = default;
  [[gnu::always_inline]] Vec(float32x4_t x) : v(x) {}
  // A constant of kernels/formulas.h.
  [[gnu::always_inline]] explicit Vec(double c) : v(vdupq_n_f32(static_cast<float>(c))) {}
};
struct IVec {
  uint32x4_t v;
};
struct Mask {
  uint32x4_t v;
};

GLASS_SIMD Vec splat(float x) { return {vdupq_n_f32(x)}; }
GLASS_SIMD IVec isplat(std::uint32_t x) { return {vdupq_n_u32(x)}; }
GLASS_SIMD IVec iota() {
  const std::uint32_t lane[4] = {0, 1, 2, 3};
  return {vld1q_u32(lane)};
}
GLASS_SIMD Mask first(int n) {
  return {vcltq_u32(iota().v, vdupq_n_u32(static_cast<std::uint32_t>(n)))};
}

GLASS_SIMD Vec load(const float* p) { return {vld1q_f32(p)}; }
GLASS_SIMD void store(float* p, Vec a) { vst1q_f32(p, a.v); }
// NEON has no masked load; a tail of up to three goes lane by lane.
GLASS_SIMD Vec load_first(const float* p, int n) {
  float32x4_t v = vdupq_n_f32(0);
  if (n > 3) return load(p);
  if (n > 0) v = vld1q_lane_f32(p, v, 0);
  if (n > 1) v = vld1q_lane_f32(p + 1, v, 1);
  if (n > 2) v = vld1q_lane_f32(p + 2, v, 2);
  return {v};
}
GLASS_SIMD void store_first(float* p, Vec a, int n) {
  if (n > 3) return store(p, a);
  if (n > 0) vst1q_lane_f32(p, a.v, 0);
  if (n > 1) vst1q_lane_f32(p + 1, a.v, 1);
  if (n > 2) vst1q_lane_f32(p + 2, a.v, 2);
}
GLASS_SIMD Vec widened(uint16x4_t half) {
  return {vreinterpretq_f32_u32(vshlq_n_u32(vmovl_u16(half), 16))};
}
// Half of the last digit is added, or a hair less where the digit above is even; the upper half of
// a NaN gets a bit that keeps it one.
GLASS_SIMD uint16x4_t narrowed(float32x4_t v) {
  const uint32x4_t x = vreinterpretq_u32_f32(v), upper = vshrq_n_u32(x, 16);
  const uint32x4_t odd = vandq_u32(upper, vdupq_n_u32(1));
  const uint32x4_t up = vaddq_u32(x, vaddq_u32(odd, vdupq_n_u32(0x7FFF)));
  const uint32x4_t number = vceqq_f32(v, v);
  return vmovn_u32(
      vbslq_u32(number, vshrq_n_u32(up, 16), vorrq_u32(upper, vdupq_n_u32(0x40))));
}
GLASS_SIMD Vec load_bf16(const std::uint16_t* p) { return widened(vld1_u16(p)); }
GLASS_SIMD void store_bf16(std::uint16_t* p, Vec a) { vst1_u16(p, narrowed(a.v)); }
GLASS_SIMD Vec load_bf16_first(const std::uint16_t* p, int n) {
  uint16x4_t v = vdup_n_u16(0);
  if (n > 3) return load_bf16(p);
  if (n > 0) v = vld1_lane_u16(p, v, 0);
  if (n > 1) v = vld1_lane_u16(p + 1, v, 1);
  if (n > 2) v = vld1_lane_u16(p + 2, v, 2);
  return widened(v);
}
GLASS_SIMD void store_bf16_first(std::uint16_t* p, Vec a, int n) {
  if (n > 3) return store_bf16(p, a);
  const uint16x4_t v = narrowed(a.v);
  if (n > 0) vst1_lane_u16(p, v, 0);
  if (n > 1) vst1_lane_u16(p + 1, v, 1);
  if (n > 2) vst1_lane_u16(p + 2, v, 2);
}
GLASS_SIMD IVec iload(const std::uint32_t* p) { return {vld1q_u32(p)}; }
GLASS_SIMD void istore(std::uint32_t* p, IVec a) { vst1q_u32(p, a.v); }

GLASS_SIMD IVec bits(Vec a) { return {vreinterpretq_u32_f32(a.v)}; }
GLASS_SIMD Vec as_float(IVec a) { return {vreinterpretq_f32_u32(a.v)}; }

GLASS_SIMD Vec operator+(Vec a, Vec b) { return {vaddq_f32(a.v, b.v)}; }
GLASS_SIMD Vec operator-(Vec a, Vec b) { return {vsubq_f32(a.v, b.v)}; }
GLASS_SIMD Vec operator*(Vec a, Vec b) { return {vmulq_f32(a.v, b.v)}; }
GLASS_SIMD Vec operator/(Vec a, Vec b) { return {vdivq_f32(a.v, b.v)}; }
GLASS_SIMD Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
GLASS_SIMD Vec sqrt(Vec a) { return {vsqrtq_f32(a.v)}; }
GLASS_SIMD Vec max_fast(Vec a, Vec b) { return {vbslq_f32(vcgtq_f32(a.v, b.v), a.v, b.v)}; }
GLASS_SIMD Vec min_fast(Vec a, Vec b) { return {vbslq_f32(vcltq_f32(a.v, b.v), a.v, b.v)}; }
GLASS_SIMD Vec round(Vec a) { return {vrndnq_f32(a.v)}; }

GLASS_SIMD Mask operator<(Vec a, Vec b) { return {vcltq_f32(a.v, b.v)}; }
GLASS_SIMD Mask operator<=(Vec a, Vec b) { return {vcleq_f32(a.v, b.v)}; }
GLASS_SIMD Mask operator==(Vec a, Vec b) { return {vceqq_f32(a.v, b.v)}; }
GLASS_SIMD Mask operator!=(Vec a, Vec b) { return {vmvnq_u32(vceqq_f32(a.v, b.v))}; }
GLASS_SIMD Mask operator&(Mask a, Mask b) { return {vandq_u32(a.v, b.v)}; }
GLASS_SIMD Mask operator|(Mask a, Mask b) { return {vorrq_u32(a.v, b.v)}; }
GLASS_SIMD bool any(Mask m) { return vmaxvq_u32(m.v) != 0; }
GLASS_SIMD Vec select(Mask m, Vec yes, Vec no) { return {vbslq_f32(m.v, yes.v, no.v)}; }

GLASS_SIMD IVec operator+(IVec a, IVec b) { return {vaddq_u32(a.v, b.v)}; }
GLASS_SIMD IVec operator-(IVec a, IVec b) { return {vsubq_u32(a.v, b.v)}; }
GLASS_SIMD IVec operator&(IVec a, IVec b) { return {vandq_u32(a.v, b.v)}; }
GLASS_SIMD IVec operator|(IVec a, IVec b) { return {vorrq_u32(a.v, b.v)}; }
GLASS_SIMD IVec operator^(IVec a, IVec b) { return {veorq_u32(a.v, b.v)}; }
template <int k>
GLASS_SIMD IVec shift_left(IVec a) {
  return {vshlq_n_u32(a.v, k)};
}
template <int k>
GLASS_SIMD IVec shift_right(IVec a) {
  return {vshrq_n_u32(a.v, k)};
}
GLASS_SIMD IVec dot_pairs(IVec a, IVec b) {
  const int16x8_t x = vreinterpretq_s16_u32(a.v), y = vreinterpretq_s16_u32(b.v);
  return {vreinterpretq_u32_s32(
      vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y)))};
}
GLASS_SIMD Mask equal(IVec a, IVec b) { return {vceqq_u32(a.v, b.v)}; }
GLASS_SIMD Mask at_least(IVec a, IVec b) { return {vcgeq_u32(a.v, b.v)}; }
GLASS_SIMD IVec to_int(Vec a) { return {vreinterpretq_u32_s32(vcvtq_s32_f32(a.v))}; }
GLASS_SIMD Vec to_float(IVec a) { return {vcvtq_f32_s32(vreinterpretq_s32_u32(a.v))}; }
GLASS_SIMD void multiply_wide(IVec a, IVec b, IVec& high, IVec& low) {
  const uint32x4_t lower = vreinterpretq_u32_u64(vmull_u32(vget_low_u32(a.v), vget_low_u32(b.v)));
  const uint32x4_t upper = vreinterpretq_u32_u64(vmull_high_u32(a.v, b.v));
  high = {vuzp2q_u32(lower, upper)};
  low = {vuzp1q_u32(lower, upper)};
}
GLASS_SIMD void store_interleaved(std::uint32_t* p, IVec a, IVec b, IVec c, IVec d) {
  vst4q_u32(p, uint32x4x4_t{{a.v, b.v, c.v, d.v}});
}

// p 2^n for an integer n in [-150, 128], rounded once also where the result is subnormal: two
// factors that are not.
GLASS_SIMD Vec times_power_of_two(Vec p, Vec n) {
  // An integer k + 127 beside 1.5 2^23 sits in the lowest bits of the sum: shifted to the exponent
  // it reads 2^k.
  const Vec beside = splat(12582912.0f + 127.0f);
  const Vec half = fma(n, splat(0.5f), beside), rest = n - (half - beside) + beside;
  return p * as_float(shift_left<23>(bits(half))) * as_float(shift_left<23>(bits(rest)));
}

GLASS_SIMD float sum(Vec a) {
  const float32x2_t two = vadd_f32(vget_low_f32(a.v), vget_high_f32(a.v));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
GLASS_SIMD float first_lane(Vec a) { return vgetq_lane_f32(a.v, 0); }
GLASS_SIMD float max_of(Vec a) { return vmaxvq_f32(a.v); }

}   // namespace glass::GLASS_ISA
