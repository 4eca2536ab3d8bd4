#include "model/permutation.h"

#include "kernels/random.h"

namespace glass {
namespace {

constexpr std::uint32_t kRounds = 6;   // four already hide every pattern; six cost nothing here

int half_of(std::int64_t n) {
  int half = 1;
  while (half < 31 && (std::int64_t{1} << (2 * half)) < n) ++half;
  return half;
}

}   // namespace

Permutation::Permutation(std::int64_t n, std::uint64_t seed, std::uint32_t site,
                         std::uint32_t round)
    : n_(n), seed_(seed), site_(site), round_(round), half_(half_of(n)) {}

std::uint64_t Permutation::once(std::uint64_t x) const {
  const std::uint64_t mask = (std::uint64_t{1} << half_) - 1;
  std::uint64_t left = x >> half_, right = x & mask;
  for (std::uint32_t k = 0; k < kRounds; ++k) {
    const std::uint32_t mixed =
        philox({seed_, site_, round_, k}, static_cast<std::uint32_t>(right)).x[0];
    const std::uint64_t new_right = left ^ (mixed & mask);
    left = right;
    right = new_right;
  }
  return left << half_ | right;
}

std::int64_t Permutation::operator()(std::int64_t i) const {
  // The network permutes a range at most four times as large. Following i until it is back below n
  // follows one cycle of that permutation, so no two i meet.
  auto x = static_cast<std::uint64_t>(i);
  do x = once(x);
  while (x >= static_cast<std::uint64_t>(n_));
  return static_cast<std::int64_t>(x);
}

}   // namespace glass
