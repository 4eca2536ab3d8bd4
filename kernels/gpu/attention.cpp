// Starts the kernels of attention.h and attention_blocks.h.
#include <initializer_list>

#include "kernels/gpu/attention_blocks.h"
#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/operands.h"
#include "kernels/gpu/workspace.h"

namespace glass {
using namespace gpu;

namespace {

bool same_shape(const View& a, const View& b) {
  bool same = a.rank == b.rank;
  for (int i = 0; same && i < a.rank; ++i) same = a.shape[i] == b.shape[i];
  return same;
}

AttentionArgs arguments(const char* op, const View& y, const View& lse, const View& q,
                        const View& k, const View& v, const Attention& a) {
  require_floats(op, {&y, &lse, &q, &k, &v});
  require(q.rank == 4 && k.rank == 4 && same_shape(k, v) && same_shape(y, q), op,
          "q and y must be (B,H,Tq,D), k and v (B,Hk,Tk,D)");
  require(lse.rank == 3 && count(lse) == q.shape[0] * q.shape[1] * q.shape[2], op,
          "lse must be (B,H,Tq)");
  require(k.shape[0] == q.shape[0] && k.shape[3] == q.shape[3], op,
          "q and k must have one B and one D");
  require(k.shape[1] > 0 ? q.shape[1] % k.shape[1] == 0 : q.shape[1] == 0, op,
          "the heads must be a multiple of the key heads");
  require(q.shape[3] <= kMostHead, op, "a head may have at most 256 numbers");
  require(a.dropout >= 0 && a.dropout < 1, op, "dropout must be in [0, 1)");
  require(a.window >= 0 && a.q_offset >= 0, op, "window and q_offset must not be negative");
  AttentionArgs p = {};
  p.B = static_cast<uint>(q.shape[0]);
  p.H = static_cast<uint>(q.shape[1]);
  p.Hk = static_cast<uint>(k.shape[1]);
  p.Tq = static_cast<uint>(q.shape[2]);
  p.Tk = static_cast<uint>(k.shape[2]);
  p.D = static_cast<uint>(q.shape[3]);
  p.scale = static_cast<float>(a.scale);
  p.kept = static_cast<float>(1 / (1 - a.dropout));
  p.offset = static_cast<uint>(a.q_offset);
  p.window = static_cast<uint>(a.window);
  p.threshold = a.dropout > 0 ? drop_threshold(a.dropout) : 0;
  p.q = array_of(op, q);
  p.k = array_of(op, k);
  p.v = array_of(op, v);
  p.y.array = array_of(op, y);
  p.lse = array_of(op, lse);
  return p;
}

// The kernels of a kind, and how many queries (keys for dk and dv) a group of theirs has.
struct Kind {
  const char *forward, *dq, *dkv;
  uint rows, backward_rows;
};
constexpr Kind kNumberByNumber = {"attention", "attention_dq", "attention_dkv",
                                  kWarps* kForwardRows, kWarps* kBackwardRows};
constexpr Kind kOnBlocks = {"attention_blocks", "attention_blocks_dq", "attention_blocks_dkv",
                            kBlock, kBlock};
constexpr Kind kOnWideBlocks = {"attention_blocks_wide", "attention_blocks_wide_dq",
                                "attention_blocks_wide_dkv", kBlock, kBlock};

// Matrix units can do it if all factors are in bf16 and a head has one block, or two.
const Kind& kind_for(const AttentionArgs& p, std::initializer_list<const Array*> factors) {
  for (const Array* a : factors)
    if (a->type != kBF16) return kNumberByNumber;
  return p.D <= kBlock ? kOnBlocks : p.D <= 2 * kBlock ? kOnWideBlocks : kNumberByNumber;
}
// Whether runs of `numbers`, along the rows of operands that are there, all begin at a multiple of
// their size.
bool in_pieces(std::initializer_list<const Array*> operands, uint numbers) {
  bool pieces = true;
  for (const Array* a : operands) {
    if (!a->data) continue;
    const uint bytes = numbers * (a->type == kBF16 ? 2 : 4);
    pieces = pieces && reinterpret_cast<std::uintptr_t>(a->data) % bytes == 0 && a->stride[3] == 1;
    for (int axis = 0; axis < 3; ++axis) pieces = pieces && a->stride[axis] % numbers == 0;
  }
  return pieces;
}

}   // namespace

void GpuBackend::attention(View y, View lse, View q, View k, View v, const Attention& a) {
  AttentionArgs p = arguments("attention", y, lse, q, k, v, a);
  p.draws = draws_of(a.key, a.dropout);
  p.pieces = in_pieces({&p.q, &p.k, &p.v}, 8);
  p.pairs = in_pieces({&p.y.array}, 2);
  const Kind& kind = kind_for(p, {&p.q, &p.k, &p.v});
  launch_batch(kind.forward, p, {groups_for(p.Tq, kind.rows), p.H, p.B});
}

void GpuBackend::attention_backward(Into dq, Into dk, Into dv, View dy, View y, View lse, View q,
                                    View k, View v, const Attention& a) {
  const char* op = "attention_backward";
  AttentionArgs p = arguments(op, y, lse, q, k, v, a);
  p.draws = draws_of(a.key, a.dropout);
  require_floats(op, {&dy, &dq.view, &dk.view, &dv.view});
  require(same_shape(dy, q) && (!dq.view.data || same_shape(dq.view, q)) &&
              (!dk.view.data || same_shape(dk.view, k)) &&
              (!dv.view.data || same_shape(dv.view, v)),
          op, "dy and dq must be like q, dk and dv like k");
  p.dy = array_of(op, dy);
  p.dq = {array_of(op, dq.view), dq.add};
  p.dk = {array_of(op, dk.view), dk.add};
  p.dv = {array_of(op, dv.view), dv.add};
  p.padded = groups_for(p.Tq, kBlock) * kBlock;
  const std::size_t queries = std::size_t{p.B} * p.H * p.padded;
  const Workspace known(*this, 2 * queries);
  p.delta = known.data();
  p.lse2 = known.data() + queries;
  launch("attention_delta", p, {groups_for(std::uint64_t{p.B} * p.H * p.Tq, 8)});
  const Kind& kind = kind_for(p, {&p.q, &p.k, &p.v, &p.dy});
  p.pieces = in_pieces({&p.q, &p.k, &p.v, &p.dy}, 8);
  p.pairs = in_pieces({&p.dq.array, &p.dk.array, &p.dv.array}, 2);
  if (dq.view.data) launch_batch(kind.dq, p, {groups_for(p.Tq, kind.backward_rows), p.H, p.B});
  if (dk.view.data || dv.view.data)
    launch_batch(kind.dkv, p, {groups_for(p.Tk, kind.backward_rows), p.Hk, p.B});
}

}   // namespace glass
