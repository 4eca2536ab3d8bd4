#include "interp/activations.h"

#include "engine/base/error.h"

namespace glass {

const Tensor& Activations::operator[](const std::string& name) const {
  const auto found = kept_.find(name);
  if (found == kept_.end())
    fail(Error(ExitCode::internal, "the activation " + name + " was not kept."));
  return found->second;
}

void Activations::keep(const std::string& name, const Tensor& x) {
  if (kept_.emplace(name, x.detach()).second) names_.push_back(name);
}

Activations look(GPT& gpt, const Tensor& ids, std::span<const std::string> patterns,
                 Positions logits) {
  Activations seen;
  Hooks hooks(gpt);
  std::vector<Hooks::Scope> scopes;
  std::map<std::string, bool> asked;
  for (const std::string& pattern : patterns) {
    for (const std::string& name : places_like(gpt, pattern)) {
      if (asked[name]) continue;
      asked[name] = true;
      scopes.push_back(
          hooks.read({name}, [&seen, name](const Tensor& x) { seen.keep(name, x); }));
    }
  }
  hooks.logits(ids, nullptr, logits);
  return seen;
}

std::string in_block(int layer, std::string_view name) {
  return "blocks." + std::to_string(layer) + "." + std::string(name);
}

}   // namespace glass
