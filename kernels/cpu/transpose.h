// A square of kLanes x kLanes floats, transposed in registers: row i of the result holds lane i of
// every row. Packing meets matrices whose contiguous axis is the wrong one; this is how it turns
// them.
#pragma once
#include "kernels/cpu/simd.h"

namespace glass::GLASS_ISA {

// clang-format off
#if defined(GLASS_ISA_avx512)

GLASS_SIMD void transpose(Vec (&rows)[kLanes]) {
  __m512 t[16];
  // Pairs, then fours, inside each quarter of a register ...
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    const __m512 a = _mm512_unpacklo_ps(rows[i].v, rows[i + 1].v);
    const __m512 b = _mm512_unpackhi_ps(rows[i].v, rows[i + 1].v);
    const __m512 c = _mm512_unpacklo_ps(rows[i + 2].v, rows[i + 3].v);
    const __m512 d = _mm512_unpackhi_ps(rows[i + 2].v, rows[i + 3].v);
    t[i] = _mm512_shuffle_ps(a, c, 0x44), t[i + 1] = _mm512_shuffle_ps(a, c, 0xEE);
    t[i + 2] = _mm512_shuffle_ps(b, d, 0x44), t[i + 3] = _mm512_shuffle_ps(b, d, 0xEE);
  }
  // ... then a 4 x 4 transpose of quarters: quarter q of t[4 g + j] is rows 4 g ... of column 4 q + j.
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512 even01 = _mm512_shuffle_f32x4(t[j], t[j + 4], 0x88);
    const __m512 odd01 = _mm512_shuffle_f32x4(t[j], t[j + 4], 0xDD);
    const __m512 even23 = _mm512_shuffle_f32x4(t[j + 8], t[j + 12], 0x88);
    const __m512 odd23 = _mm512_shuffle_f32x4(t[j + 8], t[j + 12], 0xDD);
    rows[j].v = _mm512_shuffle_f32x4(even01, even23, 0x88);
    rows[j + 4].v = _mm512_shuffle_f32x4(odd01, odd23, 0x88);
    rows[j + 8].v = _mm512_shuffle_f32x4(even01, even23, 0xDD);
    rows[j + 12].v = _mm512_shuffle_f32x4(odd01, odd23, 0xDD);
  }
}

#elif defined(GLASS_ISA_avx2)

GLASS_SIMD void transpose(Vec (&rows)[kLanes]) {
  __m256 t[8];
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    const __m256 a = _mm256_unpacklo_ps(rows[i].v, rows[i + 1].v);
    const __m256 b = _mm256_unpackhi_ps(rows[i].v, rows[i + 1].v);
    const __m256 c = _mm256_unpacklo_ps(rows[i + 2].v, rows[i + 3].v);
    const __m256 d = _mm256_unpackhi_ps(rows[i + 2].v, rows[i + 3].v);
    t[i] = _mm256_shuffle_ps(a, c, 0x44), t[i + 1] = _mm256_shuffle_ps(a, c, 0xEE);
    t[i + 2] = _mm256_shuffle_ps(b, d, 0x44), t[i + 3] = _mm256_shuffle_ps(b, d, 0xEE);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    rows[j].v = _mm256_permute2f128_ps(t[j], t[j + 4], 0x20);
    rows[j + 4].v = _mm256_permute2f128_ps(t[j], t[j + 4], 0x31);
  }
}

#elif defined(GLASS_ISA_neon)

GLASS_SIMD void transpose(Vec (&rows)[kLanes]) {
  const float32x4_t a = vzip1q_f32(rows[0].v, rows[2].v), b = vzip2q_f32(rows[0].v, rows[2].v);
  const float32x4_t c = vzip1q_f32(rows[1].v, rows[3].v), d = vzip2q_f32(rows[1].v, rows[3].v);
  rows[0] = {vzip1q_f32(a, c)}, rows[1] = {vzip2q_f32(a, c)};
  rows[2] = {vzip1q_f32(b, d)}, rows[3] = {vzip2q_f32(b, d)};
}

#else

GLASS_SIMD void transpose(Vec (&)[kLanes]) {}   // one lane: a square of one

#endif
// clang-format on

}   // namespace glass::GLASS_ISA
