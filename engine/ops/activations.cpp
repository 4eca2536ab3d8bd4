// y = f(x), element by element, and dx = dy f'(x). The formulas f and their slopes stand in kernels/formulas.h.
//
// Backward saves x and computes the slope from it. Keeping more (the tanh inside of gelu, say) would cost another
// buffer as large as x in every layer; recomputing it costs a few flops.
#include "engine/ops/cases.h"
#include "engine/ops/op.h"

namespace glass {
namespace {

struct Map final : Node {
  Unary f;
  Tensor x;
  Map(const char* name, Unary function, Tensor input) : Node(name), f(function), x(std::move(input)) {}
  void backward(const Tensor& dy, Slots dx) override { dx[0] += chained(f, dy, x); }
  Tensor remake() const override {
    const Tensor y = Tensor::empty(x.device(), shape, dtype);
    x.backend().map(f, y.view(), x.view());
    return y;
  }
  bool remakes() const override { return true; }
};

Tensor map(const char* op, Unary f, const Tensor& x, Where at) {
  require_together(op, at, {x});
  Tensor y = empty_like(x);
  x.backend().map(f, y.view(), x.view());
  return record<Map>(y, at, {x}, op, f, x);
}

// y = silu(gate) up
struct SwiGLU final : Node {
  Tensor gate, up;
  SwiGLU(Tensor g, Tensor u) : Node("swiglu"), gate(std::move(g)), up(std::move(u)) {}
  void backward(const Tensor& dy, Slots dx) override {
    dx.at_once<2>([&](Into dgate, Into dup) {
      dy.backend().swiglu_backward(dgate, dup, dy.view(), gate.view(), up.view());
    });
  }
};

constexpr double kSqrt2OverPi = 0.79788456080286535588;
constexpr double kSqrtHalf = 0.70710678118654752440;

}  // namespace

// clang-format off
Tensor exp(const Tensor& x, Where at)        { return map("exp", Unary::exp, x, at); }
Tensor log(const Tensor& x, Where at)        { return map("log", Unary::log, x, at); }
Tensor sqrt(const Tensor& x, Where at)       { return map("sqrt", Unary::sqrt, x, at); }
Tensor rsqrt(const Tensor& x, Where at)      { return map("rsqrt", Unary::rsqrt, x, at); }
Tensor reciprocal(const Tensor& x, Where at) { return map("reciprocal", Unary::reciprocal, x, at); }
Tensor square(const Tensor& x, Where at)     { return map("square", Unary::square, x, at); }
Tensor abs(const Tensor& x, Where at)        { return map("abs", Unary::abs, x, at); }
Tensor sin(const Tensor& x, Where at)        { return map("sin", Unary::sin, x, at); }
Tensor cos(const Tensor& x, Where at)        { return map("cos", Unary::cos, x, at); }
Tensor tanh(const Tensor& x, Where at)       { return map("tanh", Unary::tanh, x, at); }
Tensor erf(const Tensor& x, Where at)        { return map("erf", Unary::erf, x, at); }
Tensor sigmoid(const Tensor& x, Where at)    { return map("sigmoid", Unary::sigmoid, x, at); }
Tensor relu(const Tensor& x, Where at)       { return map("relu", Unary::relu, x, at); }
Tensor relu2(const Tensor& x, Where at)      { return map("relu2", Unary::relu2, x, at); }
Tensor silu(const Tensor& x, Where at)       { return map("silu", Unary::silu, x, at); }
Tensor gelu(const Tensor& x, Where at)       { return map("gelu", Unary::gelu, x, at); }
Tensor gelu_erf(const Tensor& x, Where at)   { return map("gelu_erf", Unary::gelu_erf, x, at); }
// clang-format on

Tensor swiglu(const Tensor& gate, const Tensor& up, Where at) {
  require_together("swiglu", at, {gate, up});
  if (gate.shape() != up.shape()) {
    shape_error("swiglu", "gate " + str(gate.shape()) + " and up " + str(up.shape()) + " have different shapes", at, {gate, up});
  }
  Tensor y = empty_like(gate);
  gate.backend().swiglu(y.view(), gate.view(), up.view());
  return record<SwiGLU>(y, at, {gate, up}, gate, up);
}

namespace composed {

Tensor relu2(const Tensor& x) { return square(relu(x)); }
Tensor sigmoid(const Tensor& x) { return 1.0 / (1.0 + exp(-x)); }
Tensor silu(const Tensor& x) { return x * composed::sigmoid(x); }
Tensor tanh(const Tensor& x) { return 2.0 * composed::sigmoid(2.0 * x) - 1.0; }
Tensor gelu(const Tensor& x) { return 0.5 * x * (1.0 + glass::tanh(kSqrt2OverPi * (x + 0.044715 * (x * x * x)))); }
Tensor gelu_erf(const Tensor& x) { return 0.5 * x * (1.0 + glass::erf(kSqrtHalf * x)); }
Tensor swiglu(const Tensor& gate, const Tensor& up) { return composed::silu(gate) * up; }

}  // namespace composed

std::vector<OpCases> activation_cases() {
  const OpRange wide{-4, 4}, positive{0.3, 4}, away_from_0{.hole = 0.5}, no_kink{.hole = 0.01};
  // clang-format off
  return {
      {.op = "exp(x)",             .draw = elementwise(exp)},
      {.op = "log(x)",             .draw = elementwise(log),        .ranges = {positive}},
      {.op = "sqrt(x)",            .draw = elementwise(sqrt),       .ranges = {positive}},
      {.op = "rsqrt(x)",           .draw = elementwise(rsqrt),      .ranges = {positive}},
      {.op = "reciprocal(x)",      .draw = elementwise(reciprocal), .ranges = {away_from_0}},
      {.op = "square(x)",          .draw = elementwise(square)},
      {.op = "abs(x)",             .draw = elementwise(abs),        .ranges = {no_kink}},
      {.op = "sin(x)",             .draw = elementwise(sin),        .ranges = {wide}},
      {.op = "cos(x)",             .draw = elementwise(cos),        .ranges = {wide}},
      {.op = "tanh(x)",            .draw = elementwise(tanh, composed::tanh),       .ranges = {wide}, .twin = "composed::tanh(x)"},
      {.op = "erf(x)",             .draw = elementwise(erf)},
      {.op = "sigmoid(x)",         .draw = elementwise(sigmoid, composed::sigmoid), .ranges = {wide}, .twin = "composed::sigmoid(x)"},
      {.op = "relu(x)",            .draw = elementwise(relu),       .ranges = {no_kink}},
      {.op = "relu2(x)",           .draw = elementwise(relu2, composed::relu2),     .ranges = {no_kink}, .twin = "composed::relu2(x)"},
      {.op = "silu(x)",            .draw = elementwise(silu, composed::silu),       .ranges = {wide}, .twin = "composed::silu(x)"},
      {.op = "gelu(x)",            .draw = elementwise(gelu, composed::gelu),       .ranges = {wide}, .twin = "composed::gelu(x)"},
      {.op = "gelu_erf(x)",        .draw = elementwise(gelu_erf, composed::gelu_erf), .ranges = {wide}, .twin = "composed::gelu_erf(x)"},
      {.op = "swiglu(gate, up)",   .draw = elementwise(swiglu, composed::swiglu),   .ranges = {wide}, .twin = "composed::swiglu(gate, up)"},
  };
  // clang-format on
}

}  // namespace glass
