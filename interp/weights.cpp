#include "interp/weights.h"

namespace glass {

Tensor weight_named(LanguageModel& model, const std::string& name) {
  for (const Parameter* p : model.parameters())
    if (p->name == name) return p->value;
  return {};
}

Tensor weight_in_block(LanguageModel& model, int layer, const std::string& name) {
  return weight_named(model, "transformer.h." + std::to_string(layer) + "." + name);
}

Tensor unembedding(GPT& gpt) {
  const Tensor own = weight_named(gpt, "lm_head.weight");
  return own ? own : weight_named(gpt, "transformer.wte.weight");
}

}   // namespace glass
