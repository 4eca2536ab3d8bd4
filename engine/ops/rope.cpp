// rope(x): the pair (x_i, x_{i + D/2}) of a head at position t turns by the angle t base^(-2i/D)
//
// The score of a query and a key then depends on the distance of their positions only. A rotation keeps lengths, so its
// derivative is the rotation back: dx = dy turned by minus the angle.
#include <cmath>
#include <vector>

#include "engine/ops/cases.h"
#include "engine/ops/op.h"

namespace glass {
namespace {

struct Rope final : Node {
  double base;
  std::int64_t position;
  Rope(double b, std::int64_t first) : Node("rope"), base(b), position(first) {}
  void backward(const Tensor& dy, Slots dx) override {
    if (dx[0]) dy.backend().rope(dx[0].into(), packed_rows(dy).view(), base, position, true);
  }
};

}  // namespace

Tensor rope(const Tensor& x, std::int64_t position, double base, Where at) {
  require_together("rope", at, {x});
  if (x.rank() != 4 || x.dim(3) % 2 != 0) {
    shape_error("rope", str(x.shape()) + " should be (B,H,T,D) with an even D", at, {x});
  }
  Tensor y = empty_like(x);
  x.backend().rope(to(y), packed_rows(x).view(), base, position, false);
  return record<Rope>(y, at, {x}, base, position);
}

namespace composed {

Tensor rope(const Tensor& x, std::int64_t position, double base) {
  const std::int64_t T = x.dim(2), half = x.dim(3) / 2;
  std::vector<double> cosines, sines;
  for (std::int64_t t = 0; t < T; ++t) {
    for (std::int64_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(position + t) * std::pow(base, -static_cast<double>(i) / static_cast<double>(half));
      cosines.push_back(std::cos(angle));
      sines.push_back(std::sin(angle));
    }
  }
  const Tensor c = Tensor::from(x.device(), cosines, {T, half}, x.dtype());
  const Tensor s = Tensor::from(x.device(), sines, {T, half}, x.dtype());
  const Tensor first = slice(x, 3, 0, half), second = slice(x, 3, half, 2 * half);
  return concat({first * c - second * s, second * c + first * s}, 3);
}

}  // namespace composed

static OpCall draw_rope(OpDice& dice) {
  const auto n = dice.sizes(4);
  const std::int64_t position = dice.pick("position", {0, 1, 7, 1000});
  const double base = static_cast<double>(dice.pick("base", {10, 10000}));
  return {{{n[0], n[1], n[2], 2 * n[3]}}, [=](Tensors in) { return rope(in[0], position, base); },
          [=](Tensors in) { return composed::rope(in[0], position, base); }};
}

std::vector<OpCases> rope_cases() {
  return {{.op = "rope(x, position, base)", .draw = draw_rope, .twin = "composed::rope(x, position, base)"}};
}

}  // namespace glass
