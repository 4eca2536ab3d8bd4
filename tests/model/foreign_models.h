// Small models for tests of other programs' formats: drawn weights, every kind of tensor that a
// GPT-2 has.
#pragma once
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "model/formats/export.h"
#include "model/saved_model.h"
#include "model/tokenizer/char.h"
#include "tests/engine/devices.h"

namespace glass::test {

// V = 29, T = 16, two layers of four heads, C = 32.
inline GPTConfig gpt2_of_letters() {
  GPTConfig c;
  c.vocab_size = 29, c.block_size = 16, c.n_layer = 2, c.n_head = 4, c.n_embd = 32;
  return c;
}

// The letters a .. z, a space, a line end and an e with an accent: 29 of them.
inline TokenizerPtr small_letters() {
  std::u32string letters = U"\n ";
  for (char32_t c = U'a'; c <= U'z'; ++c) letters += c;
  letters += U'\u00e9';
  return std::make_shared<CharTokenizer>(letters, "the test");
}

// Weights as training begins, biases and norms moved a little, so that no two tensors are alike.
inline Checkpoint small_checkpoint(const GPTConfig& config) {
  const auto model = make_model(config, testing::cpu("scalar"), DType::f32, 7);
  Checkpoint checkpoint;
  float moved = 0;
  for (const Parameter* p : model->parameters()) {
    StoredTensor tensor = stored(p->name, p->value);
    auto* numbers = const_cast<float*>(reinterpret_cast<const float*>(tensor.bytes.data()));
    moved += 1.0f / 64;
    if (tensor.shape.size() < 2)
      for (std::int64_t i = 0; i < tensor.shape[0]; ++i)
        numbers[i] += moved + static_cast<float>(i) / 256;
    checkpoint.tensors.push_back(tensor);
  }
  return checkpoint;
}

inline std::vector<float> floats_of(const StoredTensor& tensor) {
  std::vector<float> numbers(tensor.bytes.size() / sizeof(float));
  std::memcpy(numbers.data(), tensor.bytes.data(), tensor.bytes.size());
  return numbers;
}

}   // namespace glass::test
