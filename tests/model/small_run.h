// A training run that is small enough to be repeated many times in a test: a tiny GPT on a tiny
// text.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "kernels/backends.h"
#include "model/run.h"
#include "model/tokenizer/tokenizer.h"
#include "tests/pattern.h"

namespace glass::test {

inline std::vector<std::int32_t> small_text(std::int64_t n, int vocab, std::uint32_t seed) {
  std::vector<std::int32_t> ids;
  std::uint32_t state = seed;
  for (std::int64_t i = 0; i < n; ++i) {
    state = state * 1664525u + 1013904223u;   // Numerical Recipes' generator: any will do
    const bool repeat = i >= 7 && state >> 30 != 0;
    ids.push_back(
        repeat ? ids[static_cast<std::size_t>(i - 7)]
               : static_cast<std::int32_t>((state >> 16) % static_cast<std::uint32_t>(vocab)));
  }
  return ids;
}

inline Dataset small_data(std::int64_t train = 301, std::int64_t val = 90) {
  Dataset data;
  data.name = "small";
  data.vocab_size = 11;
  data.train = Tokens(small_text(train, 11, 1));
  data.val = Tokens(small_text(val, 11, 2));
  return data;
}

inline GPTConfig small_model() {
  GPTConfig c = preset("char-small");
  c.vocab_size = 11, c.n_layer = 2, c.n_head = 2, c.n_embd = 16, c.block_size = 8;
  return c;
}

inline TrainConfig small_recipe(std::int64_t steps) {
  TrainConfig c;
  c.batch_size = 3, c.max_iters = steps, c.lr_decay_iters = 200, c.warmup_iters = 5;
  c.eval_interval = 10, c.eval_iters = 2, c.log_interval = 1;
  return c;
}

// Everything that a trainer needs, in the order in which it must live.
struct SmallTraining {
  Dataset data;
  Device device;
  std::unique_ptr<LanguageModel> model;
  Trainer trainer;

  SmallTraining(const GPTConfig& config, const TrainConfig& recipe,
                Device on = make_backend("cpu", "auto", 1), Dataset text = small_data(),
                DType dtype = DType::f32)
      : data(std::move(text)),
        device(std::move(on)),
        model(make_model(config, device, dtype, 1)),
        trainer(*model, data, recipe) {}
};

}   // namespace glass::test
