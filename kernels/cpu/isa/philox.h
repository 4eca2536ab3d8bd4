// The numbers of kernels/random.h, kLanes blocks of four at a time: bit for bit the same.
#pragma once
#include "kernels/cpu/simd.h"
#include "kernels/random.h"

namespace glass::GLASS_ISA {

// What kernels/philox.h asks of a word.
GLASS_SIMD PhiloxProduct<IVec> wide_product(IVec a, std::uint32_t m) {
  PhiloxProduct<IVec> halves;
  multiply_wide(a, isplat(m), halves.high, halves.low);
  return halves;
}
GLASS_SIMD IVec mixed(IVec a, IVec b, std::uint32_t key) { return a ^ b ^ isplat(key); }

constexpr int kDrawn = 4 * kLanes;   // numbers per call of draw

// numbers[i] is number 4 * block + i of the stream, for i in [0, kDrawn).
GLASS_SIMD void draw(RandomKey key, std::uint32_t block, std::uint32_t* numbers) {
  const PhiloxState<IVec> start = {isplat(block) + iota(), isplat(key.site), isplat(key.step),
                                   isplat(key.micro)};
  const PhiloxState<IVec> s = philox_rounds(start, static_cast<std::uint32_t>(key.seed),
                                            static_cast<std::uint32_t>(key.seed >> 32));
  store_interleaved(numbers, s.c0, s.c1, s.c2, s.c3);
}

}   // namespace glass::GLASS_ISA
