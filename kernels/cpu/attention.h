// What attention forward and backward share: which keys a query sees, where a head lies, how its
// rows are laid out.
//
// Both walk over tiles of kKeys keys, and within one over panels of kTileRows queries, so that no
// (Tq, Tk) matrix ever exists. Keys lie in the lanes: a tile's keys are packed transposed once and
// then meet many queries. Tiles and panels that no query sees are never computed.
#pragma once
#include "kernels/cpu/isa/cpu.h"
#include "kernels/cpu/isa/philox.h"
#include "kernels/cpu/matmul_pack.h"

namespace glass::GLASS_ISA {

using Index = std::int64_t;

constexpr Index kKeys = 128;          // keys of a tile of backward, which holds two squares
constexpr Index kForwardKeys = 256;   // and of forward: the more, the rarer are sums over lanes
static_assert(kKeys % kLanes == 0 && kForwardKeys % kLanes == 0, "tiles are whole vectors");

// Scores are kept in units of ln 2: q is scaled by log2(e) too, and a weight is 2^(score - top).
constexpr float kLog2E = 1.442695041f, kLn2 = 0.6931472f;

GLASS_SIMD Index smaller(Index x, Index y) { return x < y ? x : y; }
GLASS_SIMD Index larger(Index x, Index y) { return x > y ? x : y; }
GLASS_SIMD Index clamp(Index x, Index low, Index high) {
  return x < low ? low : x > high ? high : x;
}
GLASS_SIMD Index round_up(Index x, Index unit) { return (x + unit - 1) / unit * unit; }

// Query i sees the keys [first_key(i), last_key(i)). Both ends only ever move forward with i.
struct Sight {
  Index offset, window, keys;
};
GLASS_SIMD Index first_key(const Sight& s, Index i) {
  return s.window > 0 ? larger(s.offset + i - s.window + 1, 0) : 0;
}
GLASS_SIMD Index last_key(const Sight& s, Index i) { return smaller(s.offset + i + 1, s.keys); }
// The queries [first_query, last_query) see at least one of the keys [key, key_end).
GLASS_SIMD Index first_query(const Sight& s, Index key) { return larger(key - s.offset, 0); }
GLASS_SIMD Index last_query(const Sight& s, Index key_end, Index queries) {
  return s.window > 0 ? clamp(key_end - 1 + s.window - s.offset, 0, queries) : queries;
}

// One head's rows: element (i, d) lies at number i row + d column of data. half: in bf16.
struct HeadRows {
  std::byte* data;
  Index row, column;
  bool half;
};
GLASS_SIMD HeadRows head_of(const View& v, Index b, Index h) {
  const bool half = v.dtype == DType::bf16;
  const Index bytes = (b * v.stride[0] + h * v.stride[1]) * (half ? 2 : 4);
  return {v.data + bytes, v.stride[2], v.stride[3], half};
}
GLASS_SIMD std::byte* bytes_of(const HeadRows& x, Index i) {
  return x.data + i * x.row * (x.half ? 2 : 4);
}
GLASS_SIMD float* row_of(const HeadRows& x, Index i) {
  return reinterpret_cast<float*>(bytes_of(x, i));
}
GLASS_SIMD std::uint16_t* half_row_of(const HeadRows& x, Index i) {
  return reinterpret_cast<std::uint16_t*>(bytes_of(x, i));
}

// `n` numbers of a row from column d on.
template <class Number>
GLASS_SIMD Vec load_columns(const Number* row, Index column, Index d, int n) {
  return column == 1 ? load_first(row + d, n) : load_strided_first(row + d * column, column, n);
}
GLASS_SIMD Vec load_columns(const HeadRows& x, Index i, Index d, int n) {
  return x.half ? load_columns(half_row_of(x, i), x.column, d, n)
                : load_columns(row_of(x, i), x.column, d, n);
}
template <class Number>
GLASS_SIMD void store_columns(Number* row, Index column, Index d, Vec v, int n) {
  column == 1 ? store_first(row + d, v, n) : store_strided_first(row + d * column, column, v, n);
}
GLASS_SIMD void store_columns(const HeadRows& x, Index i, Index d, Vec v, int n) {
  x.half ? store_columns(half_row_of(x, i), x.column, d, v, n)
         : store_columns(row_of(x, i), x.column, d, v, n);
}

// How a product of two tensors over d is done: on floats, or, where both are stored in bf16 and the
// machine multiplies such, on pairs of them as they are.
struct OverD {
  const TileKernels* tiles;
  Index depth;   // of what is packed for them
  bool pairs;
};
GLASS_SIMD OverD over_floats(Index D) { return {&kTileKernels, D, false}; }
GLASS_SIMD OverD over_d(const View& a, const View& b) {
  const bool halves = a.dtype == DType::bf16 && b.dtype == DType::bf16;
  const TileKernels* tiles = halves ? pair_tiles() : nullptr;
  return tiles != nullptr ? OverD{tiles, (a.shape[3] + 1) / 2, true} : over_floats(a.shape[3]);
}

// Sizes, options and operands of one call.
struct AttentionCall {
  Index B, H, Hk, Tq, Tk, D;
  Index width;   // D rounded up to whole vectors: what a row takes in our buffers
  View q, k, v;
  OverD scores;   // q . k
  Sight sight;
  float scale, scale2;   // the second one: log2(e) times the first
  bool drops;
  RandomKey key;
  IVec threshold;
  float kept_scale;   // 1 / (1 - p)
};
GLASS_SIMD AttentionCall attention_call(const View& q, const View& k, const View& v,
                                        const Attention& a) {
  AttentionCall n;
  n.B = q.shape[0], n.H = q.shape[1], n.Hk = k.shape[1];
  n.Tq = q.shape[2], n.Tk = k.shape[2], n.D = q.shape[3];
  n.width = round_up(n.D, kLanes);
  n.q = q, n.k = k, n.v = v;
  n.scores = over_d(q, k);
  n.sight = {a.q_offset, a.window, n.Tk};
  n.scale = static_cast<float>(a.scale);
  n.scale2 = static_cast<float>(a.scale * 1.4426950408889634);
  n.drops = a.dropout > 0;
  n.key = a.key;
  n.threshold = isplat(drop_threshold(a.dropout));
  n.kept_scale = static_cast<float>(1 / (1 - a.dropout));
  return n;
}
GLASS_SIMD Index key_head(const AttentionCall& n, Index h) { return h / (n.H / n.Hk); }

struct Range {
  Index begin, end;
};
GLASS_SIMD bool within(Range inner, Range outer) {
  return inner.begin >= outer.begin && inner.end <= outer.end;
}
// v where lanes j, j + 1, ... are keys that are seen, `otherwise` elsewhere. Without a window there
// is nothing before the first one.
GLASS_SIMD Vec only(const AttentionCall& n, Range seen, Index j, Vec v, Vec otherwise) {
  const Vec before_end =
      select(first(static_cast<int>(clamp(seen.end - j, 0, kLanes))), v, otherwise);
  if (n.sight.window == 0) return before_end;
  return select(first(static_cast<int>(clamp(seen.begin - j, 0, kLanes))), otherwise, before_end);
}

// Queries of one head at a time. Enough to make packing the keys cheap, fewer where there would be
// too few chunks for the threads: no result depends on it.
GLASS_SIMD Index queries_per_chunk(const AttentionCall& n, const Team& team) {
  Index queries = 256;
  while (queries > 32) {
    const Index chunks = n.B * n.H * chunks_of(n.Tq, queries);
    if (chunks % team.threads == 0 || chunks >= 8 * team.threads) break;
    queries /= 2;
  }
  return queries;
}
// Chunk 0, last, 1, last but one, ...: late queries see more keys, so neighbours in this order make
// up equal work.
GLASS_SIMD Index in_pairs(Index i, Index count) { return i % 2 == 0 ? i / 2 : count - 1 - i / 2; }

// body(item) for every item, on this thread alone where waking others takes longer than the work.
template <class Body>
GLASS_SIMD void for_each_item(const AttentionCall& n, const Team& team, Index items,
                              const Body& body) {
  constexpr Index kSerialWork = 1 << 18;
  if (n.B * n.H * n.Tq * n.Tk * (n.D + 16) >= kSerialWork) return parallel_for(team, items, body);
  for (Index item = 0; item < items; ++item) body(item);
}

// `rows` rows from x, scaled, to `to`, each `width` long with zeros behind its D elements.
GLASS_SIMD void copy_rows(float* to, const HeadRows& x, Index begin, Index rows, Index D,
                          Index width, float scale) {
  for (Index i = 0; i < rows; ++i) {
    for (Index d = 0; d < width; d += kLanes) {
      const int n = static_cast<int>(smaller(D - d, kLanes));
      store(to + i * width + d, load_columns(x, begin + i, d, n) * splat(scale));
    }
  }
}
GLASS_SIMD void fill_zero(float* to, Index n) {
  for (Index i = 0; i < n; i += kLanes) {
    store_first(to + i, zero(), static_cast<int>(smaller(n - i, kLanes)));
  }
}

// Rows [begin, begin + rows) of x as the left factor of a product over d, each `width` floats long:
// scaled, or in bf16 as they are.
GLASS_SIMD void left_rows(float* to, const OverD& how, const HeadRows& x, Index begin, Index rows,
                          Index D, Index width, float scale) {
  if (!how.pairs) return copy_rows(to, x, begin, rows, D, width, scale);
  for (Index i = 0; i < rows; ++i) {
    const std::uint16_t* from = half_row_of(x, begin + i);
    float* pairs = to + i * width;
    auto* halves = reinterpret_cast<std::uint16_t*>(pairs);
    if (x.column == 1) {
      for (Index d = 0; d < D / 2; d += kLanes) {
        const int n = static_cast<int>(smaller(D / 2 - d, kLanes));
        store_first(pairs + d, load_first(reinterpret_cast<const float*>(from) + d, n), n);
      }
    } else {
      for (Index d = 0; d < D / 2 * 2; ++d) halves[d] = from[d * x.column];
    }
    if (D % 2 == 1) halves[D - 1] = from[(D - 1) * x.column], halves[D] = 0;
  }
}

// Rows [begin, begin + rows) of x as the right factor of a product over d: (D, rows), packed.
GLASS_SIMD PanelsB rows_in_lanes(const OverD& how, const HeadRows& x, Index begin, Index rows,
                                 Index D, float* buffer) {
  const Operand from = {bytes_of(x, begin), x.half, x.row, x.column};
  pack_operand(buffer, kTileColumns, from, rows, D, how.pairs);
  return {{buffer, kTileColumns}, kTileColumns * how.depth};
}
// The same rows as the right factor of a product over rows: (rows, D), where they lie if whole
// vectors of floats can be read there.
GLASS_SIMD PanelsB rows_as_they_are(const HeadRows& x, Index begin, Index rows, Index D,
                                    float* buffer) {
  if (!x.half && x.column == 1 && D % kLanes == 0) return {{row_of(x, begin), x.row}, kTileColumns};
  const Operand from = {bytes_of(x, begin), x.half, x.column, x.row};
  pack_operand(buffer, kTileColumns, from, D, rows, false);
  return {{buffer, kTileColumns}, kTileColumns * rows};
}

// The random numbers of `count` weights of the pattern from number `number` on.
constexpr Index kDrawnKeys = kForwardKeys + 2 * kDrawn;
GLASS_SIMD const std::uint32_t* draw_row(const AttentionCall& n, Index number, Index count,
                                         std::uint32_t* buffer) {
  const Index block = number / 4, skip = number % 4;
  for (Index i = 0; i < skip + count; i += kDrawn) {
    draw(n.key, static_cast<std::uint32_t>(block + i / 4), buffer + i);
  }
  return buffer + skip;
}
// 1 / (1 - p) where the weight is kept, 0 where it is dropped.
GLASS_SIMD Vec kept(const AttentionCall& n, const std::uint32_t* numbers) {
  return select(at_least(iload(numbers), n.threshold), splat(n.kept_scale), zero());
}

// Floats one after another in a block of scratch memory, each piece on a vector's boundary.
struct Slab {
  float* next;
};
GLASS_SIMD float* take(Slab& slab, Index floats) {
  float* piece = slab.next;
  slab.next += round_up(floats, 16);
  return piece;
}

}   // namespace glass::GLASS_ISA
