// Shapes stand beside the lines. Where two paths compute one thing, the first is fast and the
// second can be looked into.
#include "model/layers.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/random.h"
#include "model/kv_cache.h"

namespace glass {

// ---- weights ------------------------------------------------------------------------------------

namespace {

std::string block_name(int layer, const char* part) {
  return "transformer.h." + std::to_string(layer) + "." + part;
}

// How the first values of a weight are drawn: gaussian with a deviation, uniform within a bound, or
// one value.
struct Draw {
  enum { gaussian, uniform, constant } how;
  double number;
};

Draw first_values(const GPTConfig& c, Role role, std::int64_t fan_in) {
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  if (role == Role::norm_weight) return {Draw::constant, 1};
  if (role == Role::norm_bias) return {Draw::constant, 0};
  switch (c.init) {
    case Init::gpt2: {   // 2 L branches add up in the stream: each is made smaller
      const double branches = 2 * static_cast<double>(c.n_layer);
      if (role == Role::bias) return {Draw::constant, 0};
      return {Draw::gaussian,
              role == Role::residual ? c.init_std / std::sqrt(branches) : c.init_std};
    }
    case Init::normal:
      if (role == Role::bias) return {Draw::constant, 0};
      return {Draw::gaussian, c.init_std};
    case Init::pytorch:   // nn.Linear and nn.Embedding
      if (role == Role::embedding) return {Draw::gaussian, 1};
      return {Draw::uniform, bound};
    case Init::induction:
      if (role == Role::bias) return {Draw::constant, 0};
      return {Draw::gaussian,
              role == Role::embedding ? 1 : 1 / std::sqrt(static_cast<double>(c.n_embd))};
  }
  return {Draw::constant, 0};
}

}   // namespace

Parameter* WeightMaker::make(const std::string& name, const Shape& shape, Role role,
                             std::int64_t fan_in) const {
  const RandomKey key{seed.value_or(0), site(name, "init"), 0, 0};
  const Draw draw = first_values(config, role, fan_in);
  Tensor value;
  if (!seed) value = Tensor::empty(device, shape, dtype);
  else if (draw.how == Draw::constant) value = Tensor::full(device, shape, draw.number, dtype);
  else if (draw.how == Draw::gaussian) value = gaussian(device, shape, 0, draw.number, key, dtype);
  else
    value = uniform(device, shape, -draw.number, draw.number, key, dtype);
  parameters.push_back(
      {name, value, shape.rank >= 2});   // weight decay pulls at matrices, as in nanoGPT
  return &parameters.back();
}

// ---- linear and norm ----------------------------------------------------------------------------

Linear::Linear(const WeightMaker& make, const std::string& name, std::int64_t N, std::int64_t K,
               bool with_bias, Role role)
    : weight(make.make(name + ".weight", {N, K}, role, K)),
      bias(with_bias ? make.make(name + ".bias", {N}, Role::bias, K) : nullptr),
      products(make.products),
      writes(role == Role::residual ? make.dtype : make.products) {}

Tensor beside(const PackedTensor& w, const Tensor& x, Where at) {
  const bool prompt = x.numel() > kFewPackedRows * w.K() && x.dtype() == DType::f32;
  return prompt && w.type() != PackedType::f32 ? cast(x, DType::bf16, at) : x;
}

Tensor Linear::operator()(Pass& pass, const Tensor& x, Where at) const {
  if (weight->packed && !pass.tape())
    return linear_packed(beside(weight->packed, x, at), weight->packed,
                         bias ? bias->value : Tensor(), at);
  return linear(cast(x, products, at), factor(pass, at), bias ? pass.use(*bias, at) : Tensor(),
                writes, at);
}

Tensor Linear::factor(Pass& pass, Where at) const {
  const bool rounded = weight->packed && weight->packed.type() != PackedType::f32;
  return rounded && !pass.tape() ? unpacked(weight->packed, products)
                                 : pass.factor(*weight, products, at);
}

Norm::Norm(const WeightMaker& make, const char* name_of_scope, const std::string& name, Writes what)
    : scope(name_of_scope),
      type(make.config.norm_type),
      eps(make.config.norm_eps),
      weight(nullptr),
      bias(nullptr),
      writes(what == Writes::stream ? make.dtype : make.products) {
  const std::int64_t C = make.config.n_embd;
  if (make.config.norm_weight) weight = make.make(name + ".weight", {C}, Role::norm_weight, C);
  if (make.config.norm_weight && make.config.bias_norm && type == NormType::layernorm) {
    bias = make.make(name + ".bias", {C}, Role::norm_bias, C);
  }
}

Tensor Norm::operator()(Pass& pass, const Tensor& x) const {
  const auto inside = pass.enter(scope);
  if (pass.observed_any({"hook_scale", "hook_normalized"}) ||
      (type == NormType::layernorm && !weight))
    return readable(pass, x);
  const Tensor w = weight ? pass.use(*weight) : Tensor();
  if (type == NormType::rmsnorm) return rmsnorm(x, w, eps, writes);
  return layernorm(x, w, bias ? pass.use(*bias) : Tensor(), eps, writes);
}

Tensor Norm::readable(Pass& pass, const Tensor& x) const {
  const Tensor centred = type == NormType::layernorm ? x - mean(x, -1, Keep::yes) : x;
  const Tensor scale =
      pass.tap("hook_scale", sqrt(mean(square(centred), -1, Keep::yes) + eps));   // (..,1)
  Tensor y = centred / scale;
  if (type == NormType::rmsnorm)
    y = pass.tap("hook_normalized", y);   // before the weight, as TransformerLens has it
  if (weight) y = y * pass.use(*weight);
  if (bias) y = y + pass.use(*bias);
  return cast(type == NormType::layernorm ? pass.tap("hook_normalized", y) : y, writes);
}

Tensor asked_for(const Tensor& x, Positions which) {
  return which == Positions::last ? slice(x, 1, x.dim(1) - 1, x.dim(1)) : x;
}

// ---- positions ----------------------------------------------------------------------------------

const Tensor& Sinusoids::beside(const Tensor& x, std::int64_t past) {
  const std::int64_t T = x.dim(1), C = config_.n_embd, half = (C + 1) / 2;
  if (table_ && table_.dim(0) == T && past_ == past && table_.dtype() == x.dtype()) return table_;
  std::vector<double> table(static_cast<std::size_t>(T * C));
  for (std::int64_t t = 0; t < T; ++t) {
    for (std::int64_t c = 0; c < C; ++c) {
      const double angle =
          static_cast<double>(past + t) *
          std::pow(config_.rope_base, -static_cast<double>(c % half) / static_cast<double>(half));
      table[static_cast<std::size_t>(t * C + c)] = c < half ? std::sin(angle) : std::cos(angle);
    }
  }
  table_ = Tensor::from(x.device(), table, {T, C}, x.dtype());
  past_ = past;
  return table_;
}

// ---- attention ----------------------------------------------------------------------------------

SelfAttention::SelfAttention(const WeightMaker& make, int layer)
    : config_(make.config),
      layer_(layer),
      C_(make.config.n_embd),
      H_(make.config.n_head),
      Hk_(make.config.kv_heads()),
      D_(make.config.head_size()),
      positions_(make.positions),
      c_attn_(make, block_name(layer, "attn.c_attn"), (H_ + 2 * Hk_) * D_, C_,
              make.config.bias_qkv),
      c_proj_(make, block_name(layer, "attn.c_proj"), C_, H_ * D_, make.config.bias_out,
              Role::residual) {}

std::vector<std::string> SelfAttention::places(const GPTConfig& config) {
  std::vector<std::string> all = {"attn.hook_q", "attn.hook_k", "attn.hook_v"};
  if (config.pos == Position::rope) all.insert(all.end(), {"attn.hook_rot_q", "attn.hook_rot_k"});
  all.insert(all.end(),
             {"attn.hook_attn_scores", "attn.hook_pattern", "attn.hook_z", "attn.hook_result"});
  return all;
}

bool SelfAttention::somebody_looks(const Pass& pass) const {
  if (!pass.observer()) return false;
  std::vector<std::string> all = places(config_);
  all.insert(all.end(), kInputs.begin(), kInputs.end());
  return std::any_of(all.begin(), all.end(), [&](const std::string& name) {
    const std::string place = std::string(pass.scope()) + "." + name;
    return pass.observer()->wants(place) || pass.observer()->wants_gradient(place);
  });
}

Tensor SelfAttention::operator()(Pass& pass, const Tensor& x, const Norm* norm,
                                 Positions which) const {
  const bool untouched = config_.pos == Position::learned || config_.pos == Position::none;
  if (untouched && !pass.cache && which == Positions::all && !somebody_looks(pass))
    return straight(pass, norm ? (*norm)(pass, x) : x);
  const bool each = pass.observed_any({kInputs[0], kInputs[1], kInputs[2]});
  Heads heads;
  if (each) {
    heads = project_each_head(pass, x, norm);
  } else {
    const Tensor stream = norm ? (*norm)(pass, x) : x;
    const auto inside = pass.enter("attn");
    heads = project(pass, stream);
  }
  const auto inside = pass.enter("attn");
  turn(pass, heads);
  std::int64_t past = pass.past();
  if (pass.cache) {
    const KVCache::Pair all = pass.cache->append(layer_, heads.k, heads.v);
    heads.k = all.k, heads.v = all.v;
  }
  if (which == Positions::last) {
    const std::int64_t T = x.dim(1);
    heads.q = slice(heads.q, 2, T - 1, T), past += T - 1;
  }
  const Tensor z = pass.tap(
      "hook_z", permute(listen(pass, heads, numbers(pass, past)), {0, 2, 1, 3}));   // (B,T,H,D)
  return pass.dropout(mix(pass, z), config_.dropout, "resid_dropout");
}

// Nobody looks, and nothing happens to q, k and v between the two products: one operation on all of
// them.
Tensor SelfAttention::straight(Pass& pass, const Tensor& x) const {
  const auto inside = pass.enter("attn");
  const Tensor z = self_attention(c_attn_(pass, x), H_, Hk_, numbers(pass, 0));   // (B,T,H D)
  return pass.dropout(c_proj_(pass, z), config_.dropout, "resid_dropout");
}

Attention SelfAttention::numbers(const Pass& pass, std::int64_t past) const {
  Attention how{};
  how.scale = config_.attn_scale > 0 ? config_.attn_scale : 1 / std::sqrt(static_cast<double>(D_));
  how.q_offset = past;
  how.window = config_.window;
  how.dropout = pass.mode == Mode::train ? config_.dropout : 0;
  if (how.dropout > 0) how.key = pass.key("attn_dropout");
  return how;
}

// x (B,T,C) -> q (B,H,T,D), k and v (B,Hk,T,D). One product for all of them; heads are views of its
// result.
SelfAttention::Heads SelfAttention::project(Pass& pass, const Tensor& x) const {
  const std::int64_t B = x.dim(0), T = x.dim(1), QK = (H_ + Hk_) * D_, all = (H_ + 2 * Hk_) * D_;
  Tensor q, k, v;                              // (B,T,heads,D)
  if (config_.pos == Position::sinusoidal) {   // v does not hear about positions
    const DType products = c_attn_.products;
    const Tensor placed = cast(x + positions_->beside(x, pass.past()), products);
    const Tensor w = c_attn_.factor(pass);
    Tensor qk = linear(placed, slice(w, 0, 0, QK));
    Tensor vs = linear(cast(x, products), slice(w, 0, QK, all));
    if (c_attn_.bias) {
      const Tensor b = cast(pass.use(*c_attn_.bias), products);
      qk = qk + slice(b, 0, 0, QK), vs = vs + slice(b, 0, QK, all);
    }
    qk = reshape(qk, {B, T, H_ + Hk_, D_});
    q = slice(qk, 2, 0, H_), k = slice(qk, 2, H_, H_ + Hk_);
    v = reshape(vs, {B, T, Hk_, D_});
  } else {
    const Tensor qkv = reshape(c_attn_(pass, x), {B, T, H_ + 2 * Hk_, D_});
    q = slice(qkv, 2, 0, H_);
    k = slice(qkv, 2, H_, H_ + Hk_);
    v = slice(qkv, 2, H_ + Hk_, H_ + 2 * Hk_);
  }
  const auto heads = [&](const char* hook, const Tensor& t) {
    return permute(pass.tap(hook, t), {0, 2, 1, 3});
  };
  const Tensor queries = heads("hook_q", q), keys = heads("hook_k", k);
  return {queries, keys, heads("hook_v", v)};
}

// The same with an input of its own for each head, so that what one head reads can be seen and
// changed.
SelfAttention::Heads SelfAttention::project_each_head(Pass& pass, const Tensor& x,
                                                      const Norm* norm) const {
  const char* const outputs[] = {"hook_q", "hook_k", "hook_v"};
  const std::int64_t heads[] = {H_, Hk_, Hk_}, rows[] = {0, H_, H_ + Hk_};
  Tensor result[3];
  for (std::size_t i = 0; i < 3; ++i) {
    const Tensor each =
        one_head_each(pass, x, norm, kInputs[i], rows[i], heads[i]);   // (B,T,heads,D)
    const auto inside = pass.enter("attn");
    result[i] = permute(pass.tap(outputs[i], each), {0, 2, 1, 3});
  }
  return {result[0], result[1], result[2]};
}

// Heads row .. row + heads of c_attn, each on its own copy of x: (B,T,C) -> (B,T,heads,D)
Tensor SelfAttention::one_head_each(Pass& pass, const Tensor& x, const Norm* norm, const char* hook,
                                    std::int64_t row, std::int64_t heads) const {
  const std::int64_t B = x.dim(0), T = x.dim(1);
  Tensor own = pass.tap(hook, broadcast_to(reshape(x, {B, T, 1, C_}), {B, T, heads, C_}));
  if (norm) own = (*norm)(pass, own);
  if (config_.pos == Position::sinusoidal && row < H_ + Hk_) {
    own = own + reshape(positions_->beside(own, pass.past()), {T, 1, C_});
  }
  own = cast(own, c_attn_.products);
  const Tensor w = slice(c_attn_.factor(pass), 0, row * D_, (row + heads) * D_);
  const Tensor each_w = transpose(reshape(w, {1, heads, D_, C_}));                // (1,heads,C,D)
  Tensor y = permute(matmul(permute(own, {0, 2, 1, 3}), each_w), {0, 2, 1, 3});   // (B,T,heads,D)
  if (c_attn_.bias) {
    const Tensor b = cast(pass.use(*c_attn_.bias), c_attn_.products);
    y = y + reshape(slice(b, 0, row * D_, (row + heads) * D_), {heads, D_});
  }
  return y;
}

// Rotary positions: pairs of numbers of q and k turn by an angle that grows with the position.
void SelfAttention::turn(Pass& pass, Heads& heads) const {
  if (config_.pos != Position::rope) return;
  const auto turned = [&](const char* hook, const Tensor& x) {
    const Tensor y = rope(x, pass.past(), config_.rope_base);
    return pass.observed(hook) ? permute(pass.tap(hook, permute(y, {0, 2, 1, 3})), {0, 2, 1, 3})
                               : y;
  };
  heads.q = turned("hook_rot_q", heads.q);
  heads.k = turned("hook_rot_k", heads.k);
}

// (B,H,T,D). The fused kernel never forms the pattern, so whoever asks for it gets the readable
// path.
Tensor SelfAttention::listen(Pass& pass, const Heads& heads, const Attention& how) const {
  if (pass.observed_any({"hook_attn_scores", "hook_pattern"}))
    return readable_listen(pass, heads, how);
  return attention(heads.q, heads.k, heads.v, how);
}

// In the type of the stream: scores and pattern are what the fused kernel holds in its registers.
Tensor SelfAttention::readable_listen(Pass& pass, const Heads& heads, const Attention& how) const {
  const Tensor q = cast(heads.q, c_proj_.writes), k = cast(heads.k, c_proj_.writes),
               v = cast(heads.v, c_proj_.writes);
  const Tensor scores =
      pass.tap("hook_attn_scores", composed::attention_scores(q, k, how));   // (B,H,T,Tk)
  Tensor pattern = pass.tap("hook_pattern", softmax(scores));
  if (how.dropout > 0) pattern = dropout(pattern, how.dropout, how.key);
  const std::int64_t B = pattern.dim(0), T = pattern.dim(2), Tk = pattern.dim(3);
  // Query heads that share a key head are rows of one product: (B,Hk,H/Hk,T,Tk) (B,Hk,1,Tk,D)
  const Tensor z =
      matmul(reshape(pattern, {B, Hk_, H_ / Hk_, T, Tk}), reshape(v, {B, Hk_, 1, Tk, D_}));
  return cast(reshape(z, {B, H_, T, D_}), c_proj_.products);
}

// z (B,T,H,D) -> (B,T,C): what every head found out, written into the stream.
Tensor SelfAttention::mix(Pass& pass, const Tensor& z) const {
  const std::int64_t B = z.dim(0), T = z.dim(1);
  if (!pass.observed("hook_result")) return c_proj_(pass, reshape(z, {B, T, H_ * D_}));
  const Tensor w = cast(c_proj_.factor(pass), c_proj_.writes);          // (C, H D)
  const Tensor each_w = permute(reshape(w, {C_, H_, D_}), {1, 2, 0});   // (H,D,C)
  const Tensor each_z = cast(permute(z, {0, 2, 1, 3}), c_proj_.writes);
  const Tensor result =
      permute(matmul(each_z, reshape(each_w, {1, H_, D_, C_})), {0, 2, 1, 3});
  const Tensor y = sum(pass.tap("hook_result", result), 2);   // (B,T,H,C) -> (B,T,C)
  return c_proj_.bias ? y + pass.use(*c_proj_.bias) : y;
}

// ---- mlp ----------------------------------------------------------------------------------------

Mlp::Mlp(const WeightMaker& make, int layer) : config_(make.config) {
  const std::int64_t C = config_.n_embd, inner = config_.inner();
  if (config_.act == Activation::swiglu)
    c_gate_.emplace(make, block_name(layer, "mlp.c_gate"), inner, C, config_.bias_out);
  c_fc_.emplace(make, block_name(layer, "mlp.c_fc"), inner, C, config_.bias_out);
  c_proj_.emplace(make, block_name(layer, "mlp.c_proj"), C, inner, config_.bias_out,
                  Role::residual);
}

Tensor Mlp::operator()(Pass& pass, const Tensor& x) const {
  const auto inside = pass.enter("mlp");
  Tensor post;   // (B,T,4C)
  if (c_gate_) {
    const Tensor gate = pass.tap("hook_pre", (*c_gate_)(pass, x));
    post = swiglu(gate, pass.tap("hook_pre_linear", (*c_fc_)(pass, x)));
  } else {
    const Tensor pre = pass.tap("hook_pre", (*c_fc_)(pass, x));
    switch (config_.act) {
      case Activation::gelu:
        post = gelu(pre);
        break;
      case Activation::gelu_erf:
        post = gelu_erf(pre);
        break;
      case Activation::relu:
        post = relu(pre);
        break;
      case Activation::relu2:
        post = relu2(pre);
        break;
      case Activation::swiglu:
      case Activation::none:
        break;
    }
  }
  return pass.dropout((*c_proj_)(pass, pass.tap("hook_post", post)), config_.dropout, "dropout");
}

// ---- block --------------------------------------------------------------------------------------

// Weights are made in nanoGPT's order, ln_1 attn ln_2 mlp, which is the order of a checkpoint.
Block::Block(const WeightMaker& make, int layer) : config_(make.config) {
  const bool norms = config_.norm != NormPlace::none;
  const Writes writes = config_.norm == NormPlace::pre ? Writes::factors : Writes::stream;
  if (norms) norms_.emplace_back(make, "ln1", block_name(layer, "ln_1"), writes);
  attn_ = std::make_unique<SelfAttention>(make, layer);
  if (norms && config_.has_mlp()) norms_.emplace_back(make, "ln2", block_name(layer, "ln_2"), writes);
  if (config_.has_mlp()) mlp_ = std::make_unique<Mlp>(make, layer);
}

Tensor Block::operator()(Pass& pass, const Tensor& x, Positions which) const {
  const Tensor start = pass.tap("hook_resid_pre", x);
  const Tensor end = config_.norm == NormPlace::post ? post_norm(pass, start, which)
                                                     : pre_norm(pass, start, which);
  return pass.tap("hook_resid_post", end);
}

Tensor Block::pre_norm(Pass& pass, Tensor x, Positions which) const {
  const Norm* const norms = norms_.empty() ? nullptr : norms_.data();
  // Tokens talk to each other.
  x = asked_for(x, which) + pass.tap("hook_attn_out", (*attn_)(pass, x, norms, which));
  if (!mlp_) return x;
  x = pass.tap("hook_resid_mid", x);
  // Each token thinks by itself.
  return x + feed_forward(pass, x, norms ? norms + 1 : nullptr);
}

// The norms stand on the stream itself: what a block hands on has always just been normed.
Tensor Block::post_norm(Pass& pass, Tensor x, Positions which) const {
  x = norms_[0](pass, asked_for(x, which) +
                          pass.tap("hook_attn_out", (*attn_)(pass, x, nullptr, which)));
  if (!mlp_) return x;
  x = pass.tap("hook_resid_mid", x);
  return norms_[1](pass, x + feed_forward(pass, x, nullptr));
}

Tensor Block::feed_forward(Pass& pass, const Tensor& x, const Norm* norm) const {
  const Tensor in = pass.tap("hook_mlp_in", x);
  return pass.tap("hook_mlp_out", (*mlp_)(pass, norm ? (*norm)(pass, in) : in));
}

}   // namespace glass
