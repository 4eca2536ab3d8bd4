// How a model is trained. The names are nanoGPT's, and so are the defaults where nanoGPT's README
// trains a small model.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "model/fields.h"

namespace glass {

enum class OnNonFinite : std::uint8_t { stop, skip };
template <>
struct Names<OnNonFinite> {
  static constexpr std::array<std::string_view, 2> all = {"stop", "skip"};
};

// What a run computes in; bf16: see the table in model/README.md.
enum class Numbers : std::uint8_t { f32, bf16, f64 };
template <>
struct Names<Numbers> {
  static constexpr std::array<std::string_view, 3> all = {"f32", "bf16", "f64"};
};

struct TrainConfig {
  std::int64_t seed = 1337;
  std::int64_t batch_size = 12;                   // B: windows in a micro-step
  std::int64_t gradient_accumulation_steps = 1;   // micro-steps in a step
  std::int64_t max_iters = 2000;
  double learning_rate = 1e-3, min_lr = 1e-4;
  std::int64_t warmup_iters = 100;
  std::int64_t lr_decay_iters = 0;   // 0: max_iters
  double repeat = 0, repeat_random = 0;   // shares of samples with a passage that comes again
  double beta1 = 0.9, beta2 = 0.99, weight_decay = 0.1, grad_clip = 1.0;

  std::int64_t eval_interval = 250, eval_iters = 20, log_interval = 10;
  std::int64_t save_every = 0;          // 0: at every evaluation
  bool always_save_checkpoint = true;   // false: only when the validation loss is the best so far
  std::int64_t keep = 3;                // checkpoints beside best
  std::int64_t sample_every = 0;        // steps between samples; 0: at the end
  std::string prompt;

  OnNonFinite on_nonfinite = OnNonFinite::stop;
  bool recompute = false;
  Numbers dtype = Numbers::f32;

  std::int64_t decay_steps() const { return lr_decay_iters > 0 ? lr_decay_iters : max_iters; }
  std::int64_t samples_per_step() const { return batch_size * gradient_accumulation_steps; }
};

template <class Config, class F>
requires std::is_same_v<std::remove_const_t<Config>, TrainConfig>
void each_field(Config& c, const F& f) {
  f("seed", c.seed);
  f("batch_size", c.batch_size);
  f("gradient_accumulation_steps", c.gradient_accumulation_steps);
  f("max_iters", c.max_iters);
  f("learning_rate", c.learning_rate);
  f("min_lr", c.min_lr);
  f("warmup_iters", c.warmup_iters);
  f("lr_decay_iters", c.lr_decay_iters);
  f("repeat", c.repeat);
  f("repeat_random", c.repeat_random);
  f("beta1", c.beta1);
  f("beta2", c.beta2);
  f("weight_decay", c.weight_decay);
  f("grad_clip", c.grad_clip);
  f("eval_interval", c.eval_interval);
  f("eval_iters", c.eval_iters);
  f("log_interval", c.log_interval);
  f("save_every", c.save_every);
  f("always_save_checkpoint", c.always_save_checkpoint);
  f("keep", c.keep);
  f("sample_every", c.sample_every);
  f("prompt", c.prompt);
  f("on_nonfinite", c.on_nonfinite);
  f("recompute", c.recompute);
  f("dtype", c.dtype);
}

// Throws a UsageError with one sentence when nobody could train so.
void check(const TrainConfig& config);

// The settings that do not change what is learned, only how long and what is told about it: a run
// may go on with others.
bool may_change(std::string_view field);

// How the model of a preset is trained by default.
TrainConfig recipe(std::string_view preset);

}   // namespace glass
