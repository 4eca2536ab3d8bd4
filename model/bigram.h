// The smallest model that can be trained: a table that says, for each token, what follows it. It
// knows one token of the past, so its loss is the line that every GPT has to beat.
#pragma once
#include "model/language_model.h"

namespace glass {

class Bigram final : public LanguageModel {
 public:
  Bigram(const GPTConfig& config, const Device& device, DType dtype, Seed seed);
  Tensor logits(Pass& pass, const Tensor& ids, Positions which = Positions::all) override;
  Tensor loss(Pass& pass, const Tensor& ids, const Tensor& targets) override;
  std::vector<std::string> taps() const override { return {"logits"}; }

 private:
  Parameter* table_;   // (V,V): row = the token before
};

}   // namespace glass
