// y = x w^T + bias with a packed weight for many rows, a prompt: arithmetic is the limit, and the
// register tile does the work.
//
// x is packed once, by all threads together; who takes a panel of w multiplies it with all of x. In
// f32 a panel is the right factor of a tile as it lies. In bf16 it holds pairs of neighbours along
// k, just as tiles of pairs want them: where x is bf16 too and the processor multiplies pairs, it
// is used as it lies, two products for one. Whole numbers are unpacked into the nearest cache, a
// piece of a panel at a time, one step for each number where its products take sixteen and more:
// to floats, or beside an x in bf16 to pairs of it.
//
// Each sum has one order, in k; threads divide panels.
#include "kernels/cpu/cpu_base.h"
#include "kernels/cpu/linear_packed.h"
#include "kernels/cpu/matmul_pack.h"

namespace glass::GLASS_ISA {
namespace {

constexpr Index kSharedFloats = Index{1} << 20;   // of x at a time: 4 MB
constexpr Index kPackGrain = 8192;                // floats of x
constexpr Index kPieces = 32;                     // of w: enough to share evenly

// Inputs [k, k + depth) of a panel as floats, (depth, kPanel); k begins a group.
void unpack_bf16(float* to, const std::uint32_t* panel, Index k, Index depth) {
  const std::uint32_t* words = panel + k / 2 * kPanel;
  for (Index i = 0; i < depth; i += 2, words += kPanel, to += 2 * kPanel) {
    for (int j = 0; j < kPanel; j += kLanes) {
      store(to + j, lower_bf16(iload(words + j)));
      store(to + kPanel + j, upper_bf16(iload(words + j)));
    }
  }
}

// Two numbers rounded to the nearest bf16, as a pair.
GLASS_SIMD IVec rounded(Vec v) {
  const IVec x = bits(v);
  return x + isplat(0x7FFF) + (shift_right<16>(x) & isplat(1));   // ties to even
}
GLASS_SIMD Vec pair_of(Vec even, Vec odd) {
  return as_float(shift_right<16>(rounded(even)) | (rounded(odd) & isplat(kUpperHalf)));
}

// The same of whole numbers, or as pairs of bf16, (depth / 2, kPanel).
template <PackedType type, bool pairs>
void unpack_whole(float* to, const std::uint32_t* panel, Index k, Index depth) {
  constexpr int bits = bits_of(type), group = group_of(type), in_word = 32 / bits;
  constexpr Index group_words = kPanel / 2 + group / in_word * kPanel;
  const IVec mask = isplat((1u << bits) - 1), half = isplat(1u << (bits - 1));
  const std::uint32_t* words = panel + k / group * group_words;
  for (Index g = 0; g < depth; g += group, words += group_words) {
    for (int j = 0; j < kPanel; j += kLanes) {
      const Vec step = steps_at(words, j);
      const std::uint32_t* numbers = words + kPanel / 2 + j;
      for (int i = 0; i < group; i += in_word, numbers += kPanel) {
        float* out = to + (g + i) / (pairs ? 2 : 1) * kPanel + j;
        IVec low = iload(numbers), high = shift_right<16>(low);
#pragma GCC unroll 16
        for (int pair = 0; pair < in_word; pair += 2) {
          const Vec even = to_float((low & mask) - half) * step;
          const Vec odd = to_float((high & mask) - half) * step;
          if constexpr (pairs) {
            store(out + pair / 2 * kPanel, pair_of(even, odd));
          } else {
            store(out + pair * kPanel, even), store(out + (pair + 1) * kPanel, odd);
          }
          low = shift_right<bits>(low), high = shift_right<bits>(high);
        }
      }
    }
  }
}

// How the sum runs: over `depth` floats of a panel, numbers or pairs of them, in blocks that leave
// a piece of a panel of w in L1 and L2.
struct Way {
  bool pairs;
  const TileKernels* tiles;
  Index depth, block;
};
GLASS_SIMD Way way_of(const PackedProduct& p) {
  const TileKernels* pairs = p.x.half && p.w.type != PackedType::f32 ? pair_tiles() : nullptr;
  const Index depth = pairs != nullptr ? (p.K + 1) / 2 : p.K;
  return {pairs != nullptr, pairs != nullptr ? pairs : &kTileKernels, depth,
          even_block(depth, kBlockDepth, 64)};   // 64: whole groups
}

template <PackedType type>
GLASS_SIMD void unpack_whole(float* to, const std::uint32_t* panel, const Way& way, Index k,
                             Index depth) {
  way.pairs ? unpack_whole<type, true>(to, panel, 2 * k, 2 * depth)
            : unpack_whole<type, false>(to, panel, k, depth);
}

// Floats [k, k + depth) of a panel of w as the right factor of a tile.
GLASS_SIMD const float* factor_of(const PackedProduct& p, const Way& way, Index panel, Index k,
                                  Index depth, float* buffer) {
  const std::uint32_t* words = panel_of(p, panel);
  if (p.w.type == PackedType::f32 || (p.w.type == PackedType::bf16 && way.pairs))
    return reinterpret_cast<const float*>(words) + k * kPanel;
  if (p.w.type == PackedType::bf16) unpack_bf16(buffer, words, k, depth);
  if (p.w.type == PackedType::int8) unpack_whole<PackedType::int8>(buffer, words, way, k, depth);
  if (p.w.type == PackedType::int4) unpack_whole<PackedType::int4>(buffer, words, way, k, depth);
  return buffer;
}

// Rows [row, row + rows) of x as panels, each `next` floats behind the one before.
struct Rows {
  Index row, rows;
  const float* data;
  Index next;
};

Rows pack_rows(const Team& team, const PackedProduct& p, const Way& way, Index row, Index rows,
               bool worth) {
  const Index next = panel_floats(kTileRows, way.depth);
  const Index panels = (rows + kTileRows - 1) / kTileRows;
  const Index together = 1 + kPackGrain / larger(next, 1);
  float* to = scratch(Scratch::pack_a, panels * next + kLanes);
  parallel_or_not(team, chunks_of(panels, together), worth, [&](Index chunk) {
    const Index begin = chunk * together * kTileRows;
    const Index width = smaller(together * kTileRows, rows - begin);
    pack_operand(to + chunk * together * next, kTileRows, moved(p.x, row + begin, 0), width, p.K,
                 way.pairs);
  });
  return {row, rows, to, next};
}

// All rows with one panel of w. A result in bf16 is rounded once, so its sums wait elsewhere.
void multiply_panel(const PackedProduct& p, const Way& way, const Rows& x, Index panel) {
  const Index column = panel * kPanel, columns = smaller(kPanel, p.N - column);
  float* buffer = scratch(Scratch::pack_b, (kBlockDepth + 128) * kPanel);
  float* sums = p.y.half ? scratch(Scratch::tile, x.rows * kPanel) : nullptr;
  const Result y = moved(p.y, x.row, column);
  for (Index k = 0; k == 0 || k < way.depth; k += way.block) {   // an empty sum is written too
    const Index depth = smaller(way.block, way.depth - k);
    const float* b = factor_of(p, way, panel, k, depth, buffer);
    for (Index j = 0; j < columns; j += kTileColumns) {
      TileC c = {numbers<float>(y),
                 y.row,
                 y.column,
                 smaller(kTileColumns, columns - j),
                 k > 0,
                 k == 0 && p.bias != nullptr ? p.bias + column + j : nullptr};
      if (sums != nullptr) c.data = sums, c.row = kPanel, c.column = 1;
      c.data += j * c.column;
      TileA a = {x.data + k * kTileRows, 1, kTileRows};
      for (Index i = 0; i < x.rows; i += kTileRows) {
        way.tiles->of[smaller(kTileRows, x.rows - i) - 1][(c.columns - 1) / kLanes](
            c, a, {b + j, kPanel}, depth, nullptr);
        a.data += x.next, c.data += kTileRows * c.row;
      }
    }
  }
  if (sums == nullptr) return;
  for (Index r = 0; r < x.rows; ++r) {
    for (Index j = 0; j < columns; j += kLanes)
      put_lanes(y, r, j, load(sums + r * kPanel + j),
                static_cast<int>(smaller(kLanes, columns - j)));
  }
}

}   // namespace

void multiply_packed_many(const Team& team, const PackedProduct& p) {
  const Way way = way_of(p);
  const bool worth = is_worth_sharing(p);
  const Index rows =
      even_block(p.M, larger(kTileRows, kSharedFloats / larger(way.depth, 1)), kTileRows);
  const Index panels = panels_of(p), each = larger(1, panels / kPieces);
  for (Index row = 0; row < p.M; row += rows) {
    const Rows x = pack_rows(team, p, way, row, smaller(rows, p.M - row), worth);
    parallel_or_not(team, chunks_of(panels, each), worth, [&](Index chunk) {
      const Index end = smaller(panels, (chunk + 1) * each);
      for (Index panel = chunk * each; panel < end; ++panel) multiply_panel(p, way, x, panel);
    });
  }
}

}   // namespace glass::GLASS_ISA
