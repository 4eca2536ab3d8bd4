// Errors, results and layouts shared by all ops.
#include "engine/ops/op.h"

namespace glass {

void shape_error(const char* op, const std::string& what, Where at, Inputs inputs) {
  std::string text = std::string(op) + ": " + what + ", at " + at.file + ":" + std::to_string(at.line);
  for (const Input& in : inputs) {
    const Tape* tape = in.tensor->tape();
    if (tape && *tape->scope()) {
      text += std::string(" in ") + tape->scope();
      break;
    }
  }
  fail(ShapeError(text));
}

void require_together(const char* op, Where at, Inputs inputs) {
  const Tensor* first = nullptr;
  for (const Input& in : inputs) {
    const Tensor& x = *in.tensor;
    if (!x) shape_error(op, "an input is an empty tensor", at, inputs);
    if (!first) first = &x;
    if (x.device() != first->device()) {
      shape_error(op, std::string("inputs lie on two devices, ") + first->backend().name() + " and " +
                          x.backend().name() + "; move one of them", at, inputs);
    }
    if (x.dtype() != first->dtype()) {
      shape_error(op, std::string("inputs have two types, ") + name_of(first->dtype()) + " and " + name_of(x.dtype()),
                  at, inputs);
    }
  }
}

Shape require_broadcast(const char* op, const Tensor& a, const Tensor& b, Where at) {
  const Broadcast common = broadcast(a.shape(), b.shape());
  if (!common.fits) {
    shape_error(op, "shapes " + str(a.shape()) + " and " + str(b.shape()) + " do not broadcast", at, {a, b});
  }
  return common.shape;
}

Tensor result(const Tensor& x, const Shape& shape) { return Tensor::empty(x.device(), shape, x.dtype()); }

DType statistics_type(const Tensor& x) { return x.dtype() == DType::bf16 ? DType::f32 : x.dtype(); }
Tensor statistics(const Tensor& x, const Shape& shape) {
  return Tensor::empty(x.device(), shape, statistics_type(x));
}

Tensor repeated(const Tensor& x, const Shape& shape) {
  Shape stride = shape;
  const int extra = shape.rank - x.rank();
  for (int i = 0; i < shape.rank; ++i) {
    const bool repeats = i < extra || x.shape().size[i - extra] != shape.size[i];
    stride.size[i] = repeats ? 0 : x.stride().size[i - extra];
  }
  return x.window(shape, stride, x.offset());
}

static Tensor copied(const Tensor& x) {
  if (x.tape()) ++x.tape()->layout_copies;
  Tensor y = empty_like(x);
  x.backend().copy(to(y), x.view());
  return y;
}

Tensor packed_rows(const Tensor& x) {
  const bool ready = x.rank() == 0 || x.dim(-1) <= 1 || x.stride()[-1] == 1;
  return ready ? x.detach() : copied(x);
}

Tensor as_rows(const Tensor& x) {
  const std::int64_t columns = x.dim(-1), rows = x.shape().prefix(x.rank() - 1).numel();
  // Leading axes that follow each other without gaps are one axis of rows, `step` apart.
  std::int64_t step = columns, next = -1;                    // next: the stride of the axis before; -1: any will do
  for (int i = x.rank() - 2; i >= 0; --i) {
    const std::int64_t size = x.shape().size[i], stride = x.stride().size[i];
    if (size == 1) continue;
    if (next < 0) step = stride;
    else if (stride != next) return as_rows(copied(x));
    next = stride * size;
  }
  return x.window({rows, columns}, {step, x.stride()[-1]}, x.offset());
}

}  // namespace glass
