// Attention forward. For every query the largest score so far, the sum of exponentials so far and
// the weighted sum of values so far are carried from tile to tile of keys; when a larger score
// turns up, what was summed is scaled down (Milakov and Gimelshein, "Online normalizer calculation
// for softmax", 2018; Dao et al., "FlashAttention", 2022).
//
// Many queries meet a tile of keys that was packed for them. One query, as when a model writes,
// uses every key once: it reads them where they lie, and the limit is how fast memory can be read.
#include "kernels/cpu/attention.h"

#include "kernels/cpu/isa/rows.h"
#include "kernels/cpu/transpose.h"
#include "kernels/cpu/vector_math.h"

namespace glass::GLASS_ISA {
namespace {

// What is carried for each query.
struct Running {
  float* y;       // (queries, width): sum of 2^(score - top) v
  float* top;     // largest score, in units of ln 2
  float* total;   // sum of 2^(score - top), before dropout
};

Running nothing_yet(const AttentionCall& n, Index queries, Slab& slab) {
  const Running run = {take(slab, queries * n.width), take(slab, queries), take(slab, queries)};
  fill_zero(run.y, queries * n.width);
  for (Index i = 0; i < round_up(queries, kLanes); ++i) run.top[i] = -kInfinity, run.total[i] = 0;
  return run;
}

// Turns the scores [columns) of one query into weights relative to the largest score yet. Keys
// outside of `seen` weigh nothing.
GLASS_SIMD void weigh(const AttentionCall& n, float* scores, Range columns, Range seen,
                      Index number, const Running& run, Index row) {
  if (n.scores.pairs) {   // q had to stay as it was
    for (Index j = columns.begin; j < columns.end; j += kLanes)
      store(scores + j, load(scores + j) * splat(n.scale2));
  }
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

// One head's results.
struct Results {
  HeadRows y;
  float* lse;
  Index lse_stride;
};

// What was carried for the queries [begin, begin + queries) becomes their results.
void finish(const AttentionCall& n, const Running& run, const Results& out, Index begin,
            Index queries) {
  for (Index i = 0; i < queries; i += kLanes) {
    const Vec total = load(run.total + i), top = load(run.top + i);
    store(run.top + i, fma(top, splat(kLn2), log(total)));   // -inf where nothing was seen
    store(run.total + i, select(total == zero(), zero(), splat(1.0f) / total));
  }
  for (Index i = 0; i < queries; ++i) {
    const Vec share = splat(run.total[i]);
    for (Index d = 0; d < n.D; d += kLanes) {
      const int lanes = static_cast<int>(smaller(n.D - d, kLanes));
      store_columns(out.y, begin + i, d, load(run.y + i * n.width + d) * share, lanes);
    }
    out.lse[(begin + i) * out.lse_stride] = run.top[i];
  }
}

// Queries [begin, end) of one head.
void forward_chunk(const AttentionCall& n, const Results& out, Index b, Index h, Index begin,
                   Index end) {
  const HeadRows keys_of_head = head_of(n.k, b, key_head(n, h)),
                 values_of_head = head_of(n.v, b, key_head(n, h));
  const Index queries = end - begin;
  Slab slab = {
      scratch(Scratch::tile, (2 * n.width + 2) * queries + kTileRows * kForwardKeys + 128)};
  float* q = take(slab, queries * n.width);
  const Running run = nothing_yet(n, queries, slab);
  float* scores = take(slab, kTileRows * kForwardKeys);
  float* packed_keys = scratch(Scratch::pack_a, packed_floats(kTileColumns, kForwardKeys, n.D));
  float* packed_values = scratch(Scratch::pack_b, packed_floats(kTileColumns, n.D, kForwardKeys));
  left_rows(q, n.scores, head_of(n.q, b, h), begin, queries, n.D, n.width, n.scale2);

  const Index key_end = last_key(n.sight, end - 1);
  for (Index key = first_key(n.sight, begin) / kForwardKeys * kForwardKeys; key < key_end;
       key += kForwardKeys) {
    const Index keys = smaller(kForwardKeys, key_end - key);
    const PanelsB k = rows_in_lanes(n.scores, keys_of_head, key, keys, n.D, packed_keys);
    const PanelsB v = rows_as_they_are(values_of_head, key, keys, n.D, packed_values);
    const Index i_end = smaller(end, last_query(n.sight, key + keys, n.Tq));
    for (Index i = larger(begin, first_query(n.sight, key)); i < i_end; i += kTileRows) {
      const Index rows = smaller(kTileRows, i_end - i), row = i - begin;
      // The keys of this tile that any of these queries sees, and the whole panels and vectors
      // around them.
      const Index first = larger(first_key(n.sight, i) - key, 0),
                  last = smaller(last_key(n.sight, i + rows - 1) - key, keys);
      const Index from = first / kTileColumns * kTileColumns, to = round_up(last, kLanes);
      multiply_panels(overwrite(scores + from, kForwardKeys, to - from), rows,
                      {{q + row * n.width, n.width, 1}, 0}, from_column(k, from), n.scores.depth,
                      *n.scores.tiles);
      for (Index r = 0; r < rows; ++r) {
        const Range seen = {first_key(n.sight, i + r) - key, last_key(n.sight, i + r) - key};
        const Index number = ((b * n.H + h) * n.Tq + i + r) * n.Tk + key;
        weigh(n, scores + r * kForwardKeys, {from, to}, seen, number, run, row + r);
      }
      multiply_panels(add_to(run.y + row * n.width, n.width, n.width), rows,
                      {{scores + first, kForwardKeys, 1}, 0}, from_depth(v, first), last - first);
    }
  }
  finish(n, run, out, begin, queries);
}

// scores[j] = q . row j for the rows [0, count), and whatever it is in the last vector's other
// lanes. kLanes rows at a time: their sums over d lie across the lanes of a square until it is
// turned.
template <class Number>
GLASS_SIMD void dot_rows(float* scores, const float* q, const Number* rows, Index row, Index count,
                         Index D) {
  for (Index j = 0; j < count; j += kLanes) {
    Vec sums[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      const Number* x = rows + smaller(j + i, count - 1) * row;
      Index d = 0;
      sums[i] = zero();
      for (; d + kLanes <= D; d += kLanes) sums[i] = fma(load(x + d), load(q + d), sums[i]);
      if (d < D) sums[i] = fma(load_first(x + d, static_cast<int>(D - d)), load(q + d), sums[i]);
    }
    transpose(sums);
    Vec dots = sums[0];
#pragma GCC unroll 16
    for (int i = 1; i < kLanes; ++i) dots += sums[i];
    store(scores + j, dots);
  }
}

// y += the sum over rows [0, count) of weights[j] times row j, `vectors` vectors of it at a time,
// from column d on as long as they fit.
template <int vectors, class Number>
GLASS_SIMD Index add_columns(float* y, const float* weights, const Number* rows, Index row,
                             Index count, Index d, Index D) {
  for (; d + vectors * kLanes <= D; d += vectors * kLanes) {
    Vec sums[vectors];
#pragma GCC unroll 4
    for (int i = 0; i < vectors; ++i) sums[i] = load(y + d + i * kLanes);
    for (Index j = 0; j < count; ++j) {
      const Vec weight = splat(weights[j]);
#pragma GCC unroll 4
      for (int i = 0; i < vectors; ++i)
        sums[i] = fma(load(rows + j * row + d + i * kLanes), weight, sums[i]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < vectors; ++i) store(y + d + i * kLanes, sums[i]);
  }
  return d;
}
template <class Number>
GLASS_SIMD void add_rows(float* y, const float* weights, const Number* rows, Index row, Index count,
                         Index D) {
  Index d = add_columns<4>(y, weights, rows, row, count, 0, D);
  d = add_columns<1>(y, weights, rows, row, count, d, D);
  if (d == D) return;
  Vec sum = load(y + d);
  for (Index j = 0; j < count; ++j)
    sum = fma(load_first(rows + j * row + d, static_cast<int>(D - d)), splat(weights[j]), sum);
  store(y + d, sum);
}

// The only query of one head: no key and no value is used twice, so none is packed.
void forward_one(const AttentionCall& n, const Results& out, Index b, Index h) {
  const HeadRows k = head_of(n.k, b, key_head(n, h)), v = head_of(n.v, b, key_head(n, h));
  Slab slab = {scratch(Scratch::tile, 2 * n.width + kForwardKeys + 128)};
  float *q = take(slab, n.width), *scores = take(slab, kForwardKeys);
  const Running run = nothing_yet(n, 1, slab);
  copy_rows(q, head_of(n.q, b, h), 0, 1, n.D, n.width, n.scale2);
  const Index end = last_key(n.sight, 0);
  for (Index key = first_key(n.sight, 0); key < end; key += kForwardKeys) {
    const Index keys = smaller(kForwardKeys, end - key);
    k.half ? dot_rows(scores, q, half_row_of(k, key), k.row, keys, n.D)
           : dot_rows(scores, q, row_of(k, key), k.row, keys, n.D);
    weigh(n, scores, {0, round_up(keys, kLanes)}, {0, keys}, (b * n.H + h) * n.Tk + key, run, 0);
    v.half ? add_rows(run.y, scores, half_row_of(v, key), v.row, keys, n.D)
           : add_rows(run.y, scores, row_of(v, key), v.row, keys, n.D);
  }
  finish(n, run, out, 0, 1);
}

}   // namespace

void Cpu::attention(View y, View lse, View q, View k, View v, const Attention& a) {
  require_f32("attention", lse), require_floats("attention", y, q, k, v);
  AttentionCall n = attention_call(q, k, v, a);
  if (n.B * n.H * n.Tq == 0) return;
  const auto results_of = [&](Index b, Index h) {
    float* first = floats(lse) + b * lse.stride[0] + h * lse.stride[1];
    return Results{head_of(y, b, h), first, lse.stride[2]};
  };
  const bool rows_are_runs = k.stride[3] == 1 && v.stride[3] == 1;
  if (n.Tq == 1 && rows_are_runs) {
    n.scores = over_floats(n.D);
    return for_each_item(n, team_, n.B * n.H, [&](Index item) {
      const Index b = item / n.H, h = item % n.H;
      forward_one(n, results_of(b, h), b, h);
    });
  }
  const Index queries = queries_per_chunk(n, team_), chunks = chunks_of(n.Tq, queries);
  for_each_item(n, team_, n.B * n.H * chunks, [&](Index item) {
    const Index h = item / chunks % n.H, b = item / chunks / n.H,
                begin = in_pairs(item % chunks, chunks) * queries;
    forward_chunk(n, results_of(b, h), b, h, begin, smaller(n.Tq, begin + queries));
  });
}

}   // namespace glass::GLASS_ISA
