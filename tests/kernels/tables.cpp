// The table of kernels that parity, threads and refusals are tested over: a new kernel is one more row.
#include "tests/kernels/tables.h"

namespace glass::test {

const std::vector<KernelRow>& kernel_table() {
  static const std::vector<KernelRow> table = {
      // clang-format off
      {"fill",                   fill_small,                   fill_large},
      {"copy",                   copy_small,                   copy_large},
      {"affine",                 affine_small,                 affine_large},
      {"map",                    map_small,                    map_large},
      {"map_backward",           map_backward_small,           map_backward_large},
      {"zip",                    zip_small,                    zip_large},
      {"fold",                   fold_small,                   fold_large},
      {"matmul",                 matmul_small,                 matmul_large},
      {"gather",                 gather_small,                 gather_large},
      {"scatter_add",            scatter_add_small,            scatter_add_large},
      {"linear",                 linear_small,                 linear_large},
      {"linear_packed",          linear_packed_small,          linear_packed_large},
      {"swiglu",                 swiglu_small,                 swiglu_large},
      {"swiglu_backward",        swiglu_backward_small,        swiglu_backward_large},
      {"softmax",                softmax_small,                softmax_large},
      {"softmax_backward",       softmax_backward_small,       softmax_backward_large},
      {"layernorm",              layernorm_small,              layernorm_large},
      {"layernorm_backward",     layernorm_backward_small,     layernorm_backward_large},
      {"rmsnorm",                rmsnorm_small,                rmsnorm_large},
      {"rmsnorm_backward",       rmsnorm_backward_small,       rmsnorm_backward_large},
      {"attention",              attention_small,              attention_large},
      {"attention_backward",     attention_backward_small,     attention_backward_large},
      {"rope",                   rope_small,                   rope_large},
      {"dropout",                dropout_small,                dropout_large},
      {"cross_entropy",          cross_entropy_small,          cross_entropy_large},
      {"cross_entropy_backward", cross_entropy_backward_small, cross_entropy_backward_large},
      {"global_norm",            global_norm_small,            global_norm_large},
      {"adamw",                  adamw_small,                  adamw_large},
      // clang-format on
  };
  return table;
}

std::vector<std::int64_t> tails() {
  std::vector<std::int64_t> sizes;
  for (std::int64_t n = 0; n <= 33; ++n) sizes.push_back(n);
  return sizes;
}

std::vector<std::int64_t> widths() {
  std::vector<std::int64_t> sizes = tails();
  for (const std::int64_t n : {47, 48, 49, 63, 64, 65, 127, 128, 129, 257, 300}) sizes.push_back(n);
  return sizes;
}

const char* name_of(Unary f) {
  static const char* const kNames[] = {"neg",     "exp",  "log",   "sqrt", "rsqrt", "reciprocal",
                                       "square",  "abs",  "sin",   "cos",  "tanh",  "erf",
                                       "sigmoid", "relu", "relu2", "silu", "gelu",  "gelu_erf"};
  static_assert(sizeof kNames / sizeof kNames[0] == kUnaryCount &&
                static_cast<int>(Unary::gelu_erf) == kUnaryCount - 1);
  return kNames[static_cast<int>(f)];
}

const char* name_of(Binary f) {
  static const char* const kNames[] = {"add", "sub", "mul",     "div",
                                       "max", "min", "greater", "equal"};
  static_assert(sizeof kNames / sizeof kNames[0] == kBinaryCount &&
                static_cast<int>(Binary::equal) == kBinaryCount - 1);
  return kNames[static_cast<int>(f)];
}

}  // namespace glass::test
