// Matrix products.
#include "engine/ops/cases.h"
#include "engine/ops/op.h"

namespace glass {
namespace {

// A transpose without a node.
Tensor swapped(const Tensor& x) {
  Shape shape = x.shape(), stride = x.stride();
  std::swap(shape[-1], shape[-2]);
  std::swap(stride[-1], stride[-2]);
  return x.window(shape, stride, x.offset());
}

// c = a b:  da = dc b^T, db = a^T dc
struct MatMul final : Node {
  Tensor a, b;
  MatMul(Tensor left, Tensor right) : Node("matmul"), a(std::move(left)), b(std::move(right)) {}
  void backward(const Tensor& dy, Slots dx) override {
    if (a.rank() > 2 && b.rank() == 2) return backward_rows(dy, dx);
    const Shape leading = dy.shape().prefix(dy.rank() - 2);
    if (dx[0]) dx[0] += product(dy, swapped(with_leading(b, leading)));
    if (dx[1]) dx[1] += product(swapped(with_leading(a, leading)), dy);
  }
  // One matrix b for a whole batch: its derivative is one product over all rows, not a sum of many.
  void backward_rows(const Tensor& dy, Slots dx) {
    if (dx[0]) dx[0] += product(dy, swapped(with_leading(b, dy.shape().prefix(dy.rank() - 2))));
    if (dx[1]) dx[1] += product(swapped(as_rows(a)), as_rows(dy));
  }
  // x repeated so that it has one matrix for each of `leading`.
  static Tensor with_leading(const Tensor& x, Shape leading) {
    leading.push_back(x.dim(-2));
    leading.push_back(x.dim(-1));
    return repeated(x, leading);
  }
};

// y = x w^T + bias, where rows are all leading axes of x:  dx = dy w, dw = dy^T x, dbias = the sum of dy's rows
struct Linear final : Node {
  Kept x;
  Tensor w;
  Linear(const Kept& input, Tensor weight) : Node("linear"), x(input), w(std::move(weight)) {}
  void backward(const Tensor& dy, Slots dx) override {
    const Tensor dy_rows = as_rows(dy), factor = converted(dy_rows, w.dtype());   // both factors have one type
    if (dx[1]) dx[1] += product(swapped(factor), as_rows(x.get()));   // first: a remade x is gone before dx is there
    if (dx[0]) dy.backend().matmul(as_rows_into(dx[0]), factor.view(), w.view());
    if (dx[2]) dx[2] += dy_rows;
  }
  // A gradient is contiguous, so it is a matrix of rows as it lies.
  static Into as_rows_into(const Slot& slot) {
    const Into dx = slot.into();
    const std::int64_t columns = slot.shape()[-1];
    View rows = dx.view;
    rows.rank = 2;
    rows.shape[0] = slot.shape().prefix(slot.shape().rank - 1).numel(), rows.stride[0] = columns;
    rows.shape[1] = columns, rows.stride[1] = 1;
    return {rows, dx.add};
  }
};

void require_linear(const Tensor& x, const Tensor& w, Where at) {
  if (x.rank() < 1 || w.rank() != 2 || x.dim(-1) != w.dim(1)) {
    shape_error("linear", "x " + str(x.shape()) + " and weight " + str(w.shape()) +
                              " do not fit: x (..,K) needs a weight (N,K)", at, {x, w});
  }
}

Shape linear_shape(const Tensor& x, const Tensor& w) {
  Shape shape = x.shape();
  shape[-1] = w.dim(0);
  return shape;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, Where at) {
  require_together("matmul", at, {a, b});
  const std::string both = str(a.shape()) + " and " + str(b.shape());
  if (a.rank() < 2 || b.rank() < 2) shape_error("matmul", "needs matrices, not " + both, at, {a, b});
  if (a.dim(-1) != b.dim(-2)) {
    shape_error("matmul", "inner sizes differ: " + both + ", " + std::to_string(a.dim(-1)) + " is not " +
                              std::to_string(b.dim(-2)), at, {a, b});
  }
  const Broadcast leading = broadcast(a.shape().prefix(a.rank() - 2), b.shape().prefix(b.rank() - 2));
  if (!leading.fits) shape_error("matmul", "leading sizes of " + both + " do not broadcast", at, {a, b});
  Shape shape = leading.shape;
  shape.push_back(a.dim(-2));
  shape.push_back(b.dim(-1));
  Tensor c = result(a, shape);
  a.backend().matmul(to(c), MatMul::with_leading(a, leading.shape).view(), MatMul::with_leading(b, leading.shape).view());
  return record<MatMul>(c, at, {a, b}, a, b);
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, DType writes, Where at) {
  require_together("linear", at, {x, w});
  require_linear(x, w, at);
  if (bias && bias.shape() != Shape{w.dim(0)}) {
    shape_error("linear", "bias " + str(bias.shape()) + " does not fit weight " + str(w.shape()) + ", it should be (" +
                              std::to_string(w.dim(0)) + ")", at, {x, w, bias});
  }
  Tensor y = Tensor::empty(x.device(), linear_shape(x, w), writes);
  x.backend().linear(y.view(), x.view(), w.view(), bias.view());
  return bias ? record<Linear>(y, at, {x, w, bias}, Kept(x), w) : record<Linear>(y, at, {x, w}, Kept(x), w);
}

Tensor linear(const Tensor& x, const Tensor& w, Where at) { return linear(x, w, Tensor(), x.dtype(), at); }

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, Where at) {
  require_together("linear", at, {x, w, bias});
  return linear(x, w, bias, x.dtype(), at);
}

namespace composed {

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
  if (x.rank() == 1) return reshape(composed::linear(reshape(x, {1, x.dim(0)}), w, bias), {w.dim(0)});   // one row
  return matmul(x, transpose(w)) + bias;
}

}  // namespace composed

