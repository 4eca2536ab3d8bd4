// Shuffling without a list: place i of the shuffled order is computed from i and a key. So a corpus
// of a billion windows is shuffled in no time and no memory, and anybody can ask for one place.
#pragma once
#include <cstdint>

namespace glass {

// A bijection of 0 .. n-1. A Feistel network on the smallest even number of bits that holds n: the
// number is cut into halves, and a round mixes one half into the other by a function (Philox) that
// need not be reversible for the round to be. Values that come out at n or above go through again.
class Permutation {
 public:
  // `site` and `round` tell the uses of one seed apart: which place of the program, which epoch.
  Permutation(std::int64_t n, std::uint64_t seed, std::uint32_t site, std::uint32_t round);
  std::int64_t size() const { return n_; }
  std::int64_t operator()(std::int64_t i) const;

 private:
  std::uint64_t once(std::uint64_t x) const;
  std::int64_t n_;
  std::uint64_t seed_;
  std::uint32_t site_, round_;
  int half_;   // bits
};

}   // namespace glass
