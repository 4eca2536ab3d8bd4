#include "model/gpt.h"

#include "engine/base/asker.h"
#include "engine/base/error.h"
#include "model/kv_cache.h"
#include "model/recompute.h"

namespace glass {

GPT::GPT(const GPTConfig& config, const Device& device, DType dtype, Seed seed)
    : LanguageModel(config, dtype) {
  WeightMaker make{config_, device, stream_type(dtype), dtype, seed, parameters_};
  if (config_.pos == Position::sinusoidal) make.positions = std::make_shared<Sinusoids>(config_);
  const std::int64_t V = config_.vocab_size, C = config_.n_embd;
  wte_ = make.make("transformer.wte.weight", {V, C}, Role::embedding, C);
  if (config_.pos == Position::learned) {
    wpe_ = make.make("transformer.wpe.weight", {config_.block_size, C}, Role::embedding, C);
  }
  if (config_.norm_embed) norm_embed_.emplace_back(make, "ln_embed", "transformer.ln_e", Writes::stream);
  for (int i = 0; i < config_.n_layer; ++i) blocks_.emplace_back(make, i);
  if (config_.norm_final) norm_final_.emplace_back(make, "ln_final", "transformer.ln_f", Writes::factors);
  if (!config_.tie) lm_head_ = make.make("lm_head.weight", {V, C}, Role::head, C);
  if (config_.bias_head) lm_head_bias_ = make.make("lm_head.bias", {V}, Role::bias, C);
}

Tensor GPT::embed(Pass& pass, const Tensor& ids) {
  const std::int64_t T = ids.dim(1), past = pass.past();
  if (past + T > config_.block_size) {
    fail(ShapeError("the model reads " + std::to_string(config_.block_size) +
                    " tokens at most, not " + std::to_string(past + T) +
                    "; give it the last ones"));
  }
  Tensor x = pass.tap("hook_embed", embedding(pass.use(*wte_), ids));   // (B,T,C)
  if (wpe_) {
    Tensor where = slice(pass.use(*wpe_), 0, past, past + T);   // (T,C)
    if (pass.observed("hook_pos_embed"))
      where = pass.tap("hook_pos_embed", broadcast_to(where, x.shape()));
    x = x + where;
  }
  x = pass.dropout(x, config_.dropout, "embed_dropout");
  return norm_embed_.empty() ? x : norm_embed_.front()(pass, x);
}

Tensor GPT::run(Pass& pass, Tensor x, int first, int last, Positions which) {
  const bool recompute = pass.recompute && x.tape();
  if (recompute && !again_) again_ = std::make_shared<Tape>();
  for (int i = first; i < last; ++i) {
    breathe();
    const Block& block = blocks_[static_cast<std::size_t>(i)];
    if (recompute) {
      x = recomputed(pass, block, i, x, again_);
      continue;
    }
    const auto inside = pass.enter("blocks", i);
    x = block(pass, x, i + 1 == last ? which : Positions::all);
  }
  return x;
}

// What the head reads: the stream after the last block.
Tensor GPT::stream(Pass& pass, const Tensor& ids) {
  const Tensor x = run(pass, embed(pass, ids), 0, static_cast<int>(config_.n_layer));
  if (pass.cache) pass.cache->advance(ids.dim(1));
  return x;
}

Tensor GPT::normed(Pass& pass, const Tensor& x) const {
  return norm_final_.empty() ? cast(x, products()) : norm_final_.front()(pass, x);
}

Parameter& GPT::head_weight() const { return lm_head_ ? *lm_head_ : *wte_; }

void GPT::pack(PackedType type) {
  if (products() != DType::f32 && products() != DType::f64) {
    fail(UsageError("packed weights are multiplied with numbers in f32: take --type, or --dtype " +
                    std::string(name_of(products())) + ", not both."));
  }
  for (Parameter& p : parameters_) {
    const bool only_looked_up = &p == wpe_ || (&p == wte_ && lm_head_);
    if (p.value.rank() == 2 && !only_looked_up) p.packed = glass::pack(p.value, type);
  }
}

Tensor GPT::head(Pass& pass, const Tensor& x, Positions which) {
  const Tensor asked = normed(pass, asked_for(x, which));
  const Tensor bias = lm_head_bias_ ? pass.use(*lm_head_bias_) : Tensor();
  Parameter& w = head_weight();
  if (w.packed && !pass.tape())
    return pass.tap("logits", linear_packed(beside(w.packed, asked), w.packed, bias));
  return pass.tap("logits", linear(asked, pass.factor(w, products()), bias, dtype()));
}

Tensor GPT::logits(Pass& pass, const Tensor& ids, Positions which) {
  return head(pass, stream(pass, ids), which);
}

Tensor GPT::loss(Pass& pass, const Tensor& ids, const Tensor& targets) {
  const Tensor x = stream(pass, ids);
  if (lm_head_bias_ || pass.observed("logits")) return cross_entropy(head(pass, x), targets);
  Parameter& w = head_weight();
  if (w.packed && !pass.tape())
    return head_loss(beside(w.packed, normed(pass, x)), w.packed, targets, kIgnore);
  return head_loss(normed(pass, x), pass.factor(w, products()), targets);
}

std::vector<std::string> GPT::taps() const {
  std::vector<std::string> all = {"hook_embed"};
  const auto add = [&](const std::string& scope, const std::vector<std::string>& names) {
    for (const std::string& name : names) all.push_back(scope + name);
  };
  if (wpe_) add("", {"hook_pos_embed"});
  if (config_.norm_embed) add("ln_embed.", {"hook_scale", "hook_normalized"});
  const bool post = config_.norm == NormPlace::post, pre = config_.norm == NormPlace::pre;
  for (int i = 0; i < config_.n_layer; ++i) {
    const std::string block = "blocks." + std::to_string(i) + ".";
    add(block, {"hook_resid_pre"});
    add(block, {SelfAttention::kInputs.begin(), SelfAttention::kInputs.end()});
    if (pre) add(block, {"ln1.hook_scale", "ln1.hook_normalized"});
    add(block, SelfAttention::places(config_));
    add(block, {"hook_attn_out"});
    if (post) add(block, {"ln1.hook_scale", "ln1.hook_normalized"});
    if (config_.has_mlp()) {
      add(block, {"hook_resid_mid", "hook_mlp_in"});
      if (pre) add(block, {"ln2.hook_scale", "ln2.hook_normalized"});
      add(block, {"mlp.hook_pre"});
      if (config_.act == Activation::swiglu) add(block, {"mlp.hook_pre_linear"});
      add(block, {"mlp.hook_post", "hook_mlp_out"});
      if (post) add(block, {"ln2.hook_scale", "ln2.hook_normalized"});
    }
    add(block, {"hook_resid_post"});
  }
  if (config_.norm_final) add("ln_final.", {"hook_scale", "hook_normalized"});
  add("", {"logits"});
  return all;
}

}   // namespace glass
