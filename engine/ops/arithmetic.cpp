// Arithmetic, element by element. Where sizes differ, the smaller operand is repeated; its derivative is the sum over
// the repetitions, which the slot takes care of.
#include "engine/ops/cases.h"
#include "engine/ops/op.h"

namespace glass {
namespace {

// f(a, b) without a node.
Tensor zip(Binary f, const Tensor& a, const Tensor& b, const Shape& shape) {
  Tensor y = result(a, shape);
  a.backend().zip(f, to(y), repeated(a, shape).view(), repeated(b, shape).view());
  return y;
}

Tensor zip(const char* op, Binary f, const Tensor& a, const Tensor& b, Where at) {
  require_together(op, at, {a, b});
  return zip(f, a, b, require_broadcast(op, a, b, at));
}

// c = a + b:  da = dc, db = dc
struct Add final : Node {
  Add() : Node("add") {}
  void backward(const Tensor& dy, Slots dx) override {
    dx[0] += dy;
    dx[1] += dy;
  }
};

// c = a - b:  da = dc, db = -dc
struct Sub final : Node {
  Sub() : Node("sub") {}
  void backward(const Tensor& dy, Slots dx) override {
    dx[0] += dy;
    dx[1] += scaled(-1, dy);
  }
};

// c = a b:  da = dc b, db = dc a
struct Mul final : Node {
  Tensor a, b;
  Mul(Tensor left, Tensor right) : Node("mul"), a(std::move(left)), b(std::move(right)) {}
  void backward(const Tensor& dy, Slots dx) override {
    dx[0] += times(dy, b);
    dx[1] += times(dy, a);
  }
};

// c = a / b:  da = dc / b, db = -dc c / b
struct Div final : Node {
  Tensor b, y;
  Div(Tensor divisor, Tensor quotient) : Node("div"), b(std::move(divisor)), y(std::move(quotient)) {}
  void backward(const Tensor& dy, Slots dx) override {
    dx[0] += Zipped{Binary::div, dy, b};
    if (dx[1]) dx[1] += -(dy * y / b);
  }
};

// c = max(a, b): the larger one has the derivative; where both are equal each has half of it.
struct Maximum final : Node {
  Tensor a, b;
  Maximum(Tensor left, Tensor right) : Node("maximum"), a(std::move(left)), b(std::move(right)) {}
  void backward(const Tensor& dy, Slots dx) override {
    const Tensor tie = 0.5 * zip(Binary::equal, a, b, shape);
    if (dx[0]) dx[0] += dy * (zip(Binary::greater, a, b, shape) + tie);
    if (dx[1]) dx[1] += dy * (zip(Binary::greater, b, a, shape) + tie);
  }
};

// c = min(a, b): as maximum, the other way round.
struct Minimum final : Node {
  Tensor a, b;
  Minimum(Tensor left, Tensor right) : Node("minimum"), a(std::move(left)), b(std::move(right)) {}
  void backward(const Tensor& dy, Slots dx) override {
    const Tensor tie = 0.5 * zip(Binary::equal, a, b, shape);
    if (dx[0]) dx[0] += dy * (zip(Binary::greater, b, a, shape) + tie);
    if (dx[1]) dx[1] += dy * (zip(Binary::greater, a, b, shape) + tie);
  }
};

// y = scale x + shift:  dx = scale dy
struct Affine final : Node {
  double scale, shift;
  Affine(double s, double t) : Node("affine"), scale(s), shift(t) {}
  void backward(const Tensor& dy, Slots dx) override { dx[0] += scaled(scale, dy); }
};

}  // namespace

Tensor add(const Tensor& a, const Tensor& b, Where at) {
  return record<Add>(zip("add", Binary::add, a, b, at), at, {a, b});
}

Tensor sub(const Tensor& a, const Tensor& b, Where at) {
  return record<Sub>(zip("sub", Binary::sub, a, b, at), at, {a, b});
}

Tensor mul(const Tensor& a, const Tensor& b, Where at) {
  return record<Mul>(zip("mul", Binary::mul, a, b, at), at, {a, b}, a, b);
}

Tensor div(const Tensor& a, const Tensor& b, Where at) {
  const Tensor y = zip("div", Binary::div, a, b, at);
  return record<Div>(y, at, {a, b}, b, y);
}

Tensor maximum(const Tensor& a, const Tensor& b, Where at) {
  return record<Maximum>(zip("maximum", Binary::max, a, b, at), at, {a, b}, a, b);
}

Tensor minimum(const Tensor& a, const Tensor& b, Where at) {
  return record<Minimum>(zip("minimum", Binary::min, a, b, at), at, {a, b}, a, b);
}

Tensor affine(const Tensor& x, double scale, double shift, Where at) {
  require_together("affine", at, {x});
  Tensor y = empty_like(x);
  x.backend().affine(to(y), x.view(), scale, shift);
  return record<Affine>(y, at, {x}, scale, shift);
}

Tensor operator/(double c, Arg x) { return affine(reciprocal(x.tensor, x.at), c, 0, x.at); }

static OpCall draw_affine(OpDice& dice) {
  const double scale = static_cast<double>(dice.pick("scale", {-3, -1, 1, 2}));
  const double shift = static_cast<double>(dice.pick("shift", {-1, 0, 2}));
  return {{dice.shape()}, [=](Tensors x) { return affine(x[0], scale, shift); }, [=](Tensors x) { return scale * x[0] + shift; }};
}

std::vector<OpCases> arithmetic_cases() {
  constexpr double c = 0.7;
  const OpRange away_from_0{.hole = 0.5};
  // The twin of an operator is the op it stands for, and a number is a tensor without axes.
  const auto number = [](const Tensor& x) { return Tensor::full(x.device(), {}, c, x.dtype()); };
  const auto x_c = [=](BinaryOp op) { return [=](Tensors x) { return op(x[0], number(x[0]), Where::here()); }; };
  const auto c_x = [=](BinaryOp op) { return [=](Tensors x) { return op(number(x[0]), x[0], Where::here()); }; };
  // clang-format off
  return {
      {.op = "add(a, b)",     .draw = broadcast_pair(add)},
      {.op = "sub(a, b)",     .draw = broadcast_pair(sub), .zero_if_same = true},
      {.op = "mul(a, b)",     .draw = broadcast_pair(mul)},
      {.op = "div(a, b)",     .draw = broadcast_pair(div), .ranges = {{}, away_from_0}, .zero_if_same = true},
      {.op = "maximum(a, b)", .draw = broadcast_pair(maximum)},
      {.op = "minimum(a, b)", .draw = broadcast_pair(minimum)},
      {.op = "affine(x, scale, shift)", .draw = draw_affine},
      {.op = "a + b", .draw = broadcast_pair([](Tensors x) { return x[0] + x[1]; }, add)},
      {.op = "a - b", .draw = broadcast_pair([](Tensors x) { return x[0] - x[1]; }, sub), .zero_if_same = true},
      {.op = "a * b", .draw = broadcast_pair([](Tensors x) { return x[0] * x[1]; }, mul)},
      {.op = "a / b", .draw = broadcast_pair([](Tensors x) { return x[0] / x[1]; }, div), .ranges = {{}, away_from_0}, .zero_if_same = true},
      {.op = "x + c", .draw = elementwise([](Tensors x) { return x[0] + c; }, x_c(add))},
      {.op = "c + x", .draw = elementwise([](Tensors x) { return c + x[0]; }, c_x(add))},
      {.op = "x - c", .draw = elementwise([](Tensors x) { return x[0] - c; }, x_c(sub))},
      {.op = "c - x", .draw = elementwise([](Tensors x) { return c - x[0]; }, c_x(sub))},
      {.op = "x * c", .draw = elementwise([](Tensors x) { return x[0] * c; }, x_c(mul))},
      {.op = "c * x", .draw = elementwise([](Tensors x) { return c * x[0]; }, c_x(mul))},
      {.op = "x / c", .draw = elementwise([](Tensors x) { return x[0] / c; }, x_c(div))},
      {.op = "c / x", .draw = elementwise([](Tensors x) { return c / x[0]; }, c_x(div)), .ranges = {away_from_0}},
      {.op = "-x",    .draw = elementwise([](Tensors x) { return -x[0]; }, [](Tensors x) { return x[0] - 2.0 * x[0]; })},
  };
  // clang-format on
}

}  // namespace glass
