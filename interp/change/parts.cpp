#include "interp/change/parts.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "interp/activations.h"

namespace glass {
namespace {

int number_of(const std::string& text, std::int64_t count, const std::string& what,
              const std::string& where = "") {
  std::int64_t n = -1;
  if (parse_integer(text, n) != NumberFault::none)
    fail(UsageError("a " + what + " is named by a number, not " + in_quotes(text) + "."));
  if (n < 0 || n >= count)
    fail(UsageError("this model has no " + what + " " + std::to_string(n) + where +
                    ": there are 0 .. " + std::to_string(count - 1) + "."));
  return static_cast<int>(n);
}

}   // namespace

std::string Part::name() const {
  const std::string both = std::to_string(layer) + "." + std::to_string(index);
  if (kind == Kind::head) return both;
  return kind == Kind::neuron ? "neuron " + both : "mlp " + std::to_string(layer);
}

std::vector<Part> parts_of(const std::string& text, Part::Kind kind, const GPTConfig& c) {
  if (kind != Part::Kind::head && !c.has_mlp())
    fail(UsageError(
        "this model has attention alone: there are no mlps and no neurons to take out."));
  std::vector<Part> parts;
  for (const std::string& one : split(text, ',')) {
    if (kind == Part::Kind::mlp) {
      parts.push_back({kind, number_of(one, c.n_layer, "mlp"), 0});
      continue;
    }
    const std::vector<std::string> pair = split(one, '.');
    const bool neuron = kind == Part::Kind::neuron;
    if (pair.size() != 2)
      fail(UsageError((neuron ? "a neuron is named layer.neuron, like 0.321, not "
                              : "a head is named layer.head, like 1.3, not ") +
                      in_quotes(one) + "."));
    const int layer = number_of(pair[0], c.n_layer, "layer");
    if (!neuron && pair[1] == "*") {
      for (int h = 0; h < c.n_head; ++h) parts.push_back({kind, layer, h});
      continue;
    }
    const std::string where = " in layer " + std::to_string(layer);
    parts.push_back({kind, layer,
                     neuron ? number_of(pair[1], c.inner(), "neuron", where)
                            : number_of(pair[1], c.n_head, "head", where)});
  }
  return parts;
}

std::string place_of(const Part& part) {
  switch (part.kind) {
    case Part::Kind::head:
      return in_block(part.layer, "attn.hook_z");
    case Part::Kind::neuron:
      return in_block(part.layer, "mlp.hook_post");
    case Part::Kind::mlp:
      break;
  }
  return in_block(part.layer, "hook_mlp_out");
}

}   // namespace glass
