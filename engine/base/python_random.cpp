// MT19937 and, on top of it, what CPython's Lib/random.py and Modules/_randommodule.c do with its
// bits.
#include "engine/base/python_random.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/base/error.h"

namespace glass {

// CPython spreads the 32-bit words of the seed, lowest first, over a state that started from a
// fixed number
// ("init_by_array").
PythonRandom::PythonRandom(std::uint64_t seed) {
  std::uint32_t word = 19650218;
  for (int i = 0; i < kWords; ++i) {
    state_[i] = word;
    word = 1812433253u * (word ^ (word >> 30)) + static_cast<std::uint32_t>(i + 1);
  }
  const std::uint32_t key[2] = {static_cast<std::uint32_t>(seed),
                                static_cast<std::uint32_t>(seed >> 32)};
  const int key_length = key[1] ? 2 : 1;

  int i = 1;
  const auto advance = [&] {
    if (++i < kWords) return;
    state_[0] = state_[kWords - 1];
    i = 1;
  };
  const auto mixed = [&](std::uint32_t factor) {
    return (state_[i - 1] ^ (state_[i - 1] >> 30)) * factor;
  };
  for (int k = 0; k < kWords; ++k, advance()) {
    const int j = k % key_length;
    state_[i] = (state_[i] ^ mixed(1664525u)) + key[j] + static_cast<std::uint32_t>(j);
  }
  for (int k = 1; k < kWords; ++k, advance()) {
    state_[i] = (state_[i] ^ mixed(1566083941u)) - static_cast<std::uint32_t>(i);
  }
  state_[0] = 0x80000000u;
}

// One turn of the twister: every word is mixed from its neighbour and the word 397 places further
// on.
void PythonRandom::refill() {
  for (int i = 0; i < kWords; ++i) {
    const std::uint32_t y = (state_[i] & 0x80000000u) | (state_[(i + 1) % kWords] & 0x7fffffffu);
    state_[i] = state_[(i + 397) % kWords] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0u);
  }
  used_ = 0;
}

std::uint32_t PythonRandom::next() {
  if (used_ == kWords) refill();
  std::uint32_t y = state_[used_++];
  y ^= y >> 11;   // tempering: neighbouring bits become independent
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

std::uint32_t PythonRandom::bits(int k) {
  if (k < 1 || k > 32)
    fail(Error(ExitCode::internal, "PythonRandom::bits: asked for " + std::to_string(k) +
                                       " bits, can give 1 to 32 at a time."));
  return next() >> (32 - k);
}

double PythonRandom::uniform() {
  const double high = next() >> 5, low = next() >> 6;   // 27 and 26 bits
  return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0);
}

double PythonRandom::gauss(double mu, double sigma) {
  double z = kept_gauss_;
  if (!has_kept_gauss_) {   // Box and Muller: a random angle and a random radius
    const double angle = uniform() * (2.0 * 3.14159265358979323846);
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    z = std::cos(angle) * radius;
    kept_gauss_ = std::sin(angle) * radius;
  }
  has_kept_gauss_ = !has_kept_gauss_;
  return mu + z * sigma;
}

// Draws as many bits as n has, again and again until the number is below n: no remainder, so no
// bias.
std::uint32_t PythonRandom::below(std::uint32_t n) {
  if (n == 0) fail(Error(ExitCode::internal, "PythonRandom::below: there is no number below 0."));
  int k = 1;
  while (k < 32 && n >> k) ++k;
  std::uint32_t r = bits(k);
  while (r >= n) r = bits(k);
  return r;
}

std::size_t PythonRandom::choice(std::span<const double> weights) {
  std::vector<double> up_to(weights.size());   // up_to[i] = weights[0] + ... + weights[i]
  double total = 0;
  for (std::size_t i = 0; i < weights.size(); ++i)
    up_to[i] = total = i ? total + weights[i] : weights[i];
  if (!(total > 0) || !std::isfinite(total)) {
    fail(Error(ExitCode::internal,
               "PythonRandom::choice: the sum of the weights must be finite and above 0."));
  }
  const auto last = up_to.end() - 1;
  return static_cast<std::size_t>(std::upper_bound(up_to.begin(), last, uniform() * total) -
                                  up_to.begin());
}

void PythonRandom::check_length(std::size_t n) {
  if (n > 0xffffffffu)
    fail(Error(ExitCode::internal,
               "PythonRandom::shuffle: lists of up to 4,294,967,295 items, please."));
}

}   // namespace glass
