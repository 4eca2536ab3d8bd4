// The parts of a transformer block. Each holds pointers to its weights and the numbers it needs,
// and reads as the paper does. Wherever somebody observes a value that a fused kernel never forms,
// the readable path is taken instead.
//
// B T C H D: batch, time, channels, heads, head size. Hk: heads of keys and values.
#pragma once
#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/pass.h"

namespace glass {

// What position p adds to queries and keys of a model without learned positions: sines and cosines
// of p at C/2 frequencies. All layers have one table, which is made again only when other positions
// are asked for.
class Sinusoids {
 public:
  explicit Sinusoids(const GPTConfig& config) : config_(config) {}
  // (T,C) for x (B,T,..,C), whose first token is at position `past`.
  const Tensor& beside(const Tensor& x, std::int64_t past);

 private:
  const GPTConfig& config_;
  Tensor table_;
  std::int64_t past_ = 0;
};

// What a weight is for; with the config's `init` this says how its first values are drawn.
// residual: what writes into the stream.
enum class Role : std::uint8_t { embedding, linear, residual, head, bias, norm_weight, norm_bias };

// Makes the weights of a model, one after the other, in the order of its way. What a model computes
// in is two types: one for weights, the stream and all sums, and one for the factors of matrix
// products, which may be bf16 where the other is f32 (the table is in model/README.md).
struct WeightMaker {
  const GPTConfig& config;
  Device device;
  DType dtype, products;
  Seed seed;
  std::deque<Parameter>& parameters;   // a deque: pointers into it stay
  std::shared_ptr<Sinusoids> positions = {};   // for layers that add them to queries and keys

  // fan_in: how many numbers one output of the layer sums up.
  Parameter* make(const std::string& name, const Shape& shape, Role role,
                  std::int64_t fan_in) const;
};

// x as a packed weight wants it. Beside weights that were rounded, the many rows of a prompt are
// rounded to bf16 too, for processors that multiply pairs of it; the few rows of a token, where that
// would save nothing, stay as they are.
Tensor beside(const PackedTensor& w, const Tensor& x, Where at = Where::here());

struct Linear {        // (..,K) -> (..,N)
  Parameter* weight;   // (N,K)
  Parameter* bias;     // (N) or null
  DType products;      // of x and the weight
  DType writes;        // of the result: what is added to the stream is as exact as the stream
  Linear(const WeightMaker& make, const std::string& name, std::int64_t N, std::int64_t K,
         bool bias, Role role = Role::linear);
  Tensor operator()(Pass& pass, const Tensor& x, Where at = Where::here()) const;
  // The weight itself, for those who need a part of it. Of a packed one: the numbers it stands for,
  // so that who looks inside sees the model that writes.
  Tensor factor(Pass& pass, Where at = Where::here()) const;
};

// What a norm writes: the stream itself, or a copy of it that a matrix product reads.
enum class Writes : std::uint8_t { stream, factors };

// (B,T,..) as it is, or (B,1,..).
Tensor asked_for(const Tensor& x, Positions which);

struct Norm {          // (..,C) -> (..,C)
  const char* scope;   // "ln1"
  NormType type;
  double eps;
  Parameter *weight, *bias;   // (C) each, or null
  DType writes;
  Norm(const WeightMaker& make, const char* scope, const std::string& name, Writes what);
  Tensor operator()(Pass& pass, const Tensor& x) const;

 private:
  Tensor readable(Pass& pass, const Tensor& x) const;   // with hook_scale and hook_normalized
};

// Tokens talk to each other: each asks a question (q), and listens (v) to those before it whose key
// (k) answers it.
class SelfAttention {
 public:
  SelfAttention(const WeightMaker& make, int layer);
  // x (B,T,C) -> (B,T,C), or (B,1,C) where the last position alone is asked for: it listens to all.
  // In a pre-norm block `norm` is applied to what comes in.
  Tensor operator()(Pass& pass, const Tensor& x, const Norm* norm, Positions which) const;

  // Where one can look on the way from the stream of a block to what its heads found out, by the
  // names within the block: before the norm, and behind it. Who looks at none of them, nor at the
  // gradient of one, gets a faster way that has no such places.
  static constexpr std::array<const char*, 3> kInputs = {"hook_q_input", "hook_k_input",
                                                         "hook_v_input"};
  static std::vector<std::string> places(const GPTConfig& config);

 private:
  struct Heads {
    Tensor q, k, v;   // (B,H,T,D) (B,Hk,T,D) (B,Hk,T,D)
  };
  Tensor straight(Pass& pass, const Tensor& x) const;
  Attention numbers(const Pass& pass, std::int64_t past) const;
  Heads project(Pass& pass, const Tensor& x) const;
  Heads project_each_head(Pass& pass, const Tensor& x, const Norm* norm) const;
  Tensor one_head_each(Pass& pass, const Tensor& x, const Norm* norm, const char* hook,
                       std::int64_t row, std::int64_t heads) const;
  void turn(Pass& pass, Heads& heads) const;
  Tensor listen(Pass& pass, const Heads& heads, const Attention& how) const;
  Tensor readable_listen(Pass& pass, const Heads& heads, const Attention& how) const;
  Tensor mix(Pass& pass, const Tensor& z) const;
  bool somebody_looks(const Pass& pass) const;

  const GPTConfig& config_;
  int layer_;
  std::int64_t C_, H_, Hk_, D_;
  std::shared_ptr<Sinusoids> positions_;
  Linear c_attn_, c_proj_;   // ((H+2Hk)D, C): rows of q, then k, then v;  (C, H D)
};

// Each token thinks by itself.
class Mlp {
 public:
  Mlp(const WeightMaker& make, int layer);
  Tensor operator()(Pass& pass, const Tensor& x) const;   // (B,T,C) -> (B,T,C)

 private:
  const GPTConfig& config_;
  std::optional<Linear> c_gate_, c_fc_, c_proj_;   // the gate only where there is one
};

class Block {
 public:
  Block(const WeightMaker& make, int layer);
  // (B,T,C) -> (B,T,C), or (B,1,C): the last block of a model of which only the last position is
  // read saves the others all that comes behind their keys and values.
  Tensor operator()(Pass& pass, const Tensor& x, Positions which = Positions::all) const;

 private:
  Tensor pre_norm(Pass& pass, Tensor x, Positions which) const;
  Tensor post_norm(Pass& pass, Tensor x, Positions which) const;
  Tensor feed_forward(Pass& pass, const Tensor& x, const Norm* norm) const;

  const GPTConfig& config_;
  std::vector<Norm> norms_;   // ln1 and ln2, as far as there are any
  std::unique_ptr<SelfAttention> attn_;
  std::unique_ptr<Mlp> mlp_;   // or none
};

}   // namespace glass
