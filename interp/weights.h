// The weights of a model for those who multiply them by hand.
#pragma once
#include <string>

#include "model/gpt.h"

namespace glass {

// By its name in a checkpoint ("transformer.h.0.attn.c_proj.weight"); empty where the model has
// none of this name.
Tensor weight_named(LanguageModel& model, const std::string& name);
// The same, of a block: weight_in_block(model, 0, "attn.c_proj.weight").
Tensor weight_in_block(LanguageModel& model, int layer, const std::string& name);
Tensor unembedding(GPT& gpt);   // (V,C): the rows that the head compares the stream with

}   // namespace glass
