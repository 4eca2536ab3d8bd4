// Attention forward. For every query the largest score so far, the sum of exponentials so far and
// the weighted sum of values so far are carried from tile to tile of keys; when a larger score
// turns up, what was summed is scaled down (Milakov and Gimelshein, "Online normalizer calculation
// for softmax", 2018; Dao et al., "FlashAttention", 2022).
#include "kernels/cpu/attention.h"

#include "kernels/cpu/isa/rows.h"
#include "kernels/cpu/vector_math.h"

namespace glass::GLASS_ISA {
namespace {

// What is carried for each query.
struct Running {
  float* y;       // (queries, width): sum of 2^(score - top) v
  float* top;     // largest score, in units of ln 2
  float* total;   // sum of 2^(score - top), before dropout
};

// Turns the scores [columns) of one query into weights relative to the largest score yet. Keys
// outside of `seen` weigh nothing.
GLASS_SIMD void weigh(const AttentionCall& n, float* scores, Range columns, Range seen,
                      Index number, const Running& run, Index row) {
  const float before = run.top[row];
  Vec most = splat(before);
  if (within(columns, seen)) {   // as most are
    for (Index j = columns.begin; j < columns.end; j += kLanes)
      most = max_fast(load(scores + j), most);
  } else {
    for (Index j = columns.begin; j < columns.end; j += kLanes) {
      const Vec s = only(n, seen, j, load(scores + j), splat(-kInfinity));
      store(scores + j, s);
      most = max_fast(s, most);
    }
  }
  const float top = max_of(most);
  // While all scores are -inf, 2^(score - 0) = 0 does; a NaN among them stays one.
  const float base = top == -kInfinity ? 0.0f : top;
  alignas(64) std::uint32_t buffer[kDrawnKeys];
  const std::uint32_t* numbers =
      n.drops
          ? draw_row(n, number + columns.begin, columns.end - columns.begin, buffer) - columns.begin
          : nullptr;
  Vec sums = zero();
  for (Index j = columns.begin; j < columns.end; j += kLanes) {
    const Vec weight = exp2(load(scores + j) - splat(base));
    sums += weight;
    store(scores + j, n.drops ? weight * kept(n, numbers + j) : weight);
  }
  if (before != top && before != -kInfinity) {
    const Vec shrink = exp2(splat(before - base));
    float* y = run.y + row * n.width;
    for (Index d = 0; d < n.width; d += kLanes) store(y + d, load(y + d) * shrink);
    run.total[row] *= first_lane(shrink);
  }
  run.top[row] = top;
  run.total[row] += sum(sums);
}

// Of some queries: total becomes 1 / total (0 for a query that saw nothing), and top becomes lse.
void finish(const Running& run, Index queries) {
  for (Index i = 0; i < queries; i += kLanes) {
    const Vec total = load(run.total + i), top = load(run.top + i);
    store(run.top + i, fma(top, splat(kLn2), log(total)));   // -inf where nothing was seen
    store(run.total + i, select(total == zero(), zero(), splat(1.0f) / total));
  }
}

// Queries [begin, end) of one head.
void forward_chunk(const AttentionCall& n, const HeadRows& y, float* lse, Index lse_stride, Index b,
                   Index h, Index begin, Index end) {
  const HeadRows keys_of_head = head_of(n.k, b, key_head(n, h)),
                 values_of_head = head_of(n.v, b, key_head(n, h));
  const Index queries = end - begin;
  Slab slab = {scratch(Scratch::tile, (2 * n.width + 2) * queries + (kTileRows + 2 * n.width) * kForwardKeys + 128)};
  float* q = take(slab, queries * n.width);
  const Running run = {take(slab, queries * n.width), take(slab, queries), take(slab, queries)};
  float* scores = take(slab, kTileRows * kForwardKeys);
  float *wide_keys = take(slab, n.width * kForwardKeys),
        *wide_values = take(slab, n.width * kForwardKeys);
  float* packed_keys = scratch(Scratch::pack_a, packed_floats(kTileColumns, kForwardKeys, n.D));
  float* packed_values = scratch(Scratch::pack_b, packed_floats(kTileColumns, n.D, kForwardKeys));
  copy_rows(q, head_of(n.q, b, h), begin, queries, n.D, n.width, n.scale2);
  fill_zero(run.y, queries * n.width);
  for (Index i = 0; i < round_up(queries, kLanes); ++i) run.top[i] = -kInfinity, run.total[i] = 0;

  const Index key_end = last_key(n.sight, end - 1);
  for (Index key = first_key(n.sight, begin) / kForwardKeys * kForwardKeys; key < key_end;
       key += kForwardKeys) {
    const Index keys = smaller(kForwardKeys, key_end - key);
    const HeadRows k_rows = widened_rows(keys_of_head, key, keys, n.D, n.width, wide_keys);
    const HeadRows v_rows = widened_rows(values_of_head, key, keys, n.D, n.width, wide_values);
    const PanelsB k = keys_in_lanes(k_rows, keys, n.D, packed_keys);
    const PanelsB v = keys_as_rows(v_rows, keys, n.D, packed_values);
    const Index i_end = smaller(end, last_query(n.sight, key + keys, n.Tq));
    for (Index i = larger(begin, first_query(n.sight, key)); i < i_end; i += kTileRows) {
      const Index rows = smaller(kTileRows, i_end - i), row = i - begin;
      // The keys of this tile that any of these queries sees, and the whole panels and vectors
      // around them.
      const Index first = larger(first_key(n.sight, i) - key, 0),
                  last = smaller(last_key(n.sight, i + rows - 1) - key, keys);
      const Index from = first / kTileColumns * kTileColumns, to = round_up(last, kLanes);
      multiply_panels(overwrite(scores + from, kForwardKeys, to - from), rows,
                      {{q + row * n.width, n.width, 1}, 0}, from_column(k, from), n.D);
      for (Index r = 0; r < rows; ++r) {
        const Range seen = {first_key(n.sight, i + r) - key, last_key(n.sight, i + r) - key};
        const Index number = ((b * n.H + h) * n.Tq + i + r) * n.Tk + key;
        weigh(n, scores + r * kForwardKeys, {from, to}, seen, number, run, row + r);
      }
      multiply_panels(add_to(run.y + row * n.width, n.width, n.width), rows,
                      {{scores + first, kForwardKeys, 1}, 0}, from_depth(v, first), last - first);
    }
  }
  finish(run, queries);
  for (Index i = 0; i < queries; ++i) {
    const Vec share = splat(run.total[i]);
    for (Index d = 0; d < n.D; d += kLanes) {
      const int lanes = static_cast<int>(smaller(n.D - d, kLanes));
      store_columns(y, begin + i, d, load(run.y + i * n.width + d) * share, lanes);
    }
    lse[(begin + i) * lse_stride] = run.top[i];
  }
}

}   // namespace

void Cpu::attention(View y, View lse, View q, View k, View v, const Attention& a) {
  require_f32("attention", lse), require_floats("attention", y, q, k, v);
  const AttentionCall n = attention_call(q, k, v, a);
  if (n.B * n.H * n.Tq == 0) return;
  const Index queries = queries_per_chunk(n, team_), chunks = chunks_of(n.Tq, queries);
  const auto body = [&](Index item) {
    const Index h = item / chunks % n.H, b = item / chunks / n.H,
                begin = in_pairs(item % chunks, chunks) * queries;
    forward_chunk(n, head_of(y, b, h), floats(lse) + b * lse.stride[0] + h * lse.stride[1],
                  lse.stride[2], b, h, begin, smaller(n.Tq, begin + queries));
  };
  for_each_item(n, team_, n.B * n.H * chunks, body);
}

}   // namespace glass::GLASS_ISA
