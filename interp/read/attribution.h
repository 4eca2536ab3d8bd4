// Who wrote this logit? The last stream is the sum of what every part of the model wrote into it:
// embedding, position, heads, mlps, biases. The head reads that sum with one direction for each
// token, so each part has a share in the logit, and the shares add up to it exactly.
//
// This is the direct way only: what a part does through later parts is in their shares.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "interp/page/page.h"
#include "interp/specimen.h"

namespace glass {

struct AttributionOptions {
  std::int32_t target = -1;    // -1: the model's likeliest token, against
  std::int32_t foil = -1;      // -1: the likeliest other token
  bool against_foil = true;    // false: the logit of the target alone
  int position = -1;           // whose next token is asked about; -1: the last
  int layer = -1, head = -1;   // which head is taken apart; -1: the one with the largest share
  int mlp = -1;                // which mlp is taken apart
  int top_neurons = 10;
};

struct AttributionPart {
  enum class Kind : std::uint8_t { embed, head, bias, mlp } kind;
  int layer = -1, head = -1;
  std::string name;   // "embed", "pos", "1.3", "0 attn bias", "mlp 2"
  double value = 0;
};

struct AttributionResult {
  Provenance from;
  std::vector<std::string> tokens;   // up to the position asked about
  std::int32_t target = -1, foil = -1;
  std::string target_name, foil_name;   // foil: "" where it is the logit alone
  std::vector<AttributionPart> parts;   // in the order in which they write
  double constant = 0;                  // of the final norm's and the head's biases
  double logit = 0;                     // as the model says; parts and constant add up to it
  double sum() const;                   // of them
  int layers = 0, heads = 0;

  // One head by where it looked: its share is the sum of these.
  int head_layer = -1, head = -1;
  std::vector<double> by_source = {};   // one for each token
  // One mlp by its neurons: the largest shares, and all others with the bias.
  struct Neuron {
    int index = 0;
    double activation = 0, value = 0;
  };
  int mlp = -1;
  std::vector<Neuron> neurons = {};
  double other_neurons = 0;
};

// UsageError for a post-norm model: what a part wrote is normed again on its way, so that the logit
// is no sum of parts.
AttributionResult attribution_of(const Specimen& specimen, std::span<const std::int32_t> ids,
                                 const AttributionOptions& options = {});

Page page_of(const AttributionResult& result);
void put(Json& json, const AttributionResult& result);

}   // namespace glass
