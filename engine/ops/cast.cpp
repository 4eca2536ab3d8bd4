// cast(x, type): the same numbers in another floating type, rounded to the nearest:  dx = dy, in x's type
//
// The slot converts what it is given, so backward is a copy like that of any view.
#include "engine/ops/cases.h"
#include "engine/ops/op.h"

namespace glass {
namespace {

struct Cast final : Node {
  Cast() : Node("cast") {}
  void backward(const Tensor& dy, Slots dx) override { dx[0] += dy; }
};

}  // namespace

Tensor cast(const Tensor& x, DType type, Where at) {
  require_together("cast", at, {x});
  if (x.dtype() == type) return x;
  if (type == DType::i32 || x.dtype() == DType::i32) shape_error("cast", "whole numbers have no derivative", at, {x});
  return record<Cast>(converted(x, type), at, {x});
}

// There and back through a type that loses nothing: f64 is what the checks compute in.
static OpCall draw_cast(OpDice& dice) {
  return {{dice.shape()}, [](Tensors x) { return cast(x[0], x[0].dtype()) * 1.0; },
          [](Tensors x) { return 1.0 * x[0]; }};
}

std::vector<OpCases> cast_cases() { return {{.op = "cast(x, DType)", .draw = draw_cast}}; }

}  // namespace glass
