// Sixteen lanes: AVX-512 (F, DQ, BW, VL). Masks have registers of their own: a tail costs nothing.
#pragma once
// g++ 12 spells "any value will do" as `__Y = __Y` in this header, and then warns about it.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include "kernels/cpu/simd.h"

namespace glass::GLASS_ISA {

constexpr int kLanes = 16;
struct Vec {
  __m512 v;
  Vec() = default;
  [[gnu::always_inline]] Vec(__m512 x) : v(x) {}
  // A constant of kernels/formulas.h.
  [[gnu::always_inline]] explicit Vec(double c) : v(_mm512_set1_ps(static_cast<float>(c))) {}
};
struct IVec {
  __m512i v;
};
struct Mask {
  __mmask16 v;
};

GLASS_SIMD Vec splat(float x) { return {_mm512_set1_ps(x)}; }
GLASS_SIMD IVec isplat(std::uint32_t x) { return {_mm512_set1_epi32(static_cast<int>(x))}; }
GLASS_SIMD IVec iota() {
  return {_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)};
}
GLASS_SIMD Mask first(int n) { return {static_cast<__mmask16>((1u << n) - 1u)}; }

GLASS_SIMD Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
GLASS_SIMD void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
GLASS_SIMD Vec load_first(const float* p, int n) { return {_mm512_maskz_loadu_ps(first(n).v, p)}; }
GLASS_SIMD void store_first(float* p, Vec a, int n) { _mm512_mask_storeu_ps(p, first(n).v, a.v); }
GLASS_SIMD __m512 widened(__m256i half) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
// Half of the last digit is added, or a hair less where the digit above is even; the upper half of
// a NaN gets a bit that keeps it one. (The instruction for this, vcvtneps2bf16, makes subnormals 0.)
GLASS_SIMD __m256i narrowed(__m512 v) {
  const __m512i x = _mm512_castps_si512(v), upper = _mm512_srli_epi32(x, 16);
  const __m512i odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
  const __m512i up = _mm512_add_epi32(x, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
  const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  const __m512i near = _mm512_srli_epi32(up, 16);
  return _mm512_cvtepi32_epi16(_mm512_mask_or_epi32(near, nan, upper, _mm512_set1_epi32(0x40)));
}
GLASS_SIMD Vec load_bf16(const std::uint16_t* p) {
  return {widened(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
GLASS_SIMD void store_bf16(std::uint16_t* p, Vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrowed(a.v));
}
GLASS_SIMD Vec load_bf16_first(const std::uint16_t* p, int n) {
  return {widened(_mm256_maskz_loadu_epi16(first(n).v, p))};
}
GLASS_SIMD void store_bf16_first(std::uint16_t* p, Vec a, int n) {
  _mm256_mask_storeu_epi16(p, first(n).v, narrowed(a.v));
}
GLASS_SIMD IVec iload(const std::uint32_t* p) { return {_mm512_loadu_si512(p)}; }
GLASS_SIMD void istore(std::uint32_t* p, IVec a) { _mm512_storeu_si512(p, a.v); }

GLASS_SIMD IVec bits(Vec a) { return {_mm512_castps_si512(a.v)}; }
GLASS_SIMD Vec as_float(IVec a) { return {_mm512_castsi512_ps(a.v)}; }

GLASS_SIMD Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
GLASS_SIMD Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
GLASS_SIMD Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
GLASS_SIMD Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
GLASS_SIMD Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
GLASS_SIMD Vec sqrt(Vec a) { return {_mm512_sqrt_ps(a.v)}; }
GLASS_SIMD Vec max_fast(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
GLASS_SIMD Vec min_fast(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
GLASS_SIMD Vec round(Vec a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

GLASS_SIMD Mask operator<(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
GLASS_SIMD Mask operator<=(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
GLASS_SIMD Mask operator==(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
GLASS_SIMD Mask operator!=(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_NEQ_UQ)}; }
GLASS_SIMD Mask operator&(Mask a, Mask b) { return {static_cast<__mmask16>(a.v & b.v)}; }
GLASS_SIMD Mask operator|(Mask a, Mask b) { return {static_cast<__mmask16>(a.v | b.v)}; }
GLASS_SIMD bool any(Mask m) { return m.v != 0; }
GLASS_SIMD Vec select(Mask m, Vec yes, Vec no) { return {_mm512_mask_blend_ps(m.v, no.v, yes.v)}; }

GLASS_SIMD IVec operator+(IVec a, IVec b) { return {_mm512_add_epi32(a.v, b.v)}; }
GLASS_SIMD IVec operator-(IVec a, IVec b) { return {_mm512_sub_epi32(a.v, b.v)}; }
GLASS_SIMD IVec operator&(IVec a, IVec b) { return {_mm512_and_si512(a.v, b.v)}; }
GLASS_SIMD IVec operator|(IVec a, IVec b) { return {_mm512_or_si512(a.v, b.v)}; }
GLASS_SIMD IVec operator^(IVec a, IVec b) { return {_mm512_xor_si512(a.v, b.v)}; }
template <int k>
GLASS_SIMD IVec shift_left(IVec a) {
  return {_mm512_slli_epi32(a.v, k)};
}
template <int k>
GLASS_SIMD IVec shift_right(IVec a) {
  return {_mm512_srli_epi32(a.v, k)};
}
GLASS_SIMD IVec dot_pairs(IVec a, IVec b) { return {_mm512_madd_epi16(a.v, b.v)}; }
GLASS_SIMD Mask equal(IVec a, IVec b) { return {_mm512_cmpeq_epi32_mask(a.v, b.v)}; }
GLASS_SIMD Mask at_least(IVec a, IVec b) { return {_mm512_cmpge_epu32_mask(a.v, b.v)}; }
GLASS_SIMD IVec to_int(Vec a) { return {_mm512_cvttps_epi32(a.v)}; }
GLASS_SIMD Vec to_float(IVec a) { return {_mm512_cvtepi32_ps(a.v)}; }
GLASS_SIMD void multiply_wide(IVec a, IVec b, IVec& high, IVec& low) {
  const __m512i even = _mm512_mul_epu32(a.v, b.v);
  const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(a.v, 32), _mm512_srli_epi64(b.v, 32));
  high = {_mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd)};
  low = {_mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32))};
}
GLASS_SIMD void store_interleaved(std::uint32_t* p, IVec a, IVec b, IVec c, IVec d) {
  const __m512i ab_low = _mm512_unpacklo_epi32(a.v, b.v), ab_high = _mm512_unpackhi_epi32(a.v, b.v);
  const __m512i cd_low = _mm512_unpacklo_epi32(c.v, d.v), cd_high = _mm512_unpackhi_epi32(c.v, d.v);
  // Quarter q of group g holds the four numbers of lane 4 q + g; what is left is a 4 x 4 transpose
  // of quarters.
  const __m512i group0 = _mm512_unpacklo_epi64(ab_low, cd_low),
                group1 = _mm512_unpackhi_epi64(ab_low, cd_low);
  const __m512i group2 = _mm512_unpacklo_epi64(ab_high, cd_high),
                group3 = _mm512_unpackhi_epi64(ab_high, cd_high);
  const __m512i even01 = _mm512_shuffle_i32x4(group0, group1, 0x88),
                odd01 = _mm512_shuffle_i32x4(group0, group1, 0xDD);
  const __m512i even23 = _mm512_shuffle_i32x4(group2, group3, 0x88),
                odd23 = _mm512_shuffle_i32x4(group2, group3, 0xDD);
  istore(p, {_mm512_shuffle_i32x4(even01, even23, 0x88)});
  istore(p + 16, {_mm512_shuffle_i32x4(odd01, odd23, 0x88)});
  istore(p + 32, {_mm512_shuffle_i32x4(even01, even23, 0xDD)});
  istore(p + 48, {_mm512_shuffle_i32x4(odd01, odd23, 0xDD)});
}

// p 2^n for an integer n, rounded once.
GLASS_SIMD Vec times_power_of_two(Vec p, Vec n) { return {_mm512_scalef_ps(p.v, n.v)}; }

GLASS_SIMD float sum(Vec a) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
GLASS_SIMD float first_lane(Vec a) { return _mm512_cvtss_f32(a.v); }
GLASS_SIMD float max_of(Vec a) {
  const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

}   // namespace glass::GLASS_ISA
