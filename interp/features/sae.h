// A sparse autoencoder: an activation (d numbers) is written as a sum of few of many directions.
// One hopes that a direction stands for one thing, where a neuron often stands for several.
//
//   pre = (x - b_dec) W_enc + b_enc          (n,F): how much of each feature there is
//   f = the k largest of pre, where they are above 0; else 0
//   xhat = f W_dec + b_dec                   the rows of W_dec have length 1
//
// k features a token at most (TopK, Gao et al. 2024): no penalty has to be balanced against the
// error.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/ops.h"

namespace glass {

struct Sae {
  std::int64_t k = 0;
  Parameter W_enc = {}, b_enc = {}, W_dec = {}, b_dec = {};   // (d,F) (F) (F,d) (d)

  // Random directions of length 1, which the encoder starts out with as well.
  Sae(std::int64_t d, std::int64_t F, std::int64_t most, const Device& device, DType dtype,
      std::uint64_t seed);

  std::int64_t d() const { return W_dec.value.dim(1); }
  std::int64_t features() const { return W_dec.value.dim(0); }
  std::vector<Parameter*> parameters() { return {&W_enc, &b_enc, &W_dec, &b_dec}; }

  // With a tape: derivatives of what follows go to the parameters. x (n,d), f (n,F).
  Tensor pre(const Tensor& x, Tape* tape = nullptr);
  Tensor decode(const Tensor& f, Tape* tape = nullptr);
  Tensor codes(const Tensor& x);   // f
  Tensor reconstruct(const Tensor& x) { return decode(codes(x)); }

  void normalise_decoder();   // rows of length 1 again, after a step
};

// 1 at the k largest numbers of each row (n,F), of equal ones the first; 0 elsewhere. `among`: only
// there (F flags), or empty: everywhere.
Tensor largest_of_rows(const Tensor& x, std::int64_t k, std::span<const std::uint8_t> among = {});

// The mean over rows of ||x - xhat||^2, and what it was computed from.
struct SaeLoss {
  Tensor loss, codes, error;   // (), (n,F), (n,d): x - xhat
};
SaeLoss reconstruction_loss(Sae& sae, const Tensor& x, Tape* tape = nullptr);

// AuxK: the dead features shall say what the others left over, so that they come back to life. The
// k_aux largest of them reconstruct `error`, which is given and has no derivative; b_dec has no
// part in an error, so it is left out. Scaled down where few are dead.
Tensor auxiliary_loss(Sae& sae, const Tensor& x, const Tensor& error,
                      std::span<const std::uint8_t> dead, Tape* tape = nullptr);

// How much of the variance of what was shown an approximation explains: 1 - E||x - xhat||^2 /
// (E||x||^2
// - ||E x||^2). Sums run over all that was shown before the ratio is taken: a mean of ratios of
// batches would be another number.
class ExplainedVariance {
 public:
  void show(std::span<const double> x, std::span<const double> xhat, std::size_t d);   // rows of d
  double value() const;

 private:
  double n_ = 0, errors_ = 0, squares_ = 0;
  std::vector<double> sum_;
};

}   // namespace glass
