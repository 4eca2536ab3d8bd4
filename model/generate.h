// A model writes: read the prompt, then again and again choose a token and read it.
//
// While there is room the keys and values of what was read are kept (model/kv_cache.h), so that a
// new token costs one column of work. When the context is full the window slides as in nanoGPT:
// the model reads the last block_size tokens anew, with positions from 0.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "model/kv_cache.h"
#include "model/language_model.h"
#include "model/sampler.h"

namespace glass {

enum class Reuse : std::uint8_t { keys_and_values, nothing };   // nothing: every token from scratch

class Generator {
 public:
  // Reads the prompt, which must have a token; of a long one the last block_size tokens. An
  // observer sees, and may change, every token that is read; it must outlive the generator.
  Generator(LanguageModel& model, std::span<const std::int32_t> prompt,
            Reuse reuse = Reuse::keys_and_values, Observer* observer = nullptr);

  // Called with each new token. false: this was the last one.
  using OnToken = std::function<bool(std::int32_t token)>;

  // Writes `most` tokens at most behind the prompt. `sample` numbers the samples of one seed; any
  // of them may be drawn in any order, each from the same reading of the prompt.
  std::vector<std::int32_t> sample(std::int64_t sample, std::int64_t most,
                                   const SamplerOptions& options, const OnToken& on_token = {});

  // Logits (V) of what follows the prompt.
  std::span<const double> first_logits() const { return first_; }
  // Logits (V) that the newest token was chosen from: for whoever is called with it.
  std::span<const double> logits() const { return logits_; }

 private:
  std::vector<double> read(std::span<const std::int32_t> tokens, KVCache* cache);
  std::vector<double> next_logits();   // of what follows text_

  LanguageModel& model_;
  Observer* observer_;
  std::unique_ptr<KVCache> cache_;
  std::size_t prompt_;               // how many tokens of text_ are the prompt
  std::vector<std::int32_t> text_;   // the prompt, then what was written
  std::int64_t prompt_in_cache_ = 0;
  std::vector<double> first_, logits_;
};

}   // namespace glass
