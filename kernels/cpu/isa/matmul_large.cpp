// Large products: every number of both operands is packed exactly once.
//
// The smaller operand is packed whole, by all threads together, and lies in L3 for everybody. The
// larger one is cut into pieces; who takes a piece packs it into a cache of its own and multiplies
// it with all of the smaller one, panel by panel. So there are many rectangles to share out,
// whatever the number of threads, and no two threads do the same work. A long sum is done in
// phases, so that what is packed stays in L3; within a phase in blocks, so that a panel of b stays
// in L1 and L2.
//
// The arithmetic: a tile of 14 x 32 does 14 multiply-adds a cycle on whole vectors and reads 32 +
// 14 floats for each k: from L2 (32 bytes a cycle) that would be 6 cycles of 28, and most come from
// L1. Packing a number costs as much as 5 to 10 products, most of it waiting for memory: at 256
// rows that would be a tenth of the time. So while a piece is multiplied, each tile also asks for a
// few cache lines of the next one.
#include "kernels/cpu/cpu_base.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/matmul_pack.h"

namespace glass::GLASS_ISA {
namespace {

constexpr Index kSharedFloats = Index{1} << 20;   // of the smaller operand in a phase: 4 MB
constexpr Index kPieceFloats = Index{96} << 10;   // of the larger one: most of a 512 KB L2
constexpr Index kPhaseBlocks = 4;
constexpr Index kPieces = 32;        // enough to share evenly, if that leaves each enough to do
constexpr Index kPackGrain = 8192;   // numbers

// How an operand is packed: the floats that tiles read. `singles` is an f32, or a bf16 widened.
enum class Kind { singles, pairs };

// One side of a product while a phase lasts: `width` rows of a or columns of b in panels, and
// `depth` floats of each from number `first` of the sum on, in blocks.
struct Phase {
  Kind kind;
  Index first, depth, block;   // first: in numbers; the others in floats of a panel
  Index numbers;               // of the sum, in all
};
GLASS_SIMD Index per_float(const Phase& phase) { return phase.kind == Kind::pairs ? 2 : 1; }

// `width` rows or columns of an operand from `begin` on, all blocks of the phase one behind the
// other.
void pack_some(float* to, int panel, const Operand& from, Index begin, Index width,
               const Phase& phase) {
  const Index deep = smaller(phase.depth * per_float(phase), phase.numbers - phase.first);
  const Operand m = moved(from, begin, phase.first);
  const HalfFactor halves = {numbers<std::uint16_t>(m), m.wide, m.deep};
  if (phase.kind == Kind::pairs) return pack_pairs(to, panel, halves, width, deep);
  if (m.half) return pack_panels(to, panel, halves, width, deep);
  pack_panels(to, panel, Factor{numbers<float>(m), m.wide, m.deep}, width, deep);
}

// The cache lines of the piece that comes next, to be asked for a few at a time.
struct Ahead {
  const std::byte* run;   // one of `runs` contiguous runs, `stride` bytes apart
  Index stride, bytes, runs, at;
};
GLASS_SIMD Ahead look_ahead(const Operand& from, Index begin, Index wide, const Phase& phase) {
  const Index size = from.half ? 2 : 4;
  const Index deep = smaller(phase.depth * per_float(phase), phase.numbers - phase.first);
  const Operand m = moved(from, begin, phase.first);
  if (from.deep == 1) return {m.data, from.wide * size, deep * size, wide, 0};
  if (from.wide == 1) return {m.data, from.deep * size, wide * size, deep, 0};
  return {m.data, 0, 0, 0, 0};
}
GLASS_SIMD Index lines_of(const Ahead& ahead) { return ahead.runs * ((ahead.bytes + 63) / 64); }
GLASS_SIMD void ask_for(Ahead& ahead, Index lines) {
  for (; lines > 0 && ahead.runs > 0; --lines) {
    __builtin_prefetch(ahead.run + ahead.at, 0, 2);
    ahead.at += 64;
    if (ahead.at >= ahead.bytes) ahead.at = 0, ahead.run += ahead.stride, --ahead.runs;
  }
}

// Panels of one operand, each `next` floats behind the one before.
struct Panels {
  const float* data;
  Index next;
};

// Rows [row, row + rows) and columns [column, column + columns) of a result; a and b are the panels
// of exactly those.
struct Rectangle {
  Index row, rows, column, columns;
  Panels a, b;
};

// Sums in f32 to a result in bf16.
void round_columns(const Result& to, Index rows, Index columns, const float* sums) {
  for (Index r = 0; r < rows; ++r) {
    for (Index j = 0; j < columns; j += kLanes) {
      const int n = static_cast<int>(smaller(kLanes, columns - j));
      auto* c = numbers<std::uint16_t>(moved(to, r, j));
      Vec v = load(sums + r * kTileColumns + j);
      if (to.column == 1) {
        if (to.add) v += load_first(c, n);
        store_first(c, v, n);
      } else {
        if (to.add) v += load_strided_first(c, to.column, n);
        store_strided_first(c, to.column, v, n);
      }
    }
  }
}

void multiply_rectangle(const Product& p, const Phase& phase, const TileKernels& kernels,
                        const Rectangle& here, Ahead ahead) {
  const Index blocks = larger(1, (phase.depth + phase.block - 1) / phase.block);
  const Index tiles = blocks * ((here.rows + kTileRows - 1) / kTileRows) *
                      ((here.columns + kTileColumns - 1) / kTileColumns);
  const Index lines = (lines_of(ahead) + tiles - 1) / tiles;   // for each tile
  float* sums = p.c.half ? scratch(Scratch::tile, here.rows * kTileColumns) : nullptr;
  for (Index j = 0; j < here.columns; j += kTileColumns) {
    const Index columns = smaller(kTileColumns, here.columns - j);
    const Result to = moved(p.c, here.row, here.column + j);
    for (Index block = 0; block < blocks; ++block) {
      const Index k = block * phase.block, depth = smaller(phase.block, phase.depth - k);
      const bool first = phase.first == 0 && block == 0;
      TileC c = {
          numbers<float>(to), to.row,
          to.column,          columns,
          to.add || !first,   first && p.bias != nullptr ? p.bias + here.column + j : nullptr};
      if (sums != nullptr) c.data = sums, c.row = kTileColumns, c.column = 1, c.add = !first;
      const TileB b = {here.b.data + j / kTileColumns * here.b.next + k * kTileColumns,
                       kTileColumns};
      TileA a = {here.a.data + k * kTileRows, 1, kTileRows};
      for (Index i = 0; i < here.rows; i += kTileRows) {
        ask_for(ahead, lines);
        kernels.of[smaller(kTileRows, here.rows - i) - 1][(columns - 1) / kLanes](c, a, b, depth);
        a.data += here.a.next, c.data += kTileRows * c.row;
      }
    }
    if (sums != nullptr) round_columns(to, here.rows, columns, sums);
  }
}

// One of the two operands: how its panels are cut.
struct Side {
  Operand m;
  Index width;   // rows of a or columns of b
  int panel;
};
GLASS_SIMD Index panels_of(const Side& side) { return (side.width + side.panel - 1) / side.panel; }

// How many panels of the larger operand make a piece.
GLASS_SIMD Index piece_of(const Side& large, const Side& small, const Phase& phase) {
  const Index fit = kPieceFloats / (large.panel * larger(phase.depth, 1));
  const Index even = panels_of(large) / (large.m.wide == 1 ? kPieces / 2 : kPieces);
  const Index work = large.panel * small.width * larger(phase.depth, 1);
  const Index worth = (kSerialWork / 2 + work - 1) / work;
  return smaller(panels_of(large), larger(larger(1, worth), smaller(fit, even)));
}

void multiply_phase(const Team& team, const Product& p, const Phase& phase,
                    const TileKernels& kernels, const Side& small, const Side& large) {
  const bool worth = is_worth_sharing(p);
  const Index small_next = panel_floats(small.panel, phase.depth),
              large_next = panel_floats(large.panel, phase.depth);
  float* shared = scratch(Scratch::pack_a, panels_of(small) * small_next);
  const Index together = 1 + kPackGrain / larger(small_next, 1);   // panels
  parallel_or_not(team, chunks_of(panels_of(small), together), worth, [&](Index chunk) {
    const Index begin = chunk * together * small.panel;
    pack_some(shared + chunk * together * small_next, small.panel, small.m, begin,
              smaller(together * small.panel, small.width - begin), phase);
  });

  const Index piece = piece_of(large, small, phase);
  parallel_or_not(team, chunks_of(panels_of(large), piece), worth, [&](Index chunk) {
    float* own = scratch(Scratch::pack_b, piece * large_next);
    const Index wide = piece * large.panel, begin = chunk * wide;
    const Index width = smaller(wide, large.width - begin);
    pack_some(own, large.panel, large.m, begin, width, phase);
    const Ahead next =
        look_ahead(large.m, begin + width, smaller(wide, large.width - begin - width), phase);
    const Panels ours = {own, large_next}, theirs = {shared, small_next};
    const bool rows = large.panel == kTileRows;   // the pieces are rows of a
    multiply_rectangle(p, phase, kernels,
                       rows ? Rectangle{begin, width, 0, p.columns, ours, theirs}
                            : Rectangle{0, p.rows, begin, width, theirs, ours},
                       next);
  });
}

}   // namespace

void multiply_large(const Team& team, const Product& p) {
  const Side a = {p.a, p.rows, kTileRows}, b = {p.b, p.columns, kTileColumns};
  const bool a_is_small = p.rows <= p.columns;
  const Side &small = a_is_small ? a : b, &large = a_is_small ? b : a;

  const bool pairs = p.a.half && pair_tiles() != nullptr;
  Phase phase = {pairs ? Kind::pairs : Kind::singles, 0, 0, 0, p.depth};
  const Index depth = pairs ? (p.depth + 1) / 2 : p.depth;   // in floats
  phase.block = even_block(depth, kBlockDepth, 4);
  // A result in bf16 is rounded once, so its sum has one phase. Where the next number of the sum
  // lies a row away, short phases make wide pieces, which read more than a line or two of each row.
  const Index fit = kSharedFloats / (small.width * phase.block);
  const Index blocks = p.c.half            ? depth / phase.block + 1
                       : large.m.wide == 1 ? 1
                                           : smaller(kPhaseBlocks, fit);
  const Index at_once = larger(1, blocks) * phase.block;
  for (Index done = 0; done == 0 || done < depth; done += at_once) {   // an empty sum counts too
    phase.first = done * per_float(phase), phase.depth = smaller(at_once, depth - done);
    multiply_phase(team, p, phase, pairs ? *pair_tiles() : kTileKernels, small, large);
  }
}

}   // namespace glass::GLASS_ISA
