#include "model/train_config.h"

namespace glass {

void check(const TrainConfig& c) {
  const auto at_least_one = [](const char* name, std::int64_t value) {
    if (value < 1) fail(UsageError(std::string(name) + " must be at least 1."));
  };
  at_least_one("batch_size", c.batch_size);
  at_least_one("gradient_accumulation_steps", c.gradient_accumulation_steps);
  at_least_one("eval_interval", c.eval_interval);
  at_least_one("eval_iters", c.eval_iters);
  at_least_one("log_interval", c.log_interval);
  for (const double share : {c.repeat, c.repeat_random}) {
    if (!(share >= 0 && share <= 1))
      fail(UsageError("repeat and repeat_random are shares from 0 to 1."));
  }
  for (const double beta : {c.beta1, c.beta2}) {
    if (!(beta >= 0 && beta < 1)) fail(UsageError("beta1 and beta2 must be in [0, 1)."));
  }
}

bool may_change(std::string_view field) {
  for (std::string_view free :
       {"max_iters", "eval_interval", "eval_iters", "log_interval", "save_every",
        "always_save_checkpoint", "keep", "sample_every", "prompt", "on_nonfinite", "recompute"}) {
    if (field == free) return true;
  }
  return false;
}

TrainConfig recipe(std::string_view preset) {
  TrainConfig c;   // char-small: nanoGPT's README on a processor
  if (preset == "names") {
    c.batch_size = 32, c.max_iters = 1500, c.learning_rate = 3e-3, c.min_lr = 3e-4;
  } else if (preset == "char-base") {
    c.batch_size = 64, c.max_iters = 5000,
    c.eval_iters = 10;   // nanoGPT's 200 take minutes on a processor
  } else if (preset == "microgpt") {
    c.batch_size = 16, c.max_iters = 1000, c.learning_rate = 1e-2, c.min_lr = 0, c.warmup_iters = 0;
    c.beta1 = 0.85, c.weight_decay = 0;
  } else if (preset == "induction") {
    c.batch_size = 16, c.max_iters = 600, c.learning_rate = 1e-2, c.min_lr = 1e-2,
    c.warmup_iters = 20;
    c.beta2 = 0.95, c.weight_decay = 0.01;
    c.eval_interval = 25, c.eval_iters = 1, c.keep = 0;   // to watch how its heads grow
  } else if (preset == "bigram") {
    c.batch_size = 64, c.max_iters = 1000, c.learning_rate = 5e-2, c.min_lr = 1e-3,
    c.weight_decay = 0;
  } else if (preset.substr(0, 4) == "gpt2") {
    c.batch_size = 4, c.gradient_accumulation_steps = 8, c.learning_rate = 6e-4, c.min_lr = 6e-5,
    c.beta2 = 0.95;
    c.eval_iters = 5;
  }
  return c;
}

}   // namespace glass
