// The weights of a model by the letters of the papers: what head h of a layer multiplies with.
#pragma once
#include <string>

#include "model/gpt.h"

namespace glass {

// By its name in a checkpoint; an empty tensor where the model has none of that name.
Tensor weight_of(GPT& gpt, const std::string& name);
Tensor weight_in_block(GPT& gpt, int layer, const std::string& name);   // "attn.c_proj.weight"
Tensor embedding_of(GPT& gpt);     // W_E, (V,C)
Tensor unembedding_of(GPT& gpt);   // W_U transposed, (V,C): row t is what speaks for token t

// A norm in front of a matrix takes the mean off the stream and multiplies with its weight, axis by
// axis. Both can be done to the matrix instead; what is left of the norm is one number per
// position.
enum class NormWeights : std::uint8_t {
  apart,    // the matrices as they are
  folded,   // of a pre-norm model: the weight multiplied in, the means taken off
};

// All heads of a layer. Heads that share keys and values have a copy of theirs each.
struct HeadWeights {
  Tensor q, k, v;   // (H,C,D): x W_Q
  Tensor o;         // (H,D,C): z W_O
};
HeadWeights head_weights(GPT& gpt, int layer, NormWeights norms);

// (V,C) as the head reads it, the final norm folded in or not.
Tensor unembedding_of(GPT& gpt, NormWeights norms);

}   // namespace glass
