// What a machine has to be able to do. Outputs come first, then inputs, then numbers.
// Everything is pure virtual on purpose: a backend that lacks a kernel does not compile.
//
// Rules that hold for every kernel:
//  - Every number is a double; a kernel rounds it to its own type, so the reference backend is exact in double.
//  - All operands of one call have one floating type, f32 or f64 (ids and targets are i32); copy converts.
//  - bf16 is a way to store an f32: it is widened as it is read, and rounded once, to the nearest, as it is written.
//    Any operand may be bf16 where the others are f32, except what a row or a step is known by: mean, rstd, lse, loss,
//    dloss, norm, numbers, param, grad, m and v are f32. In matmul and linear both factors have one type; the result
//    and the bias may be of either.
//  - Outputs never overlap inputs, except that an elementwise kernel (fill, copy, map, map_backward, affine, zip,
//    dropout) may write exactly onto an input of its own type, and cross_entropy_backward onto the logits.
//  - Inputs may have any strides, also 0. Outputs have no stride 0 where the size is above 1.
//  - A View marked "or none" may have data == nullptr; so may every Into.
//  - Results do not depend on the number of threads.
#pragma once
#include "kernels/memory.h"
#include "kernels/packed.h"
#include "kernels/random.h"
#include "kernels/view.h"

namespace glass {

// The formulas behind these names are in kernels/formulas.h.
enum class Unary : std::uint8_t {
  neg, exp, log, sqrt, rsqrt, reciprocal, square, abs, sin, cos, tanh, erf, sigmoid,
  relu, relu2, silu, gelu, gelu_erf,
};
enum class Binary : std::uint8_t { add, sub, mul, div, max, min, greater, equal };   // greater, equal: 1 or 0
enum class Fold : std::uint8_t { sum, max };

// Causal attention: query i stands at position q_offset + i and sees keys in (position - window, position].
// What a query does not see may be anything in k, but must be finite in v: a tile multiplies it by 0.
struct Attention {
  double scale;            // scores = scale * q k^T
  std::int64_t q_offset;   // how many keys came before the first query (the length of a KV cache)
  std::int64_t window;     // 0: everything before; W: the last W positions, itself included
  double dropout;          // probability with which a weight of the pattern is dropped
  RandomKey key;           // element (b, h, i, j) of the pattern is number ((b*H + h)*Tq + i)*Tk + j
};

// One parameter on its way through the optimizer. All have one shape and are contiguous.
struct AdamWItem {
  View param, grad, m, v;
  double decay;
  View shadow = {};        // bf16, or none: the new param, rounded
};

// The numbers of a step live in a small tensor on the device, so that a recorded launch can be replayed with new ones.
enum AdamWNumber { kLearningRate, kBeta1, kBeta2, kEps, kCorrection1, kCorrection2, kMaxNorm, kAdamWNumbers };

class Backend {
 public:
  virtual ~Backend();
  virtual const char* name() const = 0;                // "cpu avx512, 2 threads"
  virtual bool supports(DType) const = 0;

  // memory
  virtual std::byte* allocate(std::size_t bytes) = 0;  // 64-byte aligned; reuses what was released
  virtual void release(std::byte*, std::size_t bytes) noexcept = 0;
  virtual void upload(std::byte* to, const void* host, std::size_t bytes) = 0;
  virtual void fetch(const Fetch* pieces, int count) = 0;   // to the host, after everything queued: one wait for all
  void download(void* host, const std::byte* from, std::size_t bytes);   // one piece
  virtual void wait() = 0;                             // until everything queued has run
  virtual MemoryUse memory_use() const = 0;
  virtual std::size_t chunk_bytes() const = 0;         // of a result that is made and used up a part at a time

  // primitives: enough to write any network, each with a textbook derivative
  virtual void fill(View y, double c) = 0;
  virtual void copy(Into y, View x) = 0;                                  // y = x, any strides, converts the type
  virtual void affine(Into y, View x, double scale, double shift) = 0;    // y = scale x + shift
  virtual void map(Unary f, View y, View x) = 0;                          // y = f(x)
  virtual void map_backward(Unary f, Into dx, View dy, View x) = 0;       // dx = dy f'(x)
  virtual void zip(Binary f, Into y, View a, View b) = 0;                 // y = f(a, b), all of y's shape (stride 0 broadcasts)
  virtual void fold(Fold f, Into y, View x) = 0;                          // over the axes where y.shape is 1; rank kept
  virtual void matmul(Into c, View a, View b) = 0;                        // (..,M,N) = (..,M,K) (..,K,N), same leading sizes
  virtual void gather(View y, View table, View ids) = 0;                  // (n,C): y[i,:] = table[ids[i],:]
  virtual void scatter_add(Into table, View ids, View y) = 0;             // table[ids[i],:] += y[i,:], in the order of i

  // fused: the same mathematics as a composition of the above, in one pass over memory.
  // "Rows" are all leading axes; C is the last axis.
  virtual void linear(View y, View x, View w, View bias) = 0;             // y (..,N) = x (..,K) w(N,K)^T + bias (N) or none
  virtual void linear_packed(View y, View x, PackedWeight w, View bias) = 0;   // the same for x (M,K), y (M,N), each of either type; no backward
  virtual void swiglu(View y, View gate, View up) = 0;                    // silu(gate) * up
  virtual void swiglu_backward(Into dgate, Into dup, View dy, View gate, View up) = 0;
  virtual void softmax(View y, View x) = 0;                               // over the last axis; a row of -inf gives zeros
  virtual void softmax_backward(Into dx, View dy, View y) = 0;
  virtual void layernorm(View y, View mean, View rstd, View x, View w, View b, double eps) = 0;   // b or none; mean, rstd (..,1)
  virtual void layernorm_backward(Into dx, Into dw, Into db, View dy, View x, View w, View mean, View rstd) = 0;
  virtual void rmsnorm(View y, View rstd, View x, View w, double eps) = 0;                        // w or none; rstd (..,1)
  virtual void rmsnorm_backward(Into dx, Into dw, View dy, View x, View w, View rstd) = 0;
  virtual void attention(View y, View lse, View q, View k, View v, const Attention&) = 0;         // q,y (B,H,Tq,D); k,v (B,Hk,Tk,D); lse (B,H,Tq)
  virtual void attention_backward(Into dq, Into dk, Into dv, View dy, View y, View lse, View q, View k, View v, const Attention&) = 0;
  virtual void rope(Into y, View x, double base, std::int64_t position, bool inverse) = 0;        // x (B,H,T,D): pairs (i, i + D/2) turn
  virtual void dropout(Into y, View x, double p, RandomKey key) = 0;      // x / (1-p) or 0; element i draws number i
  virtual void cross_entropy(View loss, View lse, View logits, View targets, std::int64_t ignore) = 0;   // logits (n,V); loss, lse, targets (n)
  virtual void cross_entropy_backward(Into dlogits, View dloss, View logits, View lse, View targets, std::int64_t ignore) = 0;

  // optimizer
  virtual void global_norm(View norm, const View* grads, int count) = 0;  // norm (1): sqrt of the sum of all squares
  // A step whose norm is not finite changes nothing and sets skipped (1, i32) to 1. norm and skipped: or none.
  virtual void adamw(const AdamWItem* items, int count, View numbers, View norm, View skipped) = 0;
};

}  // namespace glass
