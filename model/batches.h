// Which windows of a corpus a training step learns from. Sample g of a run is a function of (seed,
// g) alone, so there is no state to save: a run that is resumed at sample g goes on as if it had
// never stopped, and so does one on another number of threads.
#pragma once
#include <cstdint>
#include <span>

#include "model/tokens.h"

namespace glass {

// A corpus of S tokens has n = (S - T) / T windows of T tokens that do not overlap. An epoch visits
// each of them once, in an order of its own, and cuts the corpus at an offset of its own (below T),
// so that no token is always first in its window.
class Batches {
 public:
  // ContentError if the corpus has no T + 1 tokens.
  Batches(const Tokens& tokens, std::int64_t B, std::int64_t T, std::uint64_t seed);

  std::int64_t windows() const { return n_; }   // samples an epoch
  std::int64_t B() const { return B_; }
  std::int64_t T() const { return T_; }

  // Samples first_sample .. first_sample + B - 1: inputs (B,T), and targets (B,T), the tokens one
  // further on.
  void fill(std::int64_t first_sample, std::span<std::int32_t> inputs,
            std::span<std::int32_t> targets) const;
  // Where in the corpus sample g begins.
  std::int64_t start_of(std::int64_t g) const;

 private:
  Tokens tokens_;
  std::int64_t B_, T_, n_, offsets_;   // offsets: how many there are to choose from
  std::uint64_t seed_;
};

}   // namespace glass
