// What makes a config a model, and the presets.
#include "model/config.h"

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {
namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 31;

void require(bool holds, const std::string& sentence) {
  if (!holds) fail(UsageError(sentence));
}

void require_between(const char* name, std::int64_t value, std::int64_t least, std::int64_t most) {
  require(value >= least && value <= most, std::string(name) + " is " + std::to_string(value) +
                                               "; it must be " + std::to_string(least) + " .. " +
                                               std::to_string(most) + ".");
}

void check_heads(const GPTConfig& c) {
  require_between("n_head", c.n_head, 1, 4096);
  require(c.n_embd % c.n_head == 0, "n_embd (" + std::to_string(c.n_embd) +
                                        ") must be a multiple of n_head (" +
                                        std::to_string(c.n_head) + ").");
  require_between("n_kv_head", c.n_kv_head, 0, c.n_head);
  require(c.n_head % c.kv_heads() == 0, "n_head (" + std::to_string(c.n_head) +
                                            ") must be a multiple of n_kv_head (" +
                                            std::to_string(c.kv_heads()) + ").");
  require(c.pos != Position::rope || c.head_size() % 2 == 0,
          "rope turns pairs of numbers: n_embd / n_head (" + std::to_string(c.head_size()) +
              ") must be even.");
  require(c.attn_scale >= 0, "attn_scale must not be negative (0: 1/sqrt(head size)).");
}

}   // namespace

void check(const GPTConfig& c) {
  require_between("vocab_size", c.vocab_size, 1, kMost);
  require_between("block_size", c.block_size, 1, 1 << 24);
  require(c.init_std >= 0, "init_std must not be negative.");
  if (c.arch == Arch::bigram) return;
  require_between("n_layer", c.n_layer, 0, 4096);
  require_between("n_embd", c.n_embd, 1, 1 << 20);
  require_between("n_inner", c.n_inner, 0, 1 << 22);
  check_heads(c);
  require_between("window", c.window, 0, 1 << 24);
  require(c.norm_eps > 0, "norm_eps must be above 0.");
  require(c.dropout >= 0 && c.dropout < 1,
          "dropout is " + shortest(c.dropout) + "; it must be in [0, 1).");
  require(!c.tie || !c.bias_head,
          "A head that is tied to the embedding has no bias: use --tie false.");
}

namespace {

GPTConfig sized(GPTConfig config, std::int64_t L, std::int64_t H, std::int64_t C, std::int64_t T) {
  config.n_layer = L, config.n_head = H, config.n_embd = C, config.block_size = T;
  return config;
}

GPTConfig gpt2(std::int64_t L, std::int64_t H, std::int64_t C) {
  GPTConfig config = sized({}, L, H, C, 1024);
  config.vocab_size = 50257;
  return config;
}

GPTConfig without_bias(GPTConfig config) {
  config.bias_qkv = config.bias_out = config.bias_norm = config.bias_head = false;
  return config;
}

// nanoGPT trains its small models without biases, and its gelu is the exact one.
GPTConfig nano(std::int64_t L, std::int64_t H, std::int64_t C, std::int64_t T, double dropout) {
  GPTConfig config = without_bias(sized({}, L, H, C, T));
  config.act = Activation::gelu_erf;
  config.dropout = dropout;
  return config;
}

GPTConfig microgpt() {
  GPTConfig config = without_bias(sized({}, 1, 4, 16, 16));
  config.norm_type = NormType::rmsnorm;
  config.norm_weight = false, config.norm_embed = true, config.norm_final = false;
  config.act = Activation::relu;
  config.tie = false;
  config.init = Init::normal, config.init_std = 0.08;
  return config;
}

GPTConfig postnorm() {
  GPTConfig config = sized({}, 4, 4, 128, 128);
  config.norm = NormPlace::post;
  config.act = Activation::relu;
  config.bias_qkv = false, config.bias_head = true;
  config.tie = false;
  config.init = Init::pytorch;
  return config;
}

GPTConfig induction() {
  GPTConfig config = sized({}, 2, 2, 64, 64);
  config.norm = NormPlace::none, config.norm_final = false;
  config.act = Activation::none;
  config.pos = Position::rope;
  config.tie = false;
  config.init = Init::induction;
  return config;
}

GPTConfig modern() {
  GPTConfig config = without_bias(sized({}, 6, 6, 384, 256));
  config.norm_type = NormType::rmsnorm;
  config.act = Activation::swiglu;
  config.n_inner = 1024;   // 8/3 C: three matrices of this width weigh as two of 4 C
  config.pos = Position::rope;
  config.n_kv_head = 2;
  config.window = 128;
  return config;
}

GPTConfig bigram() {
  GPTConfig config = without_bias(sized({}, 0, 1, 1, 64));
  config.arch = Arch::bigram;
  return config;
}

}   // namespace

const std::vector<Preset>& presets() {
  // clang-format off
  static const std::vector<Preset> all = {
      {"names",       "the default: two small layers that learn to spell names in seconds", nano(2, 4, 64, 32, 0)},
      {"char-small",  "nanoGPT's model for a laptop: 4 layers of 128 on letters",           nano(4, 4, 128, 64, 0)},
      {"char-base",   "nanoGPT's baby GPT: 6 layers of 384 on letters, dropout 0.2",        nano(6, 6, 384, 256, 0.2)},
      {"gpt2",        "GPT-2 small: 12 layers of 768, 124M weights",                        gpt2(12, 12, 768)},
      {"gpt2-medium", "24 layers of 1024, 350M weights",                                    gpt2(24, 16, 1024)},
      {"gpt2-large",  "36 layers of 1280, 774M weights",                                    gpt2(36, 20, 1280)},
      {"gpt2-xl",     "48 layers of 1600, 1.6B weights",                                    gpt2(48, 25, 1600)},
      {"microgpt",    "microgpt.py's model: 4,192 weights on names",                        microgpt()},
      {"postnorm",    "norms after the sums, relu, a head with a bias",                     postnorm()},
      {"induction",   "attention alone, two layers: where induction heads grow",            induction()},
      {"modern",      "rmsnorm, rope, gated mlp, grouped queries, a window",                modern()},
      {"bigram",      "a table of what follows what: the line to beat",                     bigram()},
  };
  // clang-format on
  return all;
}

GPTConfig preset(std::string_view name) {
  std::vector<std::string> names;
  for (const Preset& p : presets()) {
    if (p.name == name) return p.model;
    names.emplace_back(p.name);
  }
  const std::string near = nearest(name, names);
  fail(UsageError("There is no preset " + in_quotes(name) + "; there are " + list_of(names, "and") +
                  "." + (near.empty() ? "" : " Did you mean " + near + "?")));
}

}   // namespace glass
