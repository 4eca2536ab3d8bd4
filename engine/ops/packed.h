// What linear_packed and head_loss of a packed weight share.
#pragma once
#include "engine/ops/op.h"
#include "engine/packed.h"

namespace glass {

// x (..,K) fits w (N,K) and bias (N) or none, and nobody wants a derivative.
void require_packed(const char* op, const Tensor& x, const PackedTensor& w, const Tensor& bias, Where at);

}  // namespace glass
