// Eight lanes: AVX2 and FMA (x86 since 2013).
#pragma once
#include <immintrin.h>

#include "kernels/cpu/simd.h"

namespace glass::GLASS_ISA {

constexpr int kLanes = 8;
struct Vec {
  __m256 v;
  Vec() = default;
  [[gnu::always_inline]] Vec(__m256 x) : v(x) {}
  // A constant of kernels/formulas.h.
  [[gnu::always_inline]] explicit Vec(double c) : v(_mm256_set1_ps(static_cast<float>(c))) {}
};
struct IVec {
  __m256i v;
};
struct Mask {
  __m256 v;
};

GLASS_SIMD Vec splat(float x) { return {_mm256_set1_ps(x)}; }
GLASS_SIMD IVec isplat(std::uint32_t x) { return {_mm256_set1_epi32(static_cast<int>(x))}; }
GLASS_SIMD IVec iota() { return {_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)}; }
GLASS_SIMD Mask first(int n) {
  return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(n), iota().v))};
}

GLASS_SIMD Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
GLASS_SIMD void store(float* p, Vec a) { _mm256_storeu_ps(p, a.v); }
GLASS_SIMD Vec load_first(const float* p, int n) {
  return {_mm256_maskload_ps(p, _mm256_castps_si256(first(n).v))};
}
// In steps, not by vmaskmovps: as a store that takes AMD's processors dozens of cycles.
GLASS_SIMD void store_first(float* p, Vec a, int n) {
  if (n >= 8) return store(p, a);
  __m128 rest = _mm256_castps256_ps128(a.v);
  if (n & 4) _mm_storeu_ps(p, rest), p += 4, rest = _mm256_extractf128_ps(a.v, 1);
  if (n & 2)
    _mm_storel_pi(reinterpret_cast<__m64*>(p), rest), p += 2, rest = _mm_movehl_ps(rest, rest);
  if (n & 1) _mm_store_ss(p, rest);
}
GLASS_SIMD Vec widened(__m128i half) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16))};
}
// Half of the last digit is added, or a hair less where the digit above is even; the upper half of
// a NaN gets a bit that keeps it one.
GLASS_SIMD __m128i narrowed(__m256 v) {
  const __m256i x = _mm256_castps_si256(v), upper = _mm256_srli_epi32(x, 16);
  const __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
  const __m256i up = _mm256_add_epi32(x, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
  const __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
  const __m256i half = _mm256_blendv_epi8(_mm256_srli_epi32(up, 16), quiet, nan);
  return _mm_packus_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}
GLASS_SIMD Vec load_bf16(const std::uint16_t* p) {
  return widened(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
GLASS_SIMD void store_bf16(std::uint16_t* p, Vec a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), narrowed(a.v));
}
GLASS_SIMD Vec load_bf16_first(const std::uint16_t* p, int n) {
  if (n >= 8) return load_bf16(p);
  std::uint64_t low = 0, high = 0;   // four numbers each, from the tail's end to its beginning
  for (int i = n - 1; i >= 4; --i) high = high << 16 | p[i];
  for (int i = (n < 4 ? n : 4) - 1; i >= 0; --i) low = low << 16 | p[i];
  return widened(_mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low)));
}
GLASS_SIMD void store_bf16_first(std::uint16_t* p, Vec a, int n) {
  if (n >= 8) return store_bf16(p, a);
  const __m128i half = narrowed(a.v);
  std::uint64_t left = static_cast<std::uint64_t>(_mm_cvtsi128_si64(half));
  for (int i = 0; i < n; ++i, left >>= 16) {
    if (i == 4) left = static_cast<std::uint64_t>(_mm_extract_epi64(half, 1));
    p[i] = static_cast<std::uint16_t>(left);
  }
}
GLASS_SIMD IVec iload(const std::uint32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
}
GLASS_SIMD void istore(std::uint32_t* p, IVec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.v);
}

GLASS_SIMD IVec bits(Vec a) { return {_mm256_castps_si256(a.v)}; }
GLASS_SIMD Vec as_float(IVec a) { return {_mm256_castsi256_ps(a.v)}; }

