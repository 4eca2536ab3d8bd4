#include "interp/heads/weights.h"

#include "engine/base/error.h"

namespace glass {
namespace {

// Rows of w (..,C) as a norm in front of them leaves them: its weight multiplied in, and, where it
// takes means off, their own mean taken off.
Tensor behind_norm(GPT& gpt, const Tensor& w, const std::string& norm) {
  Tensor y = w;
  if (const Tensor gain = weight_of(gpt, norm + ".weight")) y = y * gain;
  return gpt.config().norm_type == NormType::layernorm ? y - mean(y, -1, Keep::yes) : y;
}

// (Hk,..) -> (H,..)
Tensor shared(const Tensor& w, std::int64_t H) {
  const std::int64_t Hk = w.dim(0), C = w.dim(1), D = w.dim(2);
  if (Hk == H) return w;
  return reshape(broadcast_to(reshape(w, {Hk, 1, C, D}), {Hk, H / Hk, C, D}), {H, C, D});
}

}   // namespace

Tensor weight_of(GPT& gpt, const std::string& name) {
  for (const Parameter* p : gpt.parameters())
    if (p->name == name) return p->value;
  return {};
}

Tensor weight_in_block(GPT& gpt, int layer, const std::string& name) {
  return weight_of(gpt, "transformer.h." + std::to_string(layer) + "." + name);
}

Tensor embedding_of(GPT& gpt) { return weight_of(gpt, "transformer.wte.weight"); }

Tensor unembedding_of(GPT& gpt) {
  const Tensor own = weight_of(gpt, "lm_head.weight");
  return own ? own : embedding_of(gpt);
}

Tensor unembedding_of(GPT& gpt, NormWeights norms) {
  const Tensor w = unembedding_of(gpt);
  const bool fold = norms == NormWeights::folded && gpt.config().norm_final;
  return fold ? behind_norm(gpt, w, "transformer.ln_f") : w;
}

HeadWeights head_weights(GPT& gpt, int layer, NormWeights norms) {
  const GPTConfig& c = gpt.config();
  const std::int64_t H = c.n_head, Hk = c.kv_heads(), D = c.head_size(), C = c.n_embd;
  const std::string block = "transformer.h." + std::to_string(layer);
  const bool fold = norms == NormWeights::folded && c.norm == NormPlace::pre;
  Tensor in = weight_of(gpt, block + ".attn.c_attn.weight");   // ((H+2Hk)D, C)
  if (fold) in = behind_norm(gpt, in, block + ".ln_1");
  const auto rows = [&](std::int64_t first, std::int64_t heads) {
    return shared(transpose(reshape(slice(in, 0, first * D, (first + heads) * D), {heads, D, C})),
                  H);
  };
  const Tensor out = weight_of(gpt, block + ".attn.c_proj.weight");   // (C, H D)
  Tensor o = permute(reshape(out, {C, H, D}), {1, 2, 0});             // (H,D,C)
  if (fold && c.norm_type == NormType::layernorm) o = o - mean(o, -1, Keep::yes);
  return {rows(0, H), rows(H, Hk), rows(H + Hk, Hk), o};
}

}   // namespace glass
