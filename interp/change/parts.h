// Parts of a model by name, as somebody types them who wants to take them out.
#pragma once
#include <string>
#include <vector>

#include "model/config.h"

namespace glass {

// A head, a neuron of an mlp, or all of an mlp.
struct Part {
  enum class Kind : std::uint8_t { head, neuron, mlp } kind = Kind::head;
  int layer = 0, index = 0;   // index: which head or neuron
  std::string name() const;   // "1.3", "neuron 0.321", "mlp 2"
};
// "1.3,1.2" as heads ("1.*": all heads of layer 1), "0.321" as neurons, "0,2" as mlps. UsageError
// where the model has no such part.
std::vector<Part> parts_of(const std::string& text, Part::Kind kind, const GPTConfig& config);
// Where what it says can be read and replaced: "blocks.1.attn.hook_z", "blocks.0.mlp.hook_post",
// "blocks.2.hook_mlp_out".
std::string place_of(const Part& part);

}   // namespace glass
