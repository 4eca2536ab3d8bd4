// The loops behind kernels/cpu/peak.h: nothing but multiply-adds, nothing but loads.
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd.h"

namespace glass::GLASS_ISA {

// `rounds` times twelve chains of multiply-adds, none of which waits for another; returns how many
// operations that is. The result goes to *sink, so that nobody can leave the work out.
double fma_burst(std::int64_t rounds, float* sink);
double fma_burst(std::int64_t rounds, float* sink) {
  constexpr int kChains = 12;   // enough for two units with a latency of five or six; with the
                                // constants they fit 16 registers
  Vec x[kChains];
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) x[i] = splat(static_cast<float>(i) + *sink);
  const Vec scale = splat(0.999f), shift = splat(0.001f);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) x[i] = fma(x[i], scale, shift);
  }
  Vec all = zero();
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) all += x[i];
  *sink = sum(all);
  return 2.0 * kChains * kLanes * static_cast<double>(rounds);
}

// The sum of n floats (a multiple of 16 vectors), read from four places at once: one stream alone
// does not keep enough requests for memory under way.
float read_burst(const float* data, std::int64_t n);
float read_burst(const float* data, std::int64_t n) {
  constexpr int kStreams = 4;
  const std::int64_t part = n / kStreams;
  Vec sums[kStreams] = {zero(), zero(), zero(), zero()};
  for (std::int64_t i = 0; i < part; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (int s = 0; s < kStreams; ++s) {
      const float* p = data + s * part + i;
      sums[s] += (load(p) + load(p + kLanes)) + (load(p + 2 * kLanes) + load(p + 3 * kLanes));
    }
  }
  return sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

}   // namespace glass::GLASS_ISA
