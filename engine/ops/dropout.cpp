// y_i = x_i / (1 - p), or 0 with probability p:  dx = the same dropout of dy
//
// Which elements fall is a function of the key and the element's number alone, so backward draws the same ones again and
// no mask is kept.
#include <vector>

#include "engine/ops/cases.h"
#include "engine/ops/op.h"

namespace glass {
namespace {

struct Dropout final : Node {
  double p;
  RandomKey key;
  Dropout(double probability, RandomKey random) : Node("dropout"), p(probability), key(random) {}
  void backward(const Tensor& dy, Slots dx) override {
    if (dx[0]) dy.backend().dropout(dx[0].into_place_of(dy), dy.view(), p, key);
  }
};

}  // namespace

Tensor dropout(const Tensor& x, double p, RandomKey key, Where at) {
  require_together("dropout", at, {x});
  if (!(p >= 0 && p < 1)) shape_error("dropout", "the probability must be in [0, 1), not " + std::to_string(p), at, {x});
  Tensor y = empty_like(x);
  x.backend().dropout(to(y), x.view(), p, key);
  return record<Dropout>(y, at, {x}, p, key);
}

namespace composed {

Tensor dropout(const Tensor& x, double p, RandomKey key) {
  const std::uint32_t threshold = drop_threshold(p);
  std::vector<double> mask(static_cast<std::size_t>(x.numel()));
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const Philox4 block = philox(key, static_cast<std::uint32_t>(i / 4));
    mask[i] = block.x[i % 4] >= threshold ? 1 / (1 - p) : 0;
  }
  return x * Tensor::from(x.device(), mask, x.shape(), x.dtype());
}

}  // namespace composed

static OpCall draw_dropout(OpDice& dice) {
  const double p = 0.1 * static_cast<double>(dice.pick("p/10", {0, 1, 5, 8}));
  RandomKey key = dice.key();
  while (philox(key, 0).x[0] < drop_threshold(p)) ++key.micro;   // the first element stays: the derivative is not zero
  return {{dice.shape()}, [=](Tensors in) { return dropout(in[0], p, key); },
          [=](Tensors in) { return composed::dropout(in[0], p, key); }};
}

std::vector<OpCases> dropout_cases() {
  return {{.op = "dropout(x, p, key)", .draw = draw_dropout, .twin = "composed::dropout(x, p, key)"}};
}

}  // namespace glass