GLASS_SIMD Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
GLASS_SIMD Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
GLASS_SIMD Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
GLASS_SIMD Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
GLASS_SIMD Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
GLASS_SIMD Vec sqrt(Vec a) { return {_mm256_sqrt_ps(a.v)}; }
GLASS_SIMD Vec max_fast(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
GLASS_SIMD Vec min_fast(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
GLASS_SIMD Vec round(Vec a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

GLASS_SIMD Mask operator<(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
GLASS_SIMD Mask operator<=(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)}; }
GLASS_SIMD Mask operator==(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
GLASS_SIMD Mask operator!=(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_NEQ_UQ)}; }
GLASS_SIMD Mask operator&(Mask a, Mask b) { return {_mm256_and_ps(a.v, b.v)}; }
GLASS_SIMD Mask operator|(Mask a, Mask b) { return {_mm256_or_ps(a.v, b.v)}; }
GLASS_SIMD bool any(Mask m) { return _mm256_movemask_ps(m.v) != 0; }
GLASS_SIMD Vec select(Mask m, Vec yes, Vec no) { return {_mm256_blendv_ps(no.v, yes.v, m.v)}; }

GLASS_SIMD IVec operator+(IVec a, IVec b) { return {_mm256_add_epi32(a.v, b.v)}; }
GLASS_SIMD IVec operator-(IVec a, IVec b) { return {_mm256_sub_epi32(a.v, b.v)}; }
GLASS_SIMD IVec operator&(IVec a, IVec b) { return {_mm256_and_si256(a.v, b.v)}; }
GLASS_SIMD IVec operator|(IVec a, IVec b) { return {_mm256_or_si256(a.v, b.v)}; }
GLASS_SIMD IVec operator^(IVec a, IVec b) { return {_mm256_xor_si256(a.v, b.v)}; }
template <int k>
GLASS_SIMD IVec shift_left(IVec a) {
  return {_mm256_slli_epi32(a.v, k)};
}
template <int k>
GLASS_SIMD IVec shift_right(IVec a) {
  return {_mm256_srli_epi32(a.v, k)};
}
GLASS_SIMD IVec dot_pairs(IVec a, IVec b) { return {_mm256_madd_epi16(a.v, b.v)}; }
GLASS_SIMD Mask equal(IVec a, IVec b) {
  return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(a.v, b.v))};
}
GLASS_SIMD Mask at_least(IVec a, IVec b) { return equal({_mm256_max_epu32(a.v, b.v)}, a); }
GLASS_SIMD IVec to_int(Vec a) { return {_mm256_cvttps_epi32(a.v)}; }
GLASS_SIMD Vec to_float(IVec a) { return {_mm256_cvtepi32_ps(a.v)}; }
GLASS_SIMD void multiply_wide(IVec a, IVec b, IVec& high, IVec& low) {
  const __m256i even = _mm256_mul_epu32(a.v, b.v);
  const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(a.v, 32), _mm256_srli_epi64(b.v, 32));
  high = {_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0b10101010)};
  low = {_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0b10101010)};
}
GLASS_SIMD void store_interleaved(std::uint32_t* p, IVec a, IVec b, IVec c, IVec d) {
  const __m256i ab_low = _mm256_unpacklo_epi32(a.v, b.v), ab_high = _mm256_unpackhi_epi32(a.v, b.v);
  const __m256i cd_low = _mm256_unpacklo_epi32(c.v, d.v), cd_high = _mm256_unpackhi_epi32(c.v, d.v);
  // Each of these holds one group of four in its lower half (0..3) and one in its upper half
  // (4..7).
  const __m256i group0 = _mm256_unpacklo_epi64(ab_low, cd_low),
                group1 = _mm256_unpackhi_epi64(ab_low, cd_low);
  const __m256i group2 = _mm256_unpacklo_epi64(ab_high, cd_high),
                group3 = _mm256_unpackhi_epi64(ab_high, cd_high);
  istore(p, {_mm256_permute2x128_si256(group0, group1, 0x20)});
  istore(p + 8, {_mm256_permute2x128_si256(group2, group3, 0x20)});
  istore(p + 16, {_mm256_permute2x128_si256(group0, group1, 0x31)});
  istore(p + 24, {_mm256_permute2x128_si256(group2, group3, 0x31)});
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
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
GLASS_SIMD float first_lane(Vec a) { return _mm256_cvtss_f32(a.v); }
GLASS_SIMD float max_of(Vec a) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

}   // namespace glass::GLASS_ISA
