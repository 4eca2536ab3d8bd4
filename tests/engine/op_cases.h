// Walking over the table of ops (engine/ops/cases.h) in tests.
#pragma once
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "engine/ops/cases.h"

namespace glass {

inline void PrintTo(const OpCases& op, std::ostream* out) { *out << op.op; }

}   // namespace glass

namespace glass::testing {

// "gelu(x)" -> "gelu_x", "a / b" -> "a_over_b": letters that a test's name may have.
std::string name_of_test(const ::testing::TestParamInfo<OpCases>& info);

// The value of a case, and the derivatives of (y, dy) for a random dy that depends on the case's
// name only.
struct Outcome {
  std::vector<double> y;
  std::vector<std::vector<double>> gradients;
};
Outcome run(const Case& c, const TensorFunction& f, const std::vector<Tensor>& inputs);

// The same numbers on another machine or in another type.
std::vector<Tensor> moved(const std::vector<Tensor>& tensors, const Device& device, DType type);

bool has_zero_size(const Case& c);   // of an input or of the output

}   // namespace glass::testing
