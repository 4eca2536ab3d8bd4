// Which windows of a corpus a training step learns from.
#pragma once
#include <cstdint>
#include <span>

#include "model/samples.h"
#include "model/tokens.h"

namespace glass {

// A corpus of S tokens has n = (S - T) / T windows of T tokens that do not overlap. An epoch visits
// each of them once, in an order of its own, and cuts the corpus at an offset of its own (below T),
// so that no token is always first in its window.
class Batches final : public Samples {
 public:
  // ContentError if the corpus has no T + 1 tokens.
  Batches(const Tokens& tokens, std::int64_t B, std::int64_t T, std::uint64_t seed);

  std::int64_t windows() const { return n_; }   // samples an epoch
  std::int64_t count() const override { return n_; }
  // Where in the corpus sample g begins.
  std::int64_t start_of(std::int64_t g) const;

 private:
  void sample(std::int64_t g, std::span<std::int32_t> inputs,
              std::span<std::int32_t> targets) const override;
  Tokens tokens_;
  std::int64_t n_, offsets_;   // offsets: how many there are to choose from
  std::uint64_t seed_;
};

}   // namespace glass
