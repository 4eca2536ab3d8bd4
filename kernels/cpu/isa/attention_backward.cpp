// Attention backward. The pattern is formed again from q, k and lse, a tile at a time. With p the
// pattern, z what dropout multiplied it with, s = scale q k^T the scores:
//   dv_j = sum_i p_ij z_ij dy_i          ds_ij = p_ij (z_ij dy_i . v_j - dy_i . y_i)
//   dq_i = scale sum_j ds_ij k_j         dk_j = scale sum_i ds_ij q_i
// (dy_i . y_i is the sum over j of p_ij z_ij dy_i . v_j, read off y.)
//
// dq_i is summed over tiles of keys in their order, dk_j and dv_j over blocks of queries in theirs,
// whether one pass does all three or, where there are few heads, one pass does dq and another dk
// and dv. So the bits are the same.
#include "kernels/cpu/attention.h"
#include "kernels/cpu/vector_math.h"

namespace glass::GLASS_ISA {
namespace {

// Queries of a block: their share of dk and dv is summed in registers.
constexpr Index kQueries = 64 / kTileRows * kTileRows;
// From one row of a square to the next: were it a power of two, a column would lie in a few sets of
// the nearest cache.
constexpr Index kSquareRow = kKeys + 16;

// Sums of gradients, each row `width` long, counted from the beginning of the range of queries or
// keys. Null: not wanted.
struct Sums {
  float *dq, *dk, *dv;
};

// A range of queries as rows side by side.
struct Queries {
  float *q, *dy;             // scale log2(e) q, and dy
  float *left_q, *left_dy;   // the left factors of scores and of dy . v: the same, or pairs of bf16
  float *lse, *delta;        // log2(e) lse, and dy . y
};
struct Upstream {
  View dy, y, lse;
  OverD dots;   // dy . v
};
GLASS_SIMD Index queries_floats(const AttentionCall& n, const Upstream& up, Index rows) {
  const Index wide = 2 + (n.scores.pairs ? 1 : 0) + (up.dots.pairs ? 1 : 0);
  return (wide * n.width + 2) * rows + 96;
}

// Rows of floats do as they are; pairs are laid out beside them.
float* left_factor(float* rows, const OverD& how, const HeadRows& x, Range range,
                   const AttentionCall& n, Slab& slab) {
  if (!how.pairs) return rows;
  const Index count = range.end - range.begin;
  float* pairs = take(slab, count * n.width);
  left_rows(pairs, how, x, range.begin, count, n.D, n.width, 1);
  return pairs;
}

Queries lay_out(const AttentionCall& n, const Upstream& up, Index b, Index h, Range range,
                Slab& slab) {
  const Index rows = range.end - range.begin;
  Queries x = {take(slab, rows * n.width),
               take(slab, rows * n.width),
               nullptr,
               nullptr,
               take(slab, rows),
               take(slab, rows)};
  const HeadRows y = head_of(up.y, b, h), q = head_of(n.q, b, h), dy = head_of(up.dy, b, h);
  copy_rows(x.q, q, range.begin, rows, n.D, n.width, n.scale2);
  copy_rows(x.dy, dy, range.begin, rows, n.D, n.width, 1);
  x.left_q = left_factor(x.q, n.scores, q, range, n, slab);
  x.left_dy = left_factor(x.dy, up.dots, dy, range, n, slab);
  const float* lse = floats(up.lse) + b * up.lse.stride[0] + h * up.lse.stride[1];
  for (Index i = 0; i < rows; ++i) {
    x.lse[i] = kLog2E * lse[(range.begin + i) * up.lse.stride[2]];
    Vec dot = zero();
    for (Index d = 0; d < n.D; d += kLanes) {
      const int lanes = static_cast<int>(smaller(n.D - d, kLanes));
      const Vec v = load_columns(y, range.begin + i, d, lanes);
      dot = fma(v, load(x.dy + i * n.width + d), dot);
    }
    x.delta[i] = sum(dot);
  }
  return x;
}

// One query: from scores and dy . v to the dropped pattern p z and ds, in the same places. Keys
// outside of `seen` get zeros.
GLASS_SIMD void pattern_row(const AttentionCall& n, float* scores, float* dots, Range columns,
                            Range seen, Index number, float lse, float delta) {
  if (lse == -kInfinity) seen = {0, 0};   // it sees no key, or all its scores are -inf
  alignas(64) std::uint32_t buffer[kDrawnKeys];
  const std::uint32_t* numbers =
      n.drops
          ? draw_row(n, number + columns.begin, columns.end - columns.begin, buffer) - columns.begin
          : nullptr;
  const bool whole = within(columns, seen);
  const float scale = n.scores.pairs ? n.scale2 : 1;   // of floats it is in q
  for (Index j = columns.begin; j < columns.end; j += kLanes) {
    const Vec p = exp2(fma(load(scores + j), splat(scale), splat(-lse)));
    const Vec z = n.drops ? kept(n, numbers + j) : splat(1.0f);
    const Vec dropped = p * z, ds = p * (load(dots + j) * z - splat(delta));
    store(scores + j, whole ? dropped : only(n, seen, j, dropped, zero()));
    store(dots + j, whole ? ds : only(n, seen, j, ds, zero()));
  }
}

// A tile of keys [key, key + count) of one head, packed in every way that is needed, and a block of
// queries against it.
struct Tile {
  Index b, h, key, count;
  OverD dots;             // dy . v
  PanelsB keys, values;   // (D, count): for the scores, and for dy . v
  PanelsB key_rows;       // (count, D): for dq
  float *pattern, *ds;    // (kQueries, kSquareRow)
};

// Fills pattern and ds for the queries [block.begin, block.end), and adds their share to dq.
void meet_keys(const AttentionCall& n, const Queries& x, Index begin, Range block, Range columns,
               const Tile& t, const Sums& sums) {
  for (Index i = block.begin; i < block.end; i += kTileRows) {
    const Index rows = smaller(kTileRows, block.end - i), row = i - begin;
    // The keys of this tile that any of these queries sees, and the whole vectors around them.
    const Index first = larger(first_key(n.sight, i) - t.key, 0),
                last = smaller(last_key(n.sight, i + rows - 1) - t.key, t.count);
    const Index from = columns.begin, to = round_up(last, kLanes);
    float *pattern = t.pattern + (i - block.begin) * kSquareRow,
          *ds = t.ds + (i - block.begin) * kSquareRow;
    multiply_panels(overwrite(pattern + from, kSquareRow, to - from), rows,
                    {{x.left_q + row * n.width, n.width, 1}, 0}, from_column(t.keys, from),
                    n.scores.depth, *n.scores.tiles);
    multiply_panels(overwrite(ds + from, kSquareRow, to - from), rows,
                    {{x.left_dy + row * n.width, n.width, 1}, 0}, from_column(t.values, from),
                    t.dots.depth, *t.dots.tiles);
    for (Index r = 0; r < rows; ++r) {
      const Range seen = {first_key(n.sight, i + r) - t.key, last_key(n.sight, i + r) - t.key};
      const Index number = ((t.b * n.H + t.h) * n.Tq + i + r) * n.Tk + t.key;
      pattern_row(n, pattern + r * kSquareRow, ds + r * kSquareRow, {from, to}, seen, number,
                  x.lse[row + r], x.delta[row + r]);
      fill_zero(pattern + r * kSquareRow + to,
                columns.end - to);   // other queries of the block see more
      fill_zero(ds + r * kSquareRow + to, columns.end - to);
    }
    if (sums.dq == nullptr) continue;
    multiply_panels(add_to(sums.dq + row * n.width, n.width, n.width), rows,
                    {{ds + first, kSquareRow, 1}, 0}, from_depth(t.key_rows, first), last - first);
  }
}

// Adds the block's share to `to` (dv or dk from key `columns.begin` of the tile on): keys are the
// rows of the result, and the sum goes over the queries that see them, weighted, times `from` (dy
// or q).
void meet_queries(const AttentionCall& n, float* to, const float* weights, const float* from,
                  Range block, Range columns, const Tile& t) {
  for (Index j = columns.begin; j < columns.end; j += kTileRows) {
    const Index rows = smaller(kTileRows, columns.end - j);
    const Index first = larger(first_query(n.sight, t.key + j), block.begin),
                last = smaller(last_query(n.sight, t.key + j + rows, n.Tq), block.end);
    if (first >= last) continue;
    const Index skipped = first - block.begin;
    multiply_panels(add_to(to + j * n.width, n.width, n.width), rows,
                    {{weights + skipped * kSquareRow + j, 1, kSquareRow}, 0},
                    {{from + skipped * n.width, n.width}, kTileColumns}, last - first);
  }
}

// Adds to `sums` what the queries of one head and the keys of a range, which begins at a multiple
// of kKeys, give each other.
void add_rectangle(const AttentionCall& n, const OverD& dots, const Queries& x, Index b, Index h,
                   Range queries, Range keys, const Sums& sums) {
  const HeadRows keys_of_head = head_of(n.k, b, key_head(n, h)),
                 values_of_head = head_of(n.v, b, key_head(n, h));
  const Index lanes_floats = packed_floats(kTileColumns, kKeys, n.D),
              rows_floats = packed_floats(kTileColumns, n.D, kKeys);
  Slab packs = {scratch(Scratch::pack_a, 2 * lanes_floats + rows_floats + 128)};
  Slab squares = {scratch(Scratch::pack_b, 2 * kQueries * kSquareRow)};
  float *packed_keys = take(packs, lanes_floats), *packed_values = take(packs, lanes_floats),
        *packed_rows = take(packs, rows_floats);
  Tile t{};
  t.b = b, t.h = h, t.dots = dots;
  t.pattern = take(squares, kQueries * kSquareRow), t.ds = take(squares, kQueries * kSquareRow);

  const Index key_end = smaller(keys.end, last_key(n.sight, queries.end - 1));
  for (t.key = larger(keys.begin, first_key(n.sight, queries.begin) / kKeys * kKeys);
       t.key < key_end; t.key += kKeys) {
    t.count = smaller(kKeys, key_end - t.key);
    t.keys = rows_in_lanes(n.scores, keys_of_head, t.key, t.count, n.D, packed_keys);
    t.values = rows_in_lanes(dots, values_of_head, t.key, t.count, n.D, packed_values);
    t.key_rows = rows_as_they_are(keys_of_head, t.key, t.count, n.D, packed_rows);
    const Index end = smaller(queries.end, last_query(n.sight, t.key + t.count, n.Tq));
    for (Index i = larger(queries.begin, first_query(n.sight, t.key)); i < end; i += kQueries) {
      const Range block = {i, smaller(end, i + kQueries)};
      const Index first = larger(first_key(n.sight, i) - t.key, 0),
                  last = smaller(last_key(n.sight, block.end - 1) - t.key, t.count);
      const Range columns = {first / kTileColumns * kTileColumns, last};
      meet_keys(n, x, queries.begin, block, {columns.begin, round_up(last, kLanes)}, t, sums);
      const Index row = i - queries.begin, key_row = t.key - keys.begin;
      if (sums.dv != nullptr)
        meet_queries(n, sums.dv + key_row * n.width, t.pattern, x.dy + row * n.width, block,
                     columns, t);
      if (sums.dk != nullptr)
        meet_queries(n, sums.dk + key_row * n.width, t.ds, x.q + row * n.width, block, columns, t);
    }
  }
}

// Rows of sums to where they belong.
void put_rows(const Into& into, Index b, Index h, Range range, const float* from,
              const AttentionCall& n, float scale) {
  const HeadRows to = head_of(into.view, b, h);
  for (Index i = range.begin; i < range.end; ++i, from += n.width) {
    for (Index d = 0; d < n.D; d += kLanes) {
      const int lanes = static_cast<int>(smaller(n.D - d, kLanes));
      const Vec v = load(from + d) * splat(scale);
      store_columns(to, i, d, into.add ? load_columns(to, i, d, lanes) + v : v, lanes);
    }
  }
}

struct Gradients {
  Into dq, dk, dv;
};

GLASS_SIMD float* take_zeros(Slab& slab, bool wanted, Index floats) {
  if (!wanted) return nullptr;
  float* piece = take(slab, floats);
  fill_zero(piece, floats);
  return piece;
}

// dk and dv of some keys of one key head, from all query heads that share it; with_dq: those heads'
// dq too.
void backward_keys(const AttentionCall& n, const Upstream& up, const Gradients& out, Index b,
                   Index hk, Range keys, bool with_dq) {
  const Index group = n.H / n.Hk, rows = keys.end - keys.begin;
  const Range queries = {0, n.Tq};
  Slab slab = {scratch(Scratch::tile,
                       2 * rows * n.width + n.Tq * n.width + queries_floats(n, up, n.Tq) + 128)};
  Sums sums{};
  sums.dk = take_zeros(slab, out.dk.view.data != nullptr, rows * n.width);
  sums.dv = take_zeros(slab, out.dv.view.data != nullptr, rows * n.width);
  for (Index h = hk * group; h < (hk + 1) * group && n.Tq > 0; ++h) {
    Slab rest = slab;
    sums.dq = take_zeros(rest, with_dq && out.dq.view.data != nullptr, n.Tq * n.width);
    add_rectangle(n, up.dots, lay_out(n, up, b, h, queries, rest), b, h, queries, keys, sums);
    if (sums.dq != nullptr) put_rows(out.dq, b, h, queries, sums.dq, n, n.scale);
  }
  if (sums.dk != nullptr) put_rows(out.dk, b, hk, keys, sums.dk, n, kLn2);   // the scale is in q
  if (sums.dv != nullptr) put_rows(out.dv, b, hk, keys, sums.dv, n, 1);
}

// dq of some queries of one head.
void backward_queries(const AttentionCall& n, const Upstream& up, const Gradients& out, Index b,
                      Index h, Range queries) {
  const Index rows = queries.end - queries.begin;
  Slab slab = {scratch(Scratch::tile, rows * n.width + queries_floats(n, up, rows) + 128)};
  const Sums sums = {take_zeros(slab, true, rows * n.width), nullptr, nullptr};
  add_rectangle(n, up.dots, lay_out(n, up, b, h, queries, slab), b, h, queries, {0, n.Tk}, sums);
  put_rows(out.dq, b, h, queries, sums.dq, n, n.scale);
}

}   // namespace

void Cpu::attention_backward(Into dq, Into dk, Into dv, View dy, View y, View lse, View q, View k,
                             View v, const Attention& a) {
  require_f32("attention_backward", lse);
  require_floats("attention_backward", dq.view, dk.view, dv.view, dy, y, q, k, v);
  const AttentionCall n = attention_call(q, k, v, a);
  if (n.B * n.H == 0) return;
  const Upstream up = {dy, y, lse, over_d(dy, v)};
  const Gradients out = {dq, dk, dv};
  // One pass per key head does everything once; with fewer heads than threads two passes keep all
  // threads busy.
  const Index heads = n.B * n.Hk;
  if (team_.threads == 1 || heads % team_.threads == 0 || heads >= 4 * team_.threads) {
    return for_each_item(n, team_, heads, [&](Index item) {
      backward_keys(n, up, out, item / n.Hk, item % n.Hk, {0, n.Tk}, true);
    });
  }
  if (dk.view.data != nullptr || dv.view.data != nullptr) {
    const Index tiles = chunks_of(n.Tk, kKeys);
    for_each_item(n, team_, heads * tiles, [&](Index item) {
      const Index hk = item / tiles % n.Hk, b = item / tiles / n.Hk,
                  key = in_pairs(item % tiles, tiles) * kKeys;
      backward_keys(n, up, out, b, hk, {key, smaller(n.Tk, key + kKeys)}, false);
    });
  }
  if (dq.view.data != nullptr && n.Tq > 0) {
    const Index queries = queries_per_chunk(n, team_), chunks = chunks_of(n.Tq, queries);
    for_each_item(n, team_, n.B * n.H * chunks, [&](Index item) {
      const Index h = item / chunks % n.H, b = item / chunks / n.H,
                  begin = in_pairs(item % chunks, chunks) * queries;
      backward_queries(n, up, out, b, h, {begin, smaller(n.Tq, begin + queries)});
    });
  }
}

}   // namespace glass::GLASS_ISA
