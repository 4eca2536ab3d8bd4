// Random tensors. Values are drawn on the host and uploaded: one text, so the same bits on every backend.
// The generator is counter-based (kernels/random.h): a tensor is a function of its key, not of what was drawn before.
#pragma once
#include <string_view>

#include "engine/tensor.h"

namespace glass {

// A number for a place in the program, from its names: site("blocks.3.mlp", "dropout").
std::uint32_t site(std::string_view scope, std::string_view name = {});

Tensor uniform(const Device&, const Shape&, double low, double high, RandomKey, DType = DType::f32);
Tensor gaussian(const Device&, const Shape&, double mean, double deviation, RandomKey, DType = DType::f32);

}  // namespace glass
