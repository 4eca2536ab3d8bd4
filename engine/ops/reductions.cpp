// Sums, means and maxima, over one axis or over everything.
#include "engine/ops/cases.h"
#include "engine/ops/op.h"

namespace glass {
namespace {

// x's shape with size 1 on an axis, or everywhere: what a fold leaves behind.
Shape folded(const Shape& x, int axis) {
  Shape y = x;
  y[axis] = 1;
  return y;
}
Shape folded(const Shape& x) {
  Shape y = x;
  for (int i = 0; i < y.rank; ++i) y.size[i] = 1;
  return y;
}
Shape dropped(const Shape& x, int axis) {
  Shape y;
  for (int i = 0; i < x.rank; ++i) {
    if (i != x.axis(axis)) y.push_back(x.size[i]);
  }
  return y;
}

// The same elements under a shape that only adds or drops sizes of 1.
Tensor reshaped(const Tensor& x, const Shape& shape) { return x.window(shape, row_major(shape), x.offset()); }

Tensor fold(Fold f, const Tensor& x, const Shape& kept) {
  Tensor y = result(x, kept);
  x.backend().fold(f, to(y), x.view());
  return y;
}

// y = sum of x:  every summand has the derivative dy
struct Sum final : Node {
  Shape from, kept;
  Sum(const char* name, const Shape& x, const Shape& y) : Node(name), from(x), kept(y) {}
  void backward(const Tensor& dy, Slots dx) override {
    dx[0] += repeated(reshaped(contiguous(dy), kept), from);
  }
};

// y = (sum of x) / n:  every summand has dy / n
struct Mean final : Node {
  Shape from, kept;
  double n;
  Mean(const Shape& x, const Shape& y, double count) : Node("mean"), from(x), kept(y), n(count) {}
  void backward(const Tensor& dy, Slots dx) override {
    if (dx[0]) dx[0] += repeated(reshaped(dy / n, kept), from);
  }
};

// y = max of x:  those that reach it share dy in equal parts
struct Max final : Node {
  Tensor x, y;                                               // y keeps the axis
  Max(Tensor input, Tensor output) : Node("max"), x(std::move(input)), y(std::move(output)) {}
  void backward(const Tensor& dy, Slots dx) override {
    if (!dx[0]) return;
    Tensor winners = empty_like(x);
    x.backend().zip(Binary::equal, to(winners), x.view(), repeated(y, x.shape()).view());
    const Tensor share = reshaped(contiguous(dy), y.shape()) / fold(Fold::sum, winners, y.shape());
    dx[0] += times(winners, share);
  }
};

Tensor with_axis(const Tensor& y, int axis, Keep keep) {
  return keep == Keep::yes ? y : reshaped(y, dropped(y.shape(), axis));
}

}  // namespace

Tensor sum(const Tensor& x, Where at) {
  require_together("sum", at, {x});
  const Shape kept = folded(x.shape());
  return record<Sum>(reshaped(fold(Fold::sum, x, kept), {}), at, {x}, "sum", x.shape(), kept);
}

Tensor sum(const Tensor& x, int axis, Keep keep, Where at) {
  require_together("sum", at, {x});
  const Shape kept = folded(x.shape(), axis);
  return record<Sum>(with_axis(fold(Fold::sum, x, kept), axis, keep), at, {x}, "sum", x.shape(), kept);
}

static Tensor mean_over(const Tensor& x, const Shape& kept, double n, Where at) {
  require_together("mean", at, {x});
  if (n == 0) shape_error("mean", "there is nothing to average in " + str(x.shape()), at, {x});
  return fold(Fold::sum, x, kept) / n;
}

Tensor mean(const Tensor& x, Where at) {
  const Shape kept = folded(x.shape());
  const double n = static_cast<double>(x.numel());
  return record<Mean>(reshaped(mean_over(x, kept, n, at), {}), at, {x}, x.shape(), kept, n);
}

Tensor mean(const Tensor& x, int axis, Keep keep, Where at) {
  const Shape kept = folded(x.shape(), axis);
  const double n = static_cast<double>(x.dim(axis));
  return record<Mean>(with_axis(mean_over(x, kept, n, at), axis, keep), at, {x}, x.shape(), kept, n);
}

Tensor max(const Tensor& x, int axis, Keep keep, Where at) {
  require_together("max", at, {x});
  if (x.dim(axis) == 0) shape_error("max", "there is no largest of nothing in " + str(x.shape()), at, {x});
  const Tensor y = fold(Fold::max, x, folded(x.shape(), axis));
  return record<Max>(with_axis(y, axis, keep), at, {x}, x, y);
}

using AxisOp = Tensor (*)(const Tensor&, int, Keep, Where);

// Over any axis that has at least `fewest` elements.
static Family along_axis(AxisOp op, std::int64_t fewest) {
  return [=](OpDice& dice) {
    Shape x = dice.shape(1);
    const int axis = dice.axis(x);
    const Keep keep = dice.flip("keep") ? Keep::yes : Keep::no;
    x[axis] = std::max(x[axis], fewest);
    return OpCall{{x}, [=](Tensors in) { return op(in[0], axis, keep, Where::here()); }};
  };
}

static OpCall draw_mean(OpDice& dice) {
  Shape x = dice.shape();
  for (std::int64_t& n : x.size) n = std::max<std::int64_t>(n, 1);
  return {{x}, [](Tensors in) { return mean(in[0]); }, [](Tensors in) { return sum(in[0]) / static_cast<double>(in[0].numel()); }};
}

std::vector<OpCases> reduction_cases() {
  return {
      {.op = "sum(x)", .draw = elementwise([](Tensors x) { return sum(x[0]); })},
      {.op = "sum(x, axis, Keep)", .draw = along_axis(sum, 0)},
      {.op = "mean(x)", .draw = draw_mean},
      {.op = "mean(x, axis, Keep)", .draw = along_axis(mean, 1)},
      {.op = "max(x, axis, Keep)", .draw = along_axis(max, 1)},
  };
}

}  // namespace glass
