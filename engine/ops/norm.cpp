// layernorm(x) = (x - mean) / sqrt(var + eps) * w + b     over the last axis, var = mean of (x - mean)^2
// rmsnorm(x)   = x / sqrt(mean of x^2 + eps) * w
//
// Saved for backward: x and two numbers a row, mean and rstd = 1 / sqrt(..). With xhat the normalised x and g = dy w:
//   layernorm:  dx = rstd (g - mean(g) - xhat mean(g xhat)),   dw = sum over rows of dy xhat,   db = sum over rows of dy
//   rmsnorm:    dx = rstd (g - xhat mean(g xhat)),             dw = sum over rows of dy xhat
#include "engine/ops/cases.h"
#include "engine/ops/op.h"

namespace glass {
namespace {

struct LayerNorm final : Node {
  Tensor x, w, b, mean, rstd;                                // b is empty for a norm without bias
  double eps;
  LayerNorm(Tensor input, Tensor weight, Tensor bias, Tensor mu, Tensor inverse, double least)
      : Node("layernorm"), x(std::move(input)), w(std::move(weight)), b(std::move(bias)), mean(std::move(mu)),
        rstd(std::move(inverse)), eps(least) {}
  void backward(const Tensor& dy, Slots dx) override {
    dx.at_once<3>([&](Into dx_rows, Into dw, Into db) {
      x.backend().layernorm_backward(dx_rows, dw, db, packed_rows(dy).view(), x.view(), w.view(), mean.view(), rstd.view());
    });
  }
  Tensor remake() const override {                           // mean and rstd come out as they did before
    const Tensor y = Tensor::empty(x.device(), shape, dtype);
    x.backend().layernorm(y.view(), mean.view(), rstd.view(), x.view(), w.view(), b.view(), eps);
    return y;
  }
  bool remakes() const override { return true; }
};

struct RMSNorm final : Node {
  Tensor x, w, rstd;                                         // w is empty for a norm without weight
  double eps;
  RMSNorm(Tensor input, Tensor weight, Tensor inverse, double least)
      : Node("rmsnorm"), x(std::move(input)), w(std::move(weight)), rstd(std::move(inverse)), eps(least) {}
  void backward(const Tensor& dy, Slots dx) override {
    dx.at_once<2>([&](Into dx_rows, Into dw) {
      x.backend().rmsnorm_backward(dx_rows, dw, packed_rows(dy).view(), x.view(), w.view(), rstd.view());
    });
  }
  Tensor remake() const override {
    const Tensor y = Tensor::empty(x.device(), shape, dtype);
    x.backend().rmsnorm(y.view(), rstd.view(), x.view(), w.view(), eps);
    return y;
  }
  bool remakes() const override { return true; }
};

void require_rows(const char* op, const Tensor& x, Where at) {
  if (x.rank() < 1) shape_error(op, "needs an axis to normalise, and a single number has none", at, {x});
}

void require_channels(const char* op, const char* what, const Tensor& v, const Tensor& x, Where at) {
  if (v.shape() != Shape{x.dim(-1)}) {
    shape_error(op, std::string(what) + " " + str(v.shape()) + " does not fit x " + str(x.shape()) + ", it should be (" +
                        std::to_string(x.dim(-1)) + ")", at, {x, v});
  }
}

Shape one_each_row(const Tensor& x) {
  Shape shape = x.shape();
  shape[-1] = 1;
  return shape;
}

}  // namespace

Tensor layernorm(const Tensor& x, const Tensor& w, const Tensor& b, double eps, DType writes, Where at) {
  require_rows("layernorm", x, at);
  require_channels("layernorm", "weight", w, x, at);
  if (b) require_channels("layernorm", "bias", b, x, at);
  const Tensor rows = packed_rows(x);
  Tensor y = Tensor::empty(x.device(), x.shape(), writes);
  Tensor mean = statistics(x, one_each_row(x)), rstd = statistics(x, one_each_row(x));
  x.backend().layernorm(y.view(), mean.view(), rstd.view(), rows.view(), w.view(), b.view(), eps);
  return b ? record<LayerNorm>(y, at, {x, w, b}, rows, w, b, mean, rstd, eps)
           : record<LayerNorm>(y, at, {x, w}, rows, w, b, mean, rstd, eps);
}

Tensor layernorm(const Tensor& x, const Tensor& w, const Tensor& b, double eps, Where at) {
  require_together("layernorm", at, {x, w, b});
  return layernorm(x, w, b, eps, x.dtype(), at);
}

Tensor layernorm(const Tensor& x, const Tensor& w, double eps, Where at) {
  require_together("layernorm", at, {x, w});
  return layernorm(x, w, Tensor(), eps, x.dtype(), at);
}

Tensor rmsnorm(const Tensor& x, const Tensor& w, double eps, DType writes, Where at) {
  require_rows("rmsnorm", x, at);
  if (w) require_channels("rmsnorm", "weight", w, x, at);
  const Tensor rows = packed_rows(x);
  Tensor y = Tensor::empty(x.device(), x.shape(), writes), rstd = statistics(x, one_each_row(x));
  x.backend().rmsnorm(y.view(), rstd.view(), rows.view(), w.view(), eps);
  return w ? record<RMSNorm>(y, at, {x, w}, rows, w, rstd, eps) : record<RMSNorm>(y, at, {x}, rows, w, rstd, eps);
}

Tensor rmsnorm(const Tensor& x, const Tensor& w, double eps, Where at) {
  require_together("rmsnorm", at, {x, w});
  return rmsnorm(x, w, eps, x.dtype(), at);
}

Tensor rmsnorm(const Tensor& x, double eps, Where at) {
  require_together("rmsnorm", at, {x});
  return rmsnorm(x, Tensor(), eps, x.dtype(), at);
}

namespace composed {

Tensor layernorm(const Tensor& x, const Tensor& w, const Tensor& b, double eps) {
  const Tensor centred = x - mean(x, -1, Keep::yes);
  const Tensor variance = mean(square(centred), -1, Keep::yes);
  return centred * rsqrt(variance + eps) * w + b;
}

Tensor rmsnorm(const Tensor& x, const Tensor& w, double eps) {
  return composed::rmsnorm(x, eps) * w;
}

Tensor rmsnorm(const Tensor& x, double eps) { return x * rsqrt(mean(square(x), -1, Keep::yes) + eps); }

}  // namespace composed

// Inputs (..,C), and `vectors` times (C).
static Family normed(std::size_t vectors, TensorFunction op, TensorFunction twin) {
  return [=](OpDice& dice) {
    Shape x = dice.same() ? dice.shape(1, 1) : dice.shape(1);
    x[-1] = std::max<std::int64_t>(x[-1], 1);
    OpCall call{{x}, op, twin};
    call.inputs.resize(1 + vectors, {x[-1]});
    return call;
  };
}

std::vector<OpCases> norm_cases() {
  constexpr double eps = 0.1;   // large enough to be noticed
  const auto layernorm_wb = normed(2, [](Tensors in) { return layernorm(in[0], in[1], in[2], eps); },
                                   [](Tensors in) { return composed::layernorm(in[0], in[1], in[2], eps); });
  const auto layernorm_w = normed(1, [](Tensors in) { return layernorm(in[0], in[1], eps); }, [](Tensors in) {
    return composed::layernorm(in[0], in[1], Tensor::full(in[1].device(), in[1].shape(), 0, in[1].dtype()), eps);
  });
  const auto with_w = [=](OpDice& dice) {
    OpCall call = layernorm_w(dice);
    call.zero_gradient = call.inputs[1].numel() == 1;        // with one channel, x - mean is 0
    return call;
  };
  const auto rmsnorm_w = normed(1, [](Tensors in) { return rmsnorm(in[0], in[1], eps); },
                                [](Tensors in) { return composed::rmsnorm(in[0], in[1], eps); });
  const auto layernorm_writes = normed(2, [](Tensors in) { return layernorm(in[0], in[1], in[2], eps, in[0].dtype()); },
                                       [](Tensors in) { return layernorm(in[0], in[1], in[2], eps); });
  const auto rmsnorm_writes = normed(1, [](Tensors in) { return rmsnorm(in[0], in[1], eps, in[0].dtype()); },
                                     [](Tensors in) { return rmsnorm(in[0], in[1], eps); });
  const auto rmsnorm_x = normed(0, [](Tensors in) { return rmsnorm(in[0], eps); },
                                [](Tensors in) { return composed::rmsnorm(in[0], eps); });
  // clang-format off
  return {
      {.op = "layernorm(x, w, b, eps)", .draw = layernorm_wb, .twin = "composed::layernorm(x, w, b, eps)", .compares_rows = true},
      {.op = "layernorm(x, w, eps)",    .draw = with_w, .compares_rows = true},
      {.op = "layernorm(x, w, b, eps, writes)", .draw = layernorm_writes, .compares_rows = true},
      {.op = "rmsnorm(x, w, eps, writes)",      .draw = rmsnorm_writes},
      {.op = "rmsnorm(x, w, eps)",      .draw = rmsnorm_w, .twin = "composed::rmsnorm(x, w, eps)"},
      {.op = "rmsnorm(x, eps)",         .draw = rmsnorm_x, .twin = "composed::rmsnorm(x, eps)"},
  };
  // clang-format on
}

}  // namespace glass
