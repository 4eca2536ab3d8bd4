// AdamW, SGD, clipping, schedules.
#include "engine/optim.h"

#include <cmath>

#include "engine/base/error.h"

namespace glass {

AdamW::AdamW(std::vector<Parameter*> parameters, Options options) : parameters_(std::move(parameters)), options_(options) {
  if (parameters_.empty()) fail(TapeError("adamw: there are no parameters to train"));
  for (const Parameter* p : parameters_) {
    if (!p->value.contiguous()) fail(TapeError("adamw: parameter " + p->name + " is not contiguous"));
    moments_.push_back({Tensor::full(p->value.device(), p->value.shape(), 0, p->value.dtype()),
                        Tensor::full(p->value.device(), p->value.shape(), 0, p->value.dtype())});
  }
  const Tensor& first = parameters_.front()->value;
  numbers_ = Tensor::full(first.device(), {kAdamWNumbers}, 0, first.dtype());
  norm_ = Tensor::full(first.device(), {1}, 0, first.dtype());
  skipped_ = Tensor::full(first.device(), {1}, 0, DType::i32);
}

static void upload_numbers(Tensor& to, const double (&numbers)[kAdamWNumbers]) {
  const View view = to.writable("adamw");
  if (view.dtype == DType::f64) {
    to.backend().upload(view.data, numbers, sizeof numbers);
  } else {
    float rounded[kAdamWNumbers];
    for (int i = 0; i < kAdamWNumbers; ++i) rounded[i] = static_cast<float>(numbers[i]);
    to.backend().upload(view.data, rounded, sizeof rounded);
  }
}

void AdamW::step(double learning_rate, std::span<const Tensor> losses) {
  ++steps_;
  const double t = static_cast<double>(steps_);
  // A kernel in f32 decays by the rounded beta. The correction has to undo that one: 1 - 0.999 in f32 is off by 1e-5.
  const bool rounds = numbers_.dtype() == DType::f32;
  const double beta1 = rounds ? static_cast<float>(options_.beta1) : options_.beta1;
  const double beta2 = rounds ? static_cast<float>(options_.beta2) : options_.beta2;
  double numbers[kAdamWNumbers] = {};
  numbers[kLearningRate] = learning_rate;
  numbers[kBeta1] = beta1;
  numbers[kBeta2] = beta2;
  numbers[kEps] = options_.eps;
  numbers[kCorrection1] = 1 - std::pow(beta1, t);
  numbers[kCorrection2] = 1 - std::pow(beta2, t);
  numbers[kMaxNorm] = options_.max_norm;
  upload_numbers(numbers_, numbers);

  items_.clear();
  grads_.clear();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& p = *parameters_[i];
    if (!p.touched) continue;
    grads_.push_back(p.grad.view());
    const bool shadowed = p.shadow_holds();
    items_.push_back({p.value.writable("adamw"), p.grad.view(), moments_[i].m.writable("adamw"),
                      moments_[i].v.writable("adamw"), p.decay ? options_.weight_decay : 0,
                      shadowed ? p.shadow.writable("adamw") : kNone});
    if (shadowed) p.shadowed = p.value.buffer()->version;
  }
  Backend& backend = numbers_.backend();
  const int count = static_cast<int>(items_.size());
  backend.global_norm(norm_.writable("adamw"), grads_.data(), count);
  // 0 times what is not finite is NaN, and so then is the norm: the kernel skips, and the host need not look first.
  for (const Tensor& loss : losses)
    backend.affine({norm_.window(loss.shape(), row_major(loss.shape()), 0).view(), true}, loss.view(), 0, 0);
  backend.adamw(items_.data(), count, numbers_.view(), norm_.view(), skipped_.writable("adamw"));
}

void AdamW::zero_grad() {
  for (Parameter* p : parameters_) p->zero_grad();
}

double AdamW::grad_norm() const { return norm_.item(); }
bool AdamW::skipped() const { return skipped_.item() != 0; }

void sgd_step(std::span<Parameter* const> parameters, double learning_rate) {
  for (Parameter* p : parameters) {
    if (p->touched) p->value.backend().affine({p->value.writable("sgd"), true}, p->grad.view(), -learning_rate, 0);
  }
}

double clip_grad_norm(std::span<Parameter* const> parameters, double max_norm) {
  std::vector<View> grads;
  Tensor norm;
  for (const Parameter* p : parameters) {
    if (!p->touched) continue;
    grads.push_back(p->grad.view());
    if (!norm) norm = Tensor::empty(p->grad.device(), {1}, p->grad.dtype());
  }
  if (!norm) return 0;
  norm.backend().global_norm(norm.view(), grads.data(), static_cast<int>(grads.size()));
  const double total = norm.item();
  const double factor = max_norm / (total + 1e-6);           // 1e-6 as in PyTorch
  if (factor < 1) {
    for (const View& g : grads) norm.backend().affine({g, false}, g, factor, 0);
  }
  return total;
}

double WarmupCosine::operator()(std::int64_t step) const {
  if (step < warmup) return learning_rate * static_cast<double>(step + 1) / static_cast<double>(warmup + 1);
  if (step > decay_steps) return min_lr;
  constexpr double kPi = 3.14159265358979323846;
  const double done = decay_steps == warmup ? 1 : static_cast<double>(step - warmup) / static_cast<double>(decay_steps - warmup);
  return min_lr + 0.5 * (1 + std::cos(kPi * done)) * (learning_rate - min_lr);
}

double LinearDecay::operator()(std::int64_t step) const {
  return learning_rate * (1 - static_cast<double>(step) / static_cast<double>(steps));
}

}  // namespace glass
