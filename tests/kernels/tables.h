// The rows of the kernel table, and the shapes they share.
#pragma once
#include <initializer_list>

#include "tests/kernels/problem.h"

namespace glass::test {

// 0 to 33: every tail of a vector of 16 lanes, and of two.
std::vector<std::int64_t> tails();
// The same, and the sizes around whole blocks of vectors.
std::vector<std::int64_t> widths();

// Everything over one family of kernels; each gives the small or the large problems of one kernel.
Problems fill_small(), fill_large();
Problems copy_small(), copy_large();
Problems affine_small(), affine_large();
Problems map_small(), map_large();
Problems map_backward_small(), map_backward_large();
Problems zip_small(), zip_large();
Problems swiglu_small(), swiglu_large();
Problems swiglu_backward_small(), swiglu_backward_large();
Problems dropout_small(), dropout_large();

Problems fold_small(), fold_large();
Problems matmul_small(), matmul_large();
Problems linear_small(), linear_large();
Problems linear_packed_small(), linear_packed_large();
Problems gather_small(), gather_large();
Problems scatter_add_small(), scatter_add_large();

Problems softmax_small(), softmax_large();
Problems softmax_backward_small(), softmax_backward_large();
Problems layernorm_small(), layernorm_large();
Problems layernorm_backward_small(), layernorm_backward_large();
Problems rmsnorm_small(), rmsnorm_large();
Problems rmsnorm_backward_small(), rmsnorm_backward_large();
Problems cross_entropy_small(), cross_entropy_large();
Problems cross_entropy_backward_small(), cross_entropy_backward_large();

Problems attention_small(), attention_large();
Problems attention_backward_small(), attention_backward_large();
Problems rope_small(), rope_large();

Problems global_norm_small(), global_norm_large();
Problems adamw_small(), adamw_large();

// Names of the formulas, in the order of the enums.
constexpr int kUnaryCount = 18, kBinaryCount = 8;
const char* name_of(Unary);
const char* name_of(Binary);

// How far a formula, or its slope, computed in f32 may be from the truth at x (see unary_gate.cpp for each reason).
double allowed_value(Unary f, double x);
double allowed_slope(Unary f, double x);
double slope_of(Unary f, double x);
// Whether only one rounding stands between x and the result, so that every machine has the same bits.
bool is_exact(Unary f);
bool slope_is_exact(Unary f);
// The distance between neighbouring floats at y.
double ulp(double y);
// Inputs inside the domain of f.
Draw domain(Unary f);

}  // namespace glass::test
