// Random numbers without a state: number i of a stream is a function of (key, i), so every thread, every machine and
// every replay draws the same ones. The generator is Philox4x32-10; its rounds are in philox.h.
#pragma once
#include <cstdint>

#include "kernels/philox.h"

namespace glass {

struct RandomKey {
  std::uint64_t seed;
  std::uint32_t site;    // which place in the program draws: a hash of scope and name, never the order of calls
  std::uint32_t step;
  std::uint32_t micro;   // which micro-step of a gradient accumulation
};

struct Philox4 { std::uint32_t x[4]; };

// Four numbers for block `index` of the stream; element i is number i % 4 of block i / 4.
[[gnu::always_inline]] inline Philox4 philox(RandomKey key, std::uint32_t index) {
  const PhiloxState<std::uint32_t> s =
      philox_rounds(PhiloxState<std::uint32_t>{index, key.site, key.step, key.micro},
                    static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32));
  return {{s.c0, s.c1, s.c2, s.c3}};
}

// An element is kept when its number is at or above this: P(drop) = p to within 2^-32.
[[gnu::always_inline]] inline std::uint32_t drop_threshold(double p) { return static_cast<std::uint32_t>(p * 4294967296.0); }

}  // namespace glass
