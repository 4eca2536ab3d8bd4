// What the files of this folder share: errors that say op, shapes and line, and results of the right shape.
#pragma once
#include <string>

#include "engine/base/error.h"
#include "engine/ops.h"
#include "engine/slot.h"

namespace glass {

// "matmul: inner sizes differ: (8,64) and (48,192), at model/gpt.cpp:88 in blocks.3.mlp"
[[noreturn]] void shape_error(const char* op, const std::string& what, Where at, Inputs inputs);

// One device and one floating type for all of them, or an error.
void require_together(const char* op, Where at, Inputs inputs);
// The shape they broadcast to, or an error.
Shape require_broadcast(const char* op, const Tensor& a, const Tensor& b, Where at);

// An uninitialised result on x's device with x's type.
Tensor result(const Tensor& x, const Shape& shape);
// The same for what a row is known by (its mean, its sum of exponentials, its loss): f32 also where x is bf16.
DType statistics_type(const Tensor& x);
Tensor statistics(const Tensor& x, const Shape& shape);
// x repeated to `shape` without copying; the graph is forgotten.
Tensor repeated(const Tensor& x, const Shape& shape);
// x with its last stride 1, copied where it is not: what fused kernels want. The graph is forgotten; the tape counts
// the copy (tape.layout_copies), so that `glass trace` can show it.
Tensor packed_rows(const Tensor& x);
// x as a matrix (rows, last axis); x is copied unless its rows already follow each other. The graph is forgotten.
Tensor as_rows(const Tensor& x);
}  // namespace glass
