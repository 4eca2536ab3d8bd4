// softmax(x)_i = exp(x_i) / sum_j exp(x_j), over the last axis
//
// The row maximum is subtracted first: exp(89) overflows f32, and softmax does not change. A row in which nothing may be
// seen (all -inf) gives zeros.
// Backward: dx_i = y_i (dy_i - sum_j dy_j y_j). Only y is saved.
#include "engine/ops/cases.h"
#include "engine/ops/op.h"

namespace glass {
namespace {

struct Softmax final : Node {
  Tensor y;
  explicit Softmax(Tensor output) : Node("softmax"), y(std::move(output)) {}
  void backward(const Tensor& dy, Slots dx) override {
    y.backend().softmax_backward(dx[0].into(), dy.view(), y.view());
  }
};

}  // namespace

Tensor softmax(const Tensor& x, Where at) {
  require_together("softmax", at, {x});
  if (x.rank() < 1) shape_error("softmax", "needs an axis to sum over, and a single number has none", at, {x});
  Tensor y = empty_like(x);
  x.backend().softmax(y.view(), x.view());
  return record<Softmax>(y, at, {x}, y);
}

namespace composed {

Tensor softmax(const Tensor& x) {
  const Tensor top = max(x.detach(), -1, Keep::yes);
  const Tensor e = exp(x - top);
  return e / sum(e, -1, Keep::yes);
}

}  // namespace composed

std::vector<OpCases> softmax_cases() {
  return {{.op = "softmax(x)",
           .draw = rows(softmax, composed::softmax),
           .ranges = {{-4, 4}},
           .twin = "composed::softmax(x)",
           .compares_rows = true}};
}

}  // namespace glass
