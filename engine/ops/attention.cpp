// attention(q, k, v) = dropout(softmax(scale q k^T, over the keys a query may see)) v
//
// The fused kernel never forms the (T,T) pattern: it keeps one number a row, lse = log sum exp of the scores, from which
// backward computes the pattern again, tile by tile. Whoever wants to see the pattern takes the composed twin.
#include <cmath>
#include <limits>
#include <vector>

#include "engine/ops/op.h"

namespace glass {
namespace {

struct AttentionNode final : Node {
  Tensor q, k, v, y, lse;
  Attention how;
  AttentionNode(Tensor queries, Tensor keys, Tensor values, Tensor output, Tensor log_sum, const Attention& numbers)
      : Node("attention"), q(std::move(queries)), k(std::move(keys)), v(std::move(values)), y(std::move(output)),
        lse(std::move(log_sum)), how(numbers) {}
  void backward(const Tensor& dy, Slots dx) override {
    dx.at_once<3>([&](Into dq, Into dk, Into dv) {
      q.backend().attention_backward(dq, dk, dv, packed_rows(dy).view(), y.view(), lse.view(), q.view(), k.view(), v.view(), how);
    });
  }
};

void require_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Attention& how, Where at) {
  require_together("attention", at, {q, k, v});
  const std::string shapes = "q " + str(q.shape()) + ", k " + str(k.shape()) + ", v " + str(v.shape());
  if (q.rank() != 4 || k.rank() != 4) shape_error("attention", shapes + ": needs (B,H,T,D) each", at, {q, k, v});
  if (k.shape() != v.shape()) shape_error("attention", shapes + ": k and v differ", at, {q, k, v});
  if (q.dim(0) != k.dim(0) || q.dim(3) != k.dim(3)) {
    shape_error("attention", shapes + ": batch and head size must agree", at, {q, k, v});
  }
  if (k.dim(1) == 0 || q.dim(1) % k.dim(1) != 0) {
    shape_error("attention", shapes + ": the query heads must be a multiple of the key heads", at, {q, k, v});
  }
  if (how.dropout < 0 || how.dropout >= 1 || how.window < 0 || how.q_offset < 0) {
    shape_error("attention", "dropout must be in [0, 1), window and q_offset not negative", at, {q, k, v});
  }
}

// k or v (B,Hk,T,D) with every head repeated for the query heads that share it: (B,H,T,D).
Tensor for_each_query_head(const Tensor& k, std::int64_t heads) {
  const std::int64_t B = k.dim(0), Hk = k.dim(1), T = k.dim(2), D = k.dim(3);
  if (Hk == heads) return k;
  return reshape(broadcast_to(reshape(k, {B, Hk, 1, T, D}), {B, Hk, heads / Hk, T, D}), {B, heads, T, D});
}

// (Tq,Tk): 0 where query i may see key j, -inf where it may not.
Tensor mask(const Tensor& like, std::int64_t queries, std::int64_t keys, const Attention& how) {
  std::vector<double> seen(static_cast<std::size_t>(queries * keys), -std::numeric_limits<double>::infinity());
  for (std::int64_t i = 0; i < queries; ++i) {
    const std::int64_t position = how.q_offset + i;
    for (std::int64_t j = 0; j < keys && j <= position; ++j) {
      if (how.window == 0 || j > position - how.window) seen[static_cast<std::size_t>(i * keys + j)] = 0;
    }
  }
  return Tensor::from(like.device(), seen, {queries, keys}, like.dtype());
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const Attention& how, Where at) {
  require_attention(q, k, v, how, at);
  const Tensor queries = packed_rows(q), keys = packed_rows(k), values = packed_rows(v);
  Tensor y = empty_like(q), lse = result(q, q.shape().prefix(3));
  q.backend().attention(y.view(), lse.view(), queries.view(), keys.view(), values.view(), how);
  return record<AttentionNode>(y, at, {q, k, v}, queries, keys, values, y, lse, how);
}

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, Where at) {
  Attention how{};
  if (q.rank() == 4 && q.dim(3) > 0) how.scale = 1 / std::sqrt(static_cast<double>(q.dim(3)));
  return attention(q, k, v, how, at);
}

namespace composed {

Tensor attention_scores(const Tensor& q, const Tensor& k, const Attention& how) {
  const Tensor keys = for_each_query_head(k, q.dim(1));
  return how.scale * matmul(q, transpose(keys)) + mask(q, q.dim(2), k.dim(2), how);
}

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const Attention& how) {
  const Tensor pattern = glass::softmax(attention_scores(q, k, how));   // the fused one: a row that sees nothing is 0
  const Tensor kept = how.dropout > 0 ? composed::dropout(pattern, how.dropout, how.key) : pattern;
  return matmul(kept, for_each_query_head(v, q.dim(1)));
}

}  // namespace composed
}  // namespace glass
