// Every op, with its shapes. Each lives in engine/ops/ with its formula, its derivative, its composed twin and its test
// case. Ops return new values; views (reshape .. slice) share memory with their input.
//
// B T C H D V: batch, time, channels, heads, head size, vocabulary. "x" alone: any shape.
#pragma once
#include "engine/tape.h"

namespace glass {

// A tensor and the line that uses it, so that `a + b` knows where it stands.
struct Arg {
  const Tensor& tensor;
  Where at;
  Arg(const Tensor& x, Where where = Where::here()) : tensor(x), at(where) {}   // NOLINT: implicit on purpose
};

// clang-format off

// arithmetic.cpp: sizes are broadcast from the last axis, as in NumPy
Tensor add(const Tensor& a, const Tensor& b, Where = Where::here());
Tensor sub(const Tensor& a, const Tensor& b, Where = Where::here());
Tensor mul(const Tensor& a, const Tensor& b, Where = Where::here());
Tensor div(const Tensor& a, const Tensor& b, Where = Where::here());
Tensor maximum(const Tensor& a, const Tensor& b, Where = Where::here());     // where equal, each has half the derivative
Tensor minimum(const Tensor& a, const Tensor& b, Where = Where::here());
Tensor affine(const Tensor& x, double scale, double shift, Where = Where::here());   // scale x + shift
inline Tensor operator+(Arg a, Arg b) { return add(a.tensor, b.tensor, a.at); }
inline Tensor operator-(Arg a, Arg b) { return sub(a.tensor, b.tensor, a.at); }
inline Tensor operator*(Arg a, Arg b) { return mul(a.tensor, b.tensor, a.at); }
inline Tensor operator/(Arg a, Arg b) { return div(a.tensor, b.tensor, a.at); }
inline Tensor operator+(Arg x, double c) { return affine(x.tensor, 1, c, x.at); }
inline Tensor operator+(double c, Arg x) { return affine(x.tensor, 1, c, x.at); }
inline Tensor operator-(Arg x, double c) { return affine(x.tensor, 1, -c, x.at); }
inline Tensor operator-(double c, Arg x) { return affine(x.tensor, -1, c, x.at); }
inline Tensor operator*(Arg x, double c) { return affine(x.tensor, c, 0, x.at); }
inline Tensor operator*(double c, Arg x) { return affine(x.tensor, c, 0, x.at); }
inline Tensor operator/(Arg x, double c) { return affine(x.tensor, 1 / c, 0, x.at); }
Tensor operator/(double c, Arg x);                                            // c reciprocal(x)
inline Tensor operator-(Arg x) { return affine(x.tensor, -1, 0, x.at); }

// activations.cpp: y = f(x), element by element; the formulas are in kernels/formulas.h
Tensor exp(const Tensor& x, Where = Where::here());
Tensor log(const Tensor& x, Where = Where::here());
Tensor sqrt(const Tensor& x, Where = Where::here());
Tensor rsqrt(const Tensor& x, Where = Where::here());                        // 1 / sqrt(x)
Tensor reciprocal(const Tensor& x, Where = Where::here());
Tensor square(const Tensor& x, Where = Where::here());
Tensor abs(const Tensor& x, Where = Where::here());
Tensor sin(const Tensor& x, Where = Where::here());
Tensor cos(const Tensor& x, Where = Where::here());
Tensor tanh(const Tensor& x, Where = Where::here());
Tensor erf(const Tensor& x, Where = Where::here());
Tensor sigmoid(const Tensor& x, Where = Where::here());
Tensor relu(const Tensor& x, Where = Where::here());
Tensor relu2(const Tensor& x, Where = Where::here());                        // relu(x)^2
Tensor silu(const Tensor& x, Where = Where::here());                         // x sigmoid(x)
Tensor gelu(const Tensor& x, Where = Where::here());                         // GPT-2's tanh form
Tensor gelu_erf(const Tensor& x, Where = Where::here());                     // x P(gaussian < x)
Tensor swiglu(const Tensor& gate, const Tensor& up, Where = Where::here());  // silu(gate) * up

// cast.cpp: the same numbers in another type
Tensor cast(const Tensor& x, DType, Where = Where::here());                  // x itself where it already is

// views.cpp
Tensor reshape(const Tensor& x, const Shape& shape, Where = Where::here());  // same elements in row-major order
Tensor permute(const Tensor& x, std::initializer_list<int> axes, Where = Where::here());    // y's axis i is x's axis axes[i]
Tensor transpose(const Tensor& x, int a = -2, int b = -1, Where = Where::here());
Tensor slice(const Tensor& x, int axis, std::int64_t start, std::int64_t stop, std::int64_t every = 1, Where = Where::here());
Tensor broadcast_to(const Tensor& x, const Shape& shape, Where = Where::here());            // repeats, stride 0
Tensor contiguous(const Tensor& x, Where = Where::here());                   // x itself where it already is
Tensor concat(std::initializer_list<Tensor> parts, int axis, Where = Where::here());        // up to 8 parts

// reductions.cpp: over one axis or over everything; the axis stays, with size 1, when keep is Keep::yes
enum class Keep { no, yes };
Tensor sum(const Tensor& x, Where = Where::here());
Tensor sum(const Tensor& x, int axis, Keep = Keep::no, Where = Where::here());
Tensor mean(const Tensor& x, Where = Where::here());
Tensor mean(const Tensor& x, int axis, Keep = Keep::no, Where = Where::here());
Tensor max(const Tensor& x, int axis, Keep = Keep::no, Where = Where::here());   // equal ones share the derivative

// matmul.cpp
Tensor matmul(const Tensor& a, const Tensor& b, Where = Where::here());      // (..,M,K) (..,K,N) -> (..,M,N); leading axes broadcast
Tensor linear(const Tensor& x, const Tensor& w, Where = Where::here());      // (..,K) (N,K) -> (..,N): x w^T
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, Where = Where::here());   // + (N)
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, DType writes, Where = Where::here());   // bias: or empty; factors in bf16 may write f32

