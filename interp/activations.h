// What flowed through a model, kept by name.
#pragma once
#include <map>
#include <span>
#include <string>
#include <vector>

#include "interp/hooks.h"

namespace glass {

class Activations {
 public:
  const Tensor& operator[](const std::string& name) const;   // an error where it was not kept
  bool has(const std::string& name) const { return kept_.count(name) > 0; }
  const std::vector<std::string>& names() const { return names_; }   // in the order they fired
  void keep(const std::string& name, const Tensor& x);

 private:
  std::map<std::string, Tensor> kept_;
  std::vector<std::string> names_;
};

// Runs ids (B,T) through the model and keeps all activations that one of the patterns means
// ("blocks.*.hook_resid_pre"; "logits" is one).
Activations look(GPT& gpt, const Tensor& ids, std::span<const std::string> patterns,
                 Positions logits = Positions::all);
inline Activations look(GPT& gpt, const Tensor& ids, std::initializer_list<std::string> patterns) {
  return look(gpt, ids, std::vector<std::string>(patterns));
}

std::string in_block(int layer, std::string_view name);   // "blocks.2.attn.hook_z"

}   // namespace glass
