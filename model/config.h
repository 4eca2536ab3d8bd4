// One description of a whole family of GPTs. A named preset is only such a description: GPT-2,
// nanoGPT's small models, microgpt, a post-norm model, an attention-only lab animal and a modern
// one differ in these fields and in nothing else.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "model/fields.h"

namespace glass {

enum class Arch : std::uint8_t { gpt, bigram };
enum class NormPlace : std::uint8_t {
  pre,
  post,
  none
};   // before a sublayer, after its sum, nowhere
enum class NormType : std::uint8_t { layernorm, rmsnorm };
enum class Activation : std::uint8_t {
  gelu,
  gelu_erf,
  relu,
  relu2,
  swiglu,
  none
};   // none: no mlp at all
enum class Position : std::uint8_t {
  learned,
  rope,
  sinusoidal,
  none
};   // sinusoidal: added to q and k only
enum class Init : std::uint8_t { gpt2, normal, pytorch, induction };

// What a new model draws its weights from. None: they have no values yet, for whoever fills all of them
// at once; drawing those of a large model takes seconds.
using Seed = std::optional<std::uint64_t>;

struct GPTConfig {
  Arch arch = Arch::gpt;
  std::int64_t vocab_size = 0;      // V; 0: not known before there is a tokenizer
  std::int64_t block_size = 1024;   // the longest T
  std::int64_t n_layer = 12;
  std::int64_t n_head = 12;     // H
  std::int64_t n_kv_head = 0;   // heads of k and v; 0: H, each query head has its own
  std::int64_t n_embd = 768;    // C
  std::int64_t n_inner = 0;     // width of the mlp; 0: 4 C

  NormPlace norm = NormPlace::pre;
  NormType norm_type = NormType::layernorm;
  bool norm_weight = true;
  bool norm_embed = false;   // also after the embedding
  bool norm_final = true;    // before the head
  double norm_eps = 1e-5;

  Activation act = Activation::gelu;
  Position pos = Position::learned;
  double rope_base = 10000;
  bool bias_qkv = true, bias_out = true, bias_norm = true,
       bias_head = false;    // out: attn.c_proj and the mlp
  bool tie = true;           // the head is the embedding table
  double attn_scale = 0;     // 0: 1 / sqrt(D)
  std::int64_t window = 0;   // how far back attention sees; 0: all the way
  double dropout = 0;

  Init init = Init::gpt2;
  double init_std = 0.02;

  std::int64_t head_size() const { return n_head > 0 ? n_embd / n_head : 0; }   // D
  std::int64_t kv_heads() const { return n_kv_head > 0 ? n_kv_head : n_head; }
  std::int64_t inner() const { return n_inner > 0 ? n_inner : 4 * n_embd; }
  bool has_mlp() const { return act != Activation::none; }
};

// clang-format off
template <> struct Names<Arch>       { static constexpr std::array<std::string_view, 2> all = {"gpt", "bigram"}; };
template <> struct Names<NormPlace>  { static constexpr std::array<std::string_view, 3> all = {"pre", "post", "none"}; };
template <> struct Names<NormType>   { static constexpr std::array<std::string_view, 2> all = {"layernorm", "rmsnorm"}; };
template <> struct Names<Activation> { static constexpr std::array<std::string_view, 6> all = {"gelu", "gelu_erf", "relu", "relu2", "swiglu", "none"}; };
template <> struct Names<Position>   { static constexpr std::array<std::string_view, 4> all = {"learned", "rope", "sinusoidal", "none"}; };
template <> struct Names<Init>       { static constexpr std::array<std::string_view, 4> all = {"gpt2", "normal", "pytorch", "induction"}; };
// clang-format on

// Calls f(name, field) for every field: the one list from which JSON, flags and comparisons are
// made.
template <class Config, class F>
requires std::is_same_v<std::remove_const_t<Config>, GPTConfig>
void each_field(Config& c, const F& f) {
  f("arch", c.arch);
  f("vocab_size", c.vocab_size);
  f("block_size", c.block_size);
  f("n_layer", c.n_layer);
  f("n_head", c.n_head);
  f("n_kv_head", c.n_kv_head);
  f("n_embd", c.n_embd);
  f("n_inner", c.n_inner);
  f("norm", c.norm);
  f("norm_type", c.norm_type);
  f("norm_weight", c.norm_weight);
  f("norm_embed", c.norm_embed);
  f("norm_final", c.norm_final);
  f("norm_eps", c.norm_eps);
  f("act", c.act);
  f("pos", c.pos);
  f("rope_base", c.rope_base);
  f("bias_qkv", c.bias_qkv);
  f("bias_out", c.bias_out);
  f("bias_norm", c.bias_norm);
  f("bias_head", c.bias_head);
  f("tie", c.tie);
  f("attn_scale", c.attn_scale);
  f("window", c.window);
  f("dropout", c.dropout);
  f("init", c.init);
  f("init_std", c.init_std);
}

// Throws a UsageError with one sentence when the fields do not describe a model: n_embd not a
// multiple of n_head, ...
void check(const GPTConfig& config);

// A model by name. An unknown name is a UsageError that lists the names.
struct Preset {
  std::string_view name;
  std::string_view about;
  GPTConfig model;
};
const std::vector<Preset>& presets();
GPTConfig preset(std::string_view name);

}   // namespace glass
