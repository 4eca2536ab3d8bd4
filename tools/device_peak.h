// What a GPU can do at best: what its maker publishes where the chip is known, and what a product
// of matrices and a copy reach on it.
#pragma once
#include <string_view>

#include "tools/bench.h"

namespace glass {

// Dense products with sums in f32, without the sparsity that makers like to count.
struct Chip {
  std::string_view name;   // as it occurs in a device's name
  double bf16_tflops, f32_tflops, gbps;
};
const Chip* known_chip(std::string_view device);   // nullptr where we know none

bool is_gpu(const Machine& machine);   // the emulator is a program

// `size`: of the product, cubed, and of the square that is copied.
Peak device_peak(Backend& backend, DType dtype, std::int64_t size = 8192);

// Of whatever computes: a GPU's own, and else the processor's.
Peak peak_of(const Machine& machine);

}   // namespace glass
