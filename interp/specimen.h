// A model under the microscope: its weights, what its tokens mean, and where both come from, so that
// every result can say what it is about and how to get it again.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "model/gpt.h"
#include "model/tokenizer/tokenizer.h"

namespace glass {

struct Provenance {
  std::string command;              // the line that a person typed
  std::string checkpoint, digest;   // of the weights
  std::int64_t step = 0;            // of the training that made them
  std::int64_t seed = 0;            // of what this analysis draws by chance
  std::string device;
};

struct Specimen {
  GPT& gpt;
  TokenizerPtr tokenizer;   // null: nobody knows what its tokens mean
  Provenance from;

  const GPTConfig& config() const { return gpt.config(); }
  // A token as an axis shows it: its text with line ends and spaces made visible, or #17.
  std::string label(std::int32_t id) const;
  std::vector<std::string> labels(std::span<const std::int32_t> ids) const;
  // The token that every document began with in training, or -1.
  std::int32_t first_token() const { return tokenizer ? tokenizer->end_of_text() : -1; }
  Tensor row(std::span<const std::int32_t> ids) const;   // (1,T) on the model's device
};

// UsageError for a model without attention (the bigram table), which has nothing to look into.
GPT& gpt_of(LanguageModel& model);

// Begins a JSON object with what every result carries.
void begin(Json& json, const Provenance& from);

}   // namespace glass
