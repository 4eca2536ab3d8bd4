// Random numbers without a state: number i of a stream is a function of (key, i), so every thread, every machine and
// every replay draws the same ones. The generator is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy
// as 1, 2, 3", 2011): ten rounds that multiply and mix four 32-bit counters with two 32-bit keys.
// Inside the subset that CUDA and Metal also compile.
#pragma once
#include <cstdint>

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
  std::uint32_t c0 = index, c1 = key.site, c2 = key.step, c3 = key.micro;
  std::uint32_t k0 = static_cast<std::uint32_t>(key.seed), k1 = static_cast<std::uint32_t>(key.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * c0;
    const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * c2;
    c0 = static_cast<std::uint32_t>(b >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(b);
    c2 = static_cast<std::uint32_t>(a >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(a);
    k0 += 0x9E3779B9u;   // the golden ratio
    k1 += 0xBB67AE85u;   // sqrt(3) - 1
  }
  return {{c0, c1, c2, c3}};
}

// An element is kept when its number is at or above this: P(drop) = p to within 2^-32.
[[gnu::always_inline]] inline std::uint32_t drop_threshold(double p) { return static_cast<std::uint32_t>(p * 4294967296.0); }

}  // namespace glass
