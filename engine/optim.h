// Optimizers: how gradients become better weights. And schedules: how large the steps are.
#pragma once
#include <span>
#include <vector>

#include "engine/parameter.h"

namespace glass {

// AdamW (Loshchilov and Hutter, 2017) keeps two running means for every weight, of g and of g^2, and steps by their
// ratio. Weights with `decay` (matrices, not biases and norms) also shrink a little every step.
class AdamW {
 public:
  struct Options { double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.01, max_norm = 0; };   // max_norm 0: no clipping

  AdamW(std::vector<Parameter*> parameters, Options options);

  // One step with the gradients that stand in the parameters; those without a gradient stay. A step whose gradient norm
  // is not finite changes nothing, nor does one of a loss that is not (`losses`: with one element each); `skipped` says
  // so. Nothing here waits for the device.
  void step(double learning_rate, std::span<const Tensor> losses = {});
  void zero_grad();

  double grad_norm() const;                    // of the last step, before clipping; waits for the device
  bool skipped() const;                        // was the last step skipped? waits for the device
  const Tensor& norm() const { return norm_; }             // the same on the device, for who fetches more with it
  const Tensor& skipped_flag() const { return skipped_; }
  std::int64_t steps() const { return steps_; }
  const Options& options() const { return options_; }

  // The optimizer's memory, for checkpoints: moments in the order of the parameters, and the number of steps.
  struct Moments { Tensor m, v; };
  std::span<const Parameter* const> parameters() const { return {parameters_.data(), parameters_.size()}; }
  std::vector<Moments>& moments() { return moments_; }
  void set_steps(std::int64_t n) { steps_ = n; }

 private:
  std::vector<Parameter*> parameters_;
  std::vector<Moments> moments_;
  Options options_;
  std::int64_t steps_ = 0;
  Tensor numbers_, norm_, skipped_;            // small, on the device: see AdamWNumber in kernels/backend.h
  std::vector<AdamWItem> items_;               // kept from step to step: a step allocates nothing
  std::vector<View> grads_;
};

// Stochastic gradient descent: p -= lr g.
void sgd_step(std::span<Parameter* const> parameters, double learning_rate);

// The Euclidean norm of all gradients together, and the factor that brings it down to max_norm applied to each of them.
double clip_grad_norm(std::span<Parameter* const> parameters, double max_norm);

// Schedules give the learning rate of step 0, 1, 2, ...
struct WarmupCosine {                          // nanoGPT's: a linear rise, half a cosine down to the least, then flat
  double learning_rate, min_lr;
  std::int64_t warmup, decay_steps;
  double operator()(std::int64_t step) const;
};
struct LinearDecay {                           // microgpt's: a straight line down to zero
  double learning_rate;
  std::int64_t steps;
  double operator()(std::int64_t step) const;
};

}  // namespace glass
