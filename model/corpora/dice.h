// Dice for whoever writes a document: a stream of choices that is a function of (seed, which
// corpus, document), so that document 1,000 needs none of the 999 before it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "engine/random.h"
#include "kernels/random.h"

namespace glass {

class Dice {
 public:
  Dice(std::uint64_t seed, std::string_view corpus, std::int64_t document)
      : key_{seed, site("corpora", corpus), static_cast<std::uint32_t>(document),
             static_cast<std::uint32_t>(document >> 32)} {}

  // One of 0 .. n-1, each as likely to within n / 2^32.
  std::size_t below(std::size_t n) {
    const std::uint64_t dice = philox(key_, thrown_++).x[0];
    return static_cast<std::size_t>(dice * n >> 32);
  }
  bool chance(double p) { return static_cast<double>(below(1u << 30)) < p * (1u << 30); }
  template <class List>
  const auto& one_of(const List& list) {
    return list[below(std::size(list))];
  }

 private:
  RandomKey key_;
  std::uint32_t thrown_ = 0;
};

}   // namespace glass
