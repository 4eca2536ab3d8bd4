// attention(q, k, v) = dropout(softmax(scale q k^T, over the keys a query may see)) v
//
// The fused kernel never forms the (T,T) pattern: it keeps one number a row, lse = log sum exp of the scores, from which
// backward computes the pattern again, tile by tile. Whoever wants to see the pattern takes the composed twin.
#include <cmath>
#include <limits>
#include <vector>

#include "engine/ops/cases.h"
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

// q, k and v inside of one tensor: x (B,T,(H+2Hk)D), the heads of each side by side.
struct Parts { Tensor q, k, v; };                            // (B,H,T,D), (B,Hk,T,D), (B,Hk,T,D)

Tensor heads_of(const Tensor& x, std::int64_t first, std::int64_t count, std::int64_t D) {
  const Shape& step = x.stride();
  return x.window({x.dim(0), count, x.dim(1), D}, {step[0], D * step[2], step[1], step[2]}, x.offset() + first * D * step[2]);
}
Parts parts_of(const Tensor& qkv, std::int64_t H, std::int64_t Hk) {
  const std::int64_t D = qkv.dim(2) / (H + 2 * Hk);
  return {heads_of(qkv, 0, H, D), heads_of(qkv, H, Hk, D), heads_of(qkv, H + Hk, Hk, D)};
}

// The same derivatives, written side by side where the next backward wants them.
struct SelfAttentionNode final : Node {
  Tensor qkv, y, lse;                                        // y (B,T,H D)
  std::int64_t H, Hk;
  Attention how;
  SelfAttentionNode(Tensor packed, Tensor output, Tensor log_sum, std::int64_t heads, std::int64_t kv_heads,
                    const Attention& numbers)
      : Node("self_attention"), qkv(std::move(packed)), y(std::move(output)), lse(std::move(log_sum)), H(heads),
        Hk(kv_heads), how(numbers) {}
  void backward(const Tensor& dy, Slots dx) override {
    if (!dx[0]) return;
    const std::int64_t D = y.dim(2) / H;
    const Into whole = dx[0].into();
    const Parts x = parts_of(qkv, H, Hk);
    const auto place = [&](std::int64_t first, std::int64_t count) {
      View v = whole.view;                                   // as heads_of, of a View
      v.rank = 4;
      v.data += first * D * static_cast<std::int64_t>(size_of(v.dtype));
      v.shape[1] = count, v.shape[2] = qkv.dim(1), v.shape[3] = D;
      v.stride[1] = D, v.stride[2] = whole.view.stride[1], v.stride[3] = 1;
      return Into{v, whole.add};
    };
    const Tensor dy_rows = packed_rows(dy);
    y.backend().attention_backward(place(0, H), place(H, Hk), place(H + Hk, Hk), heads_of(dy_rows, 0, H, D).view(),
                                   heads_of(y, 0, H, D).view(), lse.view(), x.q.view(), x.k.view(), x.v.view(), how);
  }
};

void require_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Attention& how, Where at) {
  require_together("attention", at, {q, k, v});
  const auto refuse = [&](const char* why) {
    shape_error("attention", "q " + str(q.shape()) + ", k " + str(k.shape()) + ", v " + str(v.shape()) + ": " + why, at, {q, k, v});
  };
  if (q.rank() != 4 || k.rank() != 4) refuse("needs (B,H,T,D) each");
  if (k.shape() != v.shape()) refuse("k and v differ");
  if (q.dim(0) != k.dim(0) || q.dim(3) != k.dim(3)) refuse("batch and head size must agree");
  if (k.dim(1) == 0 || q.dim(1) % k.dim(1) != 0) refuse("the query heads must be a multiple of the key heads");
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
  Tensor y = empty_like(q), lse = statistics(q, q.shape().prefix(3));
  q.backend().attention(y.view(), lse.view(), queries.view(), keys.view(), values.view(), how);
  return record<AttentionNode>(y, at, {q, k, v}, queries, keys, values, y, lse, how);
}

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, Where at) {
  Attention how{};
  if (q.rank() == 4 && q.dim(3) > 0) how.scale = 1 / std::sqrt(static_cast<double>(q.dim(3)));
  return attention(q, k, v, how, at);
}

Tensor self_attention(const Tensor& qkv, std::int64_t H, std::int64_t Hk, const Attention& how, Where at) {
  require_together("self_attention", at, {qkv});
  if (qkv.rank() != 3 || H < 1 || Hk < 1 || qkv.dim(2) % (H + 2 * Hk) != 0) {
    shape_error("self_attention", str(qkv.shape()) + " is not (B,T,(H+2Hk)D) for H = " + std::to_string(H) + " and Hk = " +
                                      std::to_string(Hk), at, {qkv});
  }
  const Tensor packed = packed_rows(qkv);
  const Parts x = parts_of(packed, H, Hk);
  require_attention(x.q, x.k, x.v, how, at);
  const std::int64_t B = qkv.dim(0), T = qkv.dim(1), D = x.q.dim(3);
  Tensor y = result(qkv, {B, T, H * D}), lse = statistics(qkv, {B, H, T});
  qkv.backend().attention(heads_of(y, 0, H, D).view(), lse.view(), x.q.view(), x.k.view(), x.v.view(), how);
  return record<SelfAttentionNode>(y, at, {qkv}, packed, y, lse, H, Hk, how);
}

