#include "model/formats/export.h"

#include <cmath>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/formats/elements.h"
#include "model/formats/export_safetensors.h"
#include "model/formats/gguf_gpt2.h"
#include "model/formats/huggingface.h"
#include "model/formats/llmc.h"
#include "model/formats/nanogpt.h"

namespace glass {

std::span<const ExportTarget* const> export_targets() {
  static const std::vector<const ExportTarget*> targets = {
      &kHuggingFaceTarget, &kGgufTarget, &kLlmcTarget, &kNanoGptTarget, &kSafetensorsTarget,
  };
  return targets;
}

namespace {

bool is_gelu(Activation act) { return act == Activation::gelu || act == Activation::gelu_erf; }

bool knows_scale(const GPTConfig& c, const Holds& holds) {
  const double usual = 1 / std::sqrt(static_cast<double>(c.head_size()));
  return c.attn_scale == 0 || std::abs(c.attn_scale - usual) < 1e-12 ||
         (holds.plain_scores && c.attn_scale == 1);
}

}   // namespace

// In the words of the options of glass train, where a user would have chosen it.
std::vector<std::string> not_gpt2(const GPTConfig& c, const Holds& holds) {
  if (c.arch != Arch::gpt)
    return {"another architecture than a GPT (--arch " + spelled(c.arch) + ")"};
  std::vector<std::string> why;
  const auto keep_out = [&](bool holds_not, const std::string& phrase) {
    if (holds_not) why.push_back(phrase);
  };
  keep_out(c.norm == NormPlace::post, "norms behind the sums (--norm post)");
  keep_out(c.norm == NormPlace::none || !c.norm_final, "no norms (--norm none)");
  keep_out(c.norm_type != NormType::layernorm, "--norm-type " + spelled(c.norm_type));
  keep_out(c.norm_type == NormType::layernorm && !c.norm_weight, "norms without weights");
  keep_out(c.norm_embed, "a norm of the embedding");
  keep_out(!holds.norm_eps && c.norm_eps != 1e-5, "a norm_eps of " + shortest(c.norm_eps));
  const bool is_relu = c.act == Activation::relu || c.act == Activation::relu2;
  keep_out(!is_gelu(c.act) && !(holds.relu && is_relu), "--act " + spelled(c.act));
  keep_out(c.pos != Position::learned, "--pos " + spelled(c.pos));
  keep_out(c.kv_heads() != c.n_head, "heads that share keys (--n-kv-head)");
  keep_out(c.window != 0, "a window of attention (--window)");
  keep_out(!knows_scale(c, holds), "--attn-scale " + shortest(c.attn_scale));
  keep_out(c.bias_head, "a head with a bias");
  keep_out(!holds.untied && !c.tie, "a head of its own (--tie false)");
  keep_out(!holds.inner && c.inner() != 4 * c.n_embd,
           "an mlp of " + std::to_string(c.inner()) + " numbers, not 4 n_embd");
  return why;
}

std::vector<StoredTensor> gpt2_tensors(const ModelToWrite& model) {
  const GPTConfig& c = model.config;
  std::vector<StoredTensor> all;
  const auto find = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    const StoredTensor* found = model.checkpoint.find(name);
    if (found == nullptr || found->shape != shape)
      fail(ContentError("the checkpoint has no tensor " + name +
                        " of the shape that its config "
                        "asks for."));
    all.push_back(as_type(*found, StoredType::f32));
  };
  const auto find_or_zeros = [&](const std::string& name, std::int64_t size) {
    if (model.checkpoint.find(name) != nullptr) find(name, {size});
    else all.push_back(zeros(name, {size}));
  };
  const auto layer = [&](const std::string& name, std::int64_t N, std::int64_t K) {
    find(name + ".weight", {N, K});
    find_or_zeros(name + ".bias", N);
  };
  const auto norm = [&](const std::string& name) {
    find(name + ".weight", {c.n_embd});
    find_or_zeros(name + ".bias", c.n_embd);
  };
  const std::int64_t C = c.n_embd;
  find("transformer.wte.weight", {c.vocab_size, C});
  find("transformer.wpe.weight", {c.block_size, C});
  for (std::int64_t i = 0; i < c.n_layer; ++i) {
    const std::string block = "transformer.h." + std::to_string(i);
    norm(block + ".ln_1");
    layer(block + ".attn.c_attn", 3 * C, C);
    layer(block + ".attn.c_proj", C, C);
    norm(block + ".ln_2");
    layer(block + ".mlp.c_fc", c.inner(), C);
    layer(block + ".mlp.c_proj", C, c.inner());
  }
  norm("transformer.ln_f");
  if (!c.tie) find("lm_head.weight", {c.vocab_size, C});
  return all;
}

}   // namespace glass
