#include "model/batches.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/random.h"
#include "kernels/random.h"
#include "model/permutation.h"

namespace glass {

Batches::Batches(const Tokens& tokens, std::int64_t B, std::int64_t T, std::uint64_t seed)
    : Samples(B, T), tokens_(tokens), seed_(seed) {
  const std::int64_t S = tokens_.size();
  if (S < T + 1) {
    fail(ContentError("a corpus of " + with_commas(S) + " tokens is too short for windows of " +
                      with_commas(T) + " (it takes one more than that); use more text, or " +
                      "--block-size " + std::to_string(std::max<std::int64_t>(S - 1, 1)) + "."));
  }
  n_ = std::max<std::int64_t>(1, (S - T) / T);
  offsets_ = std::min(T, S - n_ * T);
}

std::int64_t Batches::start_of(std::int64_t g) const {
  static const std::uint32_t kOrder = site("batches", "order"), kOffset = site("batches", "offset");
  const auto epoch = static_cast<std::uint32_t>(g / n_);
  const std::int64_t window = Permutation(n_, seed_, kOrder, epoch)(g % n_);
  // The offset takes the high bits of a product, not a remainder: as even, and without a division.
  const std::uint64_t dice = philox({seed_, kOffset, epoch, 0}, 0).x[0];
  const auto offset = static_cast<std::int64_t>(dice * static_cast<std::uint64_t>(offsets_) >> 32);
  return offset + window * T();
}

void Batches::sample(std::int64_t g, std::span<std::int32_t> inputs,
                     std::span<std::int32_t> targets) const {
  const std::int64_t start = start_of(g);
  tokens_.copy(start, inputs);
  tokens_.copy(start + 1, targets);
}

}   // namespace glass
