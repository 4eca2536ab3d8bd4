#include "model/batches.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/random.h"
#include "kernels/random.h"
#include "model/permutation.h"

namespace glass {

Batches::Batches(const Tokens& tokens, std::int64_t B, std::int64_t T, std::uint64_t seed)
    : tokens_(tokens), B_(B), T_(T), seed_(seed) {
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
  return offset + window * T_;
}

void Batches::fill(std::int64_t first_sample, std::span<std::int32_t> inputs,
                   std::span<std::int32_t> targets) const {
  const auto T = static_cast<std::size_t>(T_), B = static_cast<std::size_t>(B_);
  if (inputs.size() != B * T || targets.size() != B * T)
    fail(ShapeError("a batch has " + std::to_string(B * T) + " inputs and as many targets"));
  for (std::size_t b = 0; b < B; ++b) {
    const std::int64_t start = start_of(first_sample + static_cast<std::int64_t>(b));
    tokens_.copy(start, inputs.subspan(b * T, T));
    tokens_.copy(start + 1, targets.subspan(b * T, T));
  }
}

}   // namespace glass