// Matrices (M,K) and (K,N) behind leading axes that broadcast; for one tensor on both sides x x, or x x^T.
static OpCall draw_matmul(OpDice& dice) {
  const auto product = [](Tensors x) { return matmul(x[0], x[1]); };
  const auto n = dice.sizes(3);
  Shape a, b;
  const std::int64_t leading = dice.below(4), shared = dice.below(leading + 1), longer = dice.below(2);
  for (std::int64_t left = leading; left > 0; --left) {
    const std::int64_t size = 1 + dice.below(3), one = dice.below(3);
    if (left <= shared || longer == 0) a.push_back(one == 1 ? 1 : size);
    if (left <= shared || longer == 1) b.push_back(one == 2 ? 1 : size);
  }
  if (dice.same()) {
    a.push_back(n[0]), a.push_back(dice.flip("transposed") ? n[1] : n[0]);
    if (a[-1] == a[-2]) return {{a, a}, product};
    return {{a}, [](Tensors x) { return matmul(x[0], transpose(x[0])); }};
  }
  a.push_back(n[0]), a.push_back(n[1]);
  b.push_back(n[1]), b.push_back(n[2]);
  return {{a, b}, product};
}

// x (..,K), w (N,K), bias (N)
static std::vector<Shape> linear_shapes(OpDice& dice) {
  const auto n = dice.sizes(3);
  const std::int64_t rows = dice.same() ? n[2] : n[0];
  Shape x;
  switch (dice.same() ? 1 : dice.below(4)) {
    case 0: break;
    case 1: x = {rows}; break;
    case 2: x = {2, rows}; break;
    default: x = {2, rows, 3}; break;
  }
  x.push_back(n[1]);
  return {x, {n[2], n[1]}, {n[2]}};
}

static OpCall draw_linear(OpDice& dice) {
  return {linear_shapes(dice), [](Tensors in) { return linear(in[0], in[1], in[2]); },
          [](Tensors in) { return composed::linear(in[0], in[1], in[2]); }};
}

static OpCall draw_linear_without_bias(OpDice& dice) {
  const auto shapes = linear_shapes(dice);
  const auto zeros = [=](const Tensor& w) { return Tensor::full(w.device(), shapes[2], 0, w.dtype()); };
  return {{shapes[0], shapes[1]}, [](Tensors in) { return linear(in[0], in[1]); },
          [=](Tensors in) { return composed::linear(in[0], in[1], zeros(in[1])); }};
}

static OpCall draw_linear_that_writes(OpDice& dice) {
  const auto shapes = linear_shapes(dice);
  return {{shapes[0], shapes[1]}, [](Tensors in) { return linear(in[0], in[1], Tensor(), in[0].dtype()); },
          [](Tensors in) { return linear(in[0], in[1]); }};
}

std::vector<OpCases> matmul_cases() {
  return {
      {.op = "matmul(a, b)", .draw = draw_matmul},
      {.op = "linear(x, w)", .draw = draw_linear_without_bias},
      {.op = "linear(x, w, bias, writes)", .draw = draw_linear_that_writes},
      {.op = "linear(x, w, bias)", .draw = draw_linear, .twin = "composed::linear(x, w, bias)"},
  };
}

}  // namespace glass
