// The generator behind Python's `random` module, number for number, so that a program here and its
// twin in Python start from the same weights and draw the same samples.
//
// The source of bits is MT19937 (Matsumoto and Nishimura, "Mersenne Twister", 1998); the methods
// turn them into numbers exactly as CPython 3 does.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace glass {

class PythonRandom {
 public:
  explicit PythonRandom(std::uint64_t seed);   // random.seed(seed)

  std::uint32_t bits(int k);                   // random.getrandbits(k), k = 1 .. 32
  double uniform();                            // random.random(): a multiple of 2^-53 in [0, 1)
  double gauss(double mu, double sigma);       // random.gauss(mu, sigma)
  std::uint32_t below(std::uint32_t n);        // 0 .. n-1, as shuffle draws them
  // random.choices(range(len(weights)), weights)[0]
  std::size_t choice(std::span<const double> weights);

  template <class Item>
  void shuffle(std::span<Item> items) {        // random.shuffle(items)
    check_length(items.size());
    for (std::size_t i = items.size(); i-- > 1;) {
      std::swap(items[i], items[below(static_cast<std::uint32_t>(i + 1))]);
    }
  }

 private:
  static constexpr int kWords = 624;
  static void check_length(std::size_t n);
  std::uint32_t next();
  void refill();

  std::array<std::uint32_t, kWords> state_;
  int used_ = kWords;                          // how many words of the state have been handed out
  double kept_gauss_ = 0;                      // gauss makes two numbers and keeps the second
  bool has_kept_gauss_ = false;
};

}  // namespace glass
