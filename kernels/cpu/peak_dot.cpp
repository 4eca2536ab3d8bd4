// Only the functions that ask for an instruction may contain it: the rest of this file runs on
// every x86-64, and is empty elsewhere.
#include "kernels/cpu/peak_dot.h"

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif

namespace glass {

#if defined(__x86_64__)
namespace {

constexpr int kChains = 12;   // none waits for another: see fma_burst in isa/peak.cpp

// Every instruction is 32 multiply-adds. The numbers are small, so that no sum grows beyond f32.
[[gnu::target("avx512f,avx512bw,avx512vl,avx512bf16")]] double bf16_burst(std::int64_t rounds,
                                                                          float* sink) {
  const __m512 small = _mm512_set1_ps(1e-3f);
  const __m512bh a = _mm512_cvtne2ps_pbh(small, small);
  __m512 x[kChains];
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) x[i] = _mm512_set1_ps(static_cast<float>(i) + *sink);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) x[i] = _mm512_dpbf16_ps(x[i], a, a);
  }
  __m512 all = _mm512_setzero_ps();
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) all = _mm512_add_ps(all, x[i]);
  *sink = _mm512_cvtss_f32(all) * 1e-6f;
  return 2.0 * kChains * 32 * static_cast<double>(rounds);
}

// Every instruction is 64 multiply-adds of an unsigned and a signed byte.
[[gnu::target("avx512f,avx512bw,avx512vl,avx512vnni")]] double int8_burst(std::int64_t rounds,
                                                                          float* sink) {
  const __m512i a = _mm512_set1_epi8(static_cast<char>(*sink > 0 ? 1 : 2));
  __m512i x[kChains];
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) x[i] = _mm512_set1_epi32(i);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) x[i] = _mm512_dpbusd_epi32(x[i], a, a);
  }
  __m512i all = _mm512_setzero_si512();
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) all = _mm512_add_epi32(all, x[i]);
  *sink = static_cast<float>(_mm_cvtsi128_si32(_mm512_castsi512_si128(all)) & 1);
  return 2.0 * kChains * 64 * static_cast<double>(rounds);
}

}   // namespace

DotBurst dot_burst(ShortDot kind) {
  const bool wide = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  if (kind == ShortDot::bf16)
    return wide && __builtin_cpu_supports("avx512bf16") ? bf16_burst : nullptr;
  return wide && __builtin_cpu_supports("avx512vnni") ? int8_burst : nullptr;
}
#else
DotBurst dot_burst(ShortDot) { return nullptr; }
#endif

}   // namespace glass
