// Is my derivative right? Move one number of an input a little, see how the output moves, and
// compare with backward:
//
//   const auto swish = [](Tensors x) { return x[0] * sigmoid(x[0]); };
//   const Tensor x = gaussian(reference, {3, 5}, 0, 1, key, DType::f64);
//   const GradientReport report = check_gradients("swish", swish, {x});
//   if (!report.ok) std::puts(report.failure.c_str());
//
// It works in double on the reference backend, where a difference quotient has nine digits; in f32
// it has none. The output is weighed with random numbers and never just summed: the sum of a
// softmax is 1 whatever x is, so a derivative of zeros would pass.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor.h"

namespace glass {

using Tensors = std::span<const Tensor>;
using TensorFunction = std::function<Tensor(Tensors)>;

// A derivative passes where
//   |numeric - analytic| <= kGateAbsolute max(1, max|y|) + kGateRelative |analytic|.
constexpr double kGateAbsolute = 1e-8, kGateRelative = 1e-6;

struct GradientCheck {
  std::uint64_t seed = 1;
  double step = 1e-5;   // x moves by step max(1, |x|) to either side
  // The numbers of an input with more entries move all at once, each up or down by chance, in so
  // many directions.
  std::int64_t max_entries = 2000;
  int directions = 16;
  // What the author of a case declares: the derivative is zero everywhere; backward adds to one
  // number several times, so that accumulation may round.
  bool zero_gradient = false;
  bool adds_in_parts = false;
};

struct GradientReport {
  bool ok = false;
  std::string failure;        // what was checked, where, what was expected, what came
  double margin = 0;          // the worst |numeric - analytic| as a part of what is allowed
  std::int64_t entries = 0;   // how many difference quotients were taken
};

// f must be a function: the same output for the same input, no matter how often it is called.
// Besides the derivative it is checked that backward adds to gradients and does not overwrite them,
// that inputs stay as they are, that a second backward gives the same bits, and that each input may
// also be one that nobody watches.
GradientReport check_gradients(std::string_view name, const TensorFunction& f,
                               std::vector<Tensor> inputs, const GradientCheck& how = {});

}   // namespace glass