// softmax.cpp, norm.cpp: over the last axis
Tensor softmax(const Tensor& x, Where = Where::here());
Tensor layernorm(const Tensor& x, const Tensor& w, const Tensor& b, double eps = 1e-5, Where = Where::here());   // (..,C) (C) (C)
Tensor layernorm(const Tensor& x, const Tensor& w, double eps = 1e-5, Where = Where::here());                    // without bias
Tensor rmsnorm(const Tensor& x, const Tensor& w, double eps = 1e-5, Where = Where::here());
Tensor rmsnorm(const Tensor& x, double eps = 1e-5, Where = Where::here());                                       // without weight
// The same, written in another type: bf16 for a product that follows, from a stream in f32. w, b: or empty.
Tensor layernorm(const Tensor& x, const Tensor& w, const Tensor& b, double eps, DType writes, Where = Where::here());
Tensor rmsnorm(const Tensor& x, const Tensor& w, double eps, DType writes, Where = Where::here());

// attention.cpp: causal; H queries heads share Hk key heads (H = n Hk). See Attention in kernels/backend.h
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const Attention&, Where = Where::here());   // (B,H,Tq,D) (B,Hk,Tk,D) (B,Hk,Tk,D) -> (B,H,Tq,D)
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, Where = Where::here());                     // scale 1/sqrt(D), everything before
Tensor self_attention(const Tensor& qkv, std::int64_t H, std::int64_t Hk, const Attention&, Where = Where::here());   // of q, k, v side by side, (B,T,(H+2Hk)D), as one linear makes them -> (B,T,H D)
Tensor rope(const Tensor& x, std::int64_t position = 0, double base = 10000, Where = Where::here());            // (B,H,T,D): turn pairs (i, i+D/2)

// embedding.cpp, dropout.cpp
Tensor embedding(const Tensor& table, const Tensor& ids, Where = Where::here());             // (V,C), ids of any shape -> (..,C)
Tensor dropout(const Tensor& x, double p, RandomKey key, Where = Where::here());             // x/(1-p), or 0 with probability p

// cross_entropy.cpp: -log softmax(logits)[target]; targets equal to `ignore` count for nothing
constexpr std::int64_t kIgnore = -1;
Tensor cross_entropy_each(const Tensor& logits, const Tensor& targets, std::int64_t ignore = kIgnore, Where = Where::here());   // (..,V) (..) -> (..)
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, std::int64_t ignore = kIgnore, Where = Where::here());        // mean -> ()
// head_loss.cpp: cross_entropy(linear(x, w)), in chunks of rows: the (B T, V) logits never exist
Tensor head_loss(const Tensor& x, const Tensor& w, const Tensor& targets, std::int64_t ignore = kIgnore, Where = Where::here());

// The same ops written in primitives: their documentation, the oracle of their tests, and the path taken when somebody
// wants to see an intermediate value.
namespace composed {
Tensor relu2(const Tensor& x);
Tensor silu(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor gelu(const Tensor& x);
Tensor gelu_erf(const Tensor& x);
Tensor swiglu(const Tensor& gate, const Tensor& up);
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias);
Tensor softmax(const Tensor& x);
Tensor layernorm(const Tensor& x, const Tensor& w, const Tensor& b, double eps = 1e-5);
Tensor rmsnorm(const Tensor& x, const Tensor& w, double eps = 1e-5);
Tensor rmsnorm(const Tensor& x, double eps = 1e-5);
Tensor attention_scores(const Tensor& q, const Tensor& k, const Attention&);    // (B,H,Tq,Tk), -inf where unseen
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const Attention&);
Tensor self_attention(const Tensor& qkv, std::int64_t H, std::int64_t Hk, const Attention&);
Tensor rope(const Tensor& x, std::int64_t position = 0, double base = 10000);
Tensor embedding(const Tensor& table, const Tensor& ids);                       // one-hot rows times the table
Tensor dropout(const Tensor& x, double p, RandomKey key);
Tensor cross_entropy_each(const Tensor& logits, const Tensor& targets, std::int64_t ignore = kIgnore);
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, std::int64_t ignore = kIgnore);
Tensor head_loss(const Tensor& x, const Tensor& w, const Tensor& targets, std::int64_t ignore = kIgnore);
}  // namespace composed

// clang-format on

}  // namespace glass
