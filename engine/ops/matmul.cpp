// Matrix products.
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
  Tensor x, w;
  Linear(Tensor input, Tensor weight) : Node("linear"), x(std::move(input)), w(std::move(weight)) {}
  void backward(const Tensor& dy, Slots dx) override {
    const Tensor dy_rows = as_rows(dy);
    if (dx[0]) dy.backend().matmul(as_rows_into(dx[0], x), dy_rows.view(), w.view());
    if (dx[1]) dx[1] += product(swapped(dy_rows), as_rows(x));
    if (dx[2]) dx[2] += dy_rows;
  }
  // A gradient is contiguous, so it is a matrix of rows as it lies.
  static Into as_rows_into(const Slot& slot, const Tensor& x) {
    const Into dx = slot.into();
    const std::int64_t columns = x.dim(-1);
    View rows = dx.view;
    rows.rank = 2;
    rows.shape[0] = x.shape().prefix(x.rank() - 1).numel(), rows.stride[0] = columns;
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

Tensor linear(const Tensor& x, const Tensor& w, Where at) {
  require_together("linear", at, {x, w});
  require_linear(x, w, at);
  Tensor y = result(x, linear_shape(x, w));
  x.backend().linear(y.view(), x.view(), w.view(), kNone);
  return record<Linear>(y, at, {x, w}, x, w);
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, Where at) {
  require_together("linear", at, {x, w, bias});
  require_linear(x, w, at);
  if (bias.shape() != Shape{w.dim(0)}) {
    shape_error("linear", "bias " + str(bias.shape()) + " does not fit weight " + str(w.shape()) + ", it should be (" +
                              std::to_string(w.dim(0)) + ")", at, {x, w, bias});
  }
  Tensor y = result(x, linear_shape(x, w));
  x.backend().linear(y.view(), x.view(), w.view(), bias.view());
  return record<Linear>(y, at, {x, w, bias}, x, w);
}

namespace composed {

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
  if (x.rank() == 1) return reshape(composed::linear(reshape(x, {1, x.dim(0)}), w, bias), {w.dim(0)});   // one row
  return matmul(x, transpose(w)) + bias;
}

}  // namespace composed
}  // namespace glass
