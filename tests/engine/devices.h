// The machines that engine tests run on.
#pragma once
#include "engine/tensor.h"
#include "kernels/backends.h"

namespace glass::testing {

inline Device reference() {
  static const Device device = make_reference_backend();
  return device;
}

inline Device cpu(const std::string& isa = "auto", int threads = 1) { return make_backend("cpu", isa, threads); }

// 0, 1, 2, ... in double, on the reference device.
inline Tensor counting(const Shape& shape, double first = 0) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = first + static_cast<double>(i);
  return Tensor::from(reference(), values, shape, DType::f64);
}

inline Tensor scalar(double x) { return Tensor::full(reference(), {}, x, DType::f64); }

// The message of the error that `act` ends with, or "" when it does not fail.
template <class Kind, class Act>
std::string message_of(const Act& act) {
  try {
    act();
  } catch (const Kind& error) {
    return error.what();
  }
  return "";
}

}  // namespace glass::testing
