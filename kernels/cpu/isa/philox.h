// The numbers of kernels/random.h, kLanes blocks of four at a time: bit for bit the same.
#pragma once
#include "kernels/cpu/simd.h"
#include "kernels/random.h"

namespace glass::GLASS_ISA {

constexpr int kDrawn = 4 * kLanes;   // numbers per call of draw

// numbers[i] is number 4 * block + i of the stream, for i in [0, kDrawn).
GLASS_SIMD void draw(RandomKey key, std::uint32_t block, std::uint32_t* numbers) {
  const IVec multiplier0 = isplat(0xD2511F53u), multiplier1 = isplat(0xCD9E8D57u);
  std::uint32_t k0 = static_cast<std::uint32_t>(key.seed),
                k1 = static_cast<std::uint32_t>(key.seed >> 32);
  IVec c0 = isplat(block) + iota(), c1 = isplat(key.site), c2 = isplat(key.step),
       c3 = isplat(key.micro);
  for (int round = 0; round < 10; ++round) {
    IVec a_high, a_low, b_high, b_low;
    multiply_wide(c0, multiplier0, a_high, a_low);
    multiply_wide(c2, multiplier1, b_high, b_low);
    c0 = b_high ^ c1 ^ isplat(k0), c1 = b_low;
    c2 = a_high ^ c3 ^ isplat(k1), c3 = a_low;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  store_interleaved(numbers, c0, c1, c2, c3);
}

}   // namespace glass::GLASS_ISA
