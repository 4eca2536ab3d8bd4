// A small model as a checkpoint, with random weights: for tests of what goes into files.
#pragma once
#include <string>

#include "kernels/backends.h"
#include "model/formats/export.h"
#include "model/formats/foreign.h"
#include "model/saved_model.h"

namespace glass::test {

inline GPTConfig small_gpt2() {   // gelu with tanh, all biases, tied
  GPTConfig c = preset("gpt2");
  c.vocab_size = 13, c.block_size = 8, c.n_layer = 2, c.n_head = 2, c.n_embd = 8;
  c.init_std = 0.5;   // so that the model has opinions
  return c;
}

inline GPTConfig small_nanogpt() {   // gelu with erf, no bias, tied
  GPTConfig c = small_gpt2();
  c.act = Activation::gelu_erf;
  c.bias_qkv = c.bias_out = c.bias_norm = false;
  return c;
}

inline Checkpoint checkpoint_of(const GPTConfig& config, const TokenizerPtr& tokenizer = nullptr,
                                std::uint64_t seed = 5) {
  const auto model = make_model(config, make_reference_backend(), DType::f32, seed);
  Checkpoint checkpoint;
  for (const Parameter* p : model->parameters())
    checkpoint.tensors.push_back(stored(p->name, p->value));
  put_notes(checkpoint, config, tokenizer, 7, "a small model");
  return checkpoint;
}

}   // namespace glass::test