namespace composed {

Tensor self_attention(const Tensor& qkv, std::int64_t H, std::int64_t Hk, const Attention& how) {
  const std::int64_t B = qkv.dim(0), T = qkv.dim(1), D = qkv.dim(2) / (H + 2 * Hk);
  const Tensor heads = permute(reshape(qkv, {B, T, H + 2 * Hk, D}), {0, 2, 1, 3});   // (B,H+2Hk,T,D)
  const Tensor y = composed::attention(slice(heads, 1, 0, H), slice(heads, 1, H, H + Hk),
                                       slice(heads, 1, H + Hk, H + 2 * Hk), how);
  return reshape(permute(y, {0, 2, 1, 3}), {B, T, H * D});
}

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

// q (B,H,Tq,D), k and v (B,Hk,Tk,D). The first query sees at least one key: the derivative is not zero.
static std::vector<Shape> attention_shapes(OpDice& dice) {
  const auto n = dice.sizes(2);
  const bool large = n[0] * n[1] > 40;
  const std::int64_t Tq = n[0], D = n[1], B = large ? 1 : 1 + dice.below(2), Hk = large ? 1 : 1 + dice.below(2);
  const std::int64_t H = dice.same() ? Hk : Hk * (1 + dice.below(3));
  const std::int64_t Tk = dice.same() || dice.below(2) ? Tq : 1 + dice.below(9);
  return {{B, H, Tq, D}, {B, Hk, Tk, D}, {B, Hk, Tk, D}};
}

static Attention draw_numbers(OpDice& dice, const std::vector<Shape>& shapes) {
  Attention how{};
  how.scale = 0.1 * static_cast<double>(dice.between("scale/10", 3, 9));
  how.q_offset = dice.note("q_offset", std::min(dice.below(4), std::max<std::int64_t>(shapes[1][2] - 1, 0)));
  how.window = dice.pick("window", {0, 0, 1, 2, 5});
  const bool many = shapes[0][0] * shapes[0][1] * shapes[0][2] >= 12;   // or all weights might fall
  how.dropout = many ? 0.1 * static_cast<double>(dice.pick("dropout/10", {0, 0, 1, 3})) : 0;
  how.key = dice.key();
  return how;
}

static OpCall draw_attention(OpDice& dice) {
  const auto shapes = attention_shapes(dice);
  const Attention how = draw_numbers(dice, shapes);
  return {shapes, [=](Tensors in) { return attention(in[0], in[1], in[2], how); },
          [=](Tensors in) { return composed::attention(in[0], in[1], in[2], how); }};
}

// (B,T,(H+2Hk)D)
static OpCall draw_self_attention(OpDice& dice) {
  const auto n = dice.sizes(2);
  const bool large = n[0] * n[1] > 40;
  const std::int64_t T = n[0], D = n[1], B = large ? 1 : 1 + dice.below(2), Hk = large ? 1 : 1 + dice.below(2);
  const std::int64_t H = Hk * (1 + (large ? 0 : dice.below(3)));
  Attention how = draw_numbers(dice, {{B, H, T, D}, {B, Hk, T, D}});
  dice.note("H", H), dice.note("Hk", Hk);
  return {{{B, T, (H + 2 * Hk) * D}}, [=](Tensors in) { return self_attention(in[0], H, Hk, how); },
          [=](Tensors in) { return composed::self_attention(in[0], H, Hk, how); }};
}

static OpCall draw_plain_attention(OpDice& dice) {
  const auto shapes = attention_shapes(dice);
  Attention how{};
  how.scale = 1 / std::sqrt(static_cast<double>(shapes[0][3]));
  return {shapes, [](Tensors in) { return attention(in[0], in[1], in[2]); },
          [=](Tensors in) { return composed::attention(in[0], in[1], in[2], how); }};
}

// Seen through exp, which turns the -inf of what is not seen into 0.
static OpCall draw_scores(OpDice& dice) {
  const auto shapes = attention_shapes(dice);
  const Attention how = draw_numbers(dice, shapes);
  return {{shapes[0], shapes[1]}, [=](Tensors in) { return exp(composed::attention_scores(in[0], in[1], how)); }};
}

std::vector<OpCases> attention_cases() {
  const OpRange near{-1, 1};
  // clang-format off
  return {
      {.op = "attention(q, k, v, Attention)", .draw = draw_attention, .ranges = {near}, .twin = "composed::attention(q, k, v, Attention)"},
      {.op = "attention(q, k, v)",            .draw = draw_plain_attention, .ranges = {near}},
      {.op = "self_attention(qkv, H, Hk, Attention)", .draw = draw_self_attention, .ranges = {near}, .twin = "composed::self_attention(qkv, H, Hk, Attention)"},
      {.op = "composed::attention_scores(q, k, Attention)", .draw = draw_scores, .ranges = {near}},
  };
  // clang-format on
}

}  // namespace glass
