// Large products: every number of both operands is packed at most once.
//
// The smaller operand is packed whole, by all threads together, and lies in L3 for everybody. The
// larger one is cut into pieces; who takes a piece packs it into a cache of its own and multiplies
// it with all of the smaller one, panel by panel. So there are many rectangles to share out,
// whatever the number of threads, and no two threads do the same work. A long sum is done in
// phases, so that what is packed stays in L3; within a phase in blocks, so that a panel of b stays
// in L1 and L2. An operand whose rows are already in the order of tiles, such as both of a^T b, is
// read where it lies if it is not read often.
//
// The arithmetic: a tile of 14 x 32 does 14 multiply-adds a cycle on whole vectors and reads 32 +
// 14 floats for each k: from L2 (32 bytes a cycle) that would be 6 cycles of 28, and most come from
// L1. Packing a number costs as much as 5 to 10 products, most of it waiting for memory: at 256
// rows that would be a tenth of the time. So while a piece is multiplied, its tiles also ask for
// the cache lines of the next one.
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
  pack_operand(to, panel, moved(from, begin, phase.first), width, deep, phase.kind == Kind::pairs);
}

// The cache lines of the piece that comes next.
GLASS_SIMD Ahead ahead_of(const Operand& from, Index begin, Index wide, const Phase& phase) {
  const Index size = from.half ? 2 : 4;
  const Index deep = smaller(phase.depth * per_float(phase), phase.numbers - phase.first);
  const Operand m = moved(from, begin, phase.first);
  if (from.deep == 1) return look_ahead(m.data, deep * size, wide, from.wide * size);
  const Index runs = from.wide == 1 && wide > 0 ? deep : 0;
  return look_ahead(m.data, wide * size, runs, from.deep * size);
}

// Panels of one operand, each `next` floats behind the one before, each k `step` floats behind its
// predecessor.
struct Panels {
  const float* data;
  Index next, step;
};

// Rows [row, row + rows) and columns [column, column + columns) of a result; a and b are the panels
// of exactly those.
struct Rectangle {
  Index row, rows, column, columns;
  Panels a, b;
};

// Sums in f32 to a result in bf16.
void round_sums(const Result& to, Index rows, Index columns, const float* sums, Index next_row) {
  for (Index r = 0; r < rows; ++r) {
    for (Index j = 0; j < columns; j += kLanes) {
      const int n = static_cast<int>(smaller(kLanes, columns - j));
      auto* c = numbers<std::uint16_t>(moved(to, r, j));
      Vec v = load(sums + r * next_row + j);
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

// One panel times a piece: one panel of b passes by all of a, or one of a by all of b.
void multiply_strip(const Product& p, const Phase& phase, const TileKernels& kernels,
                    const Rectangle& here, Ahead& ahead) {
  const Result to = moved(p.c, here.row, here.column);
  const Index next_row = round_up(here.columns, kTileColumns);
  float* sums = p.c.half ? scratch(Scratch::tile, here.rows * next_row) : nullptr;
  for (Index k = 0; k == 0 || k < phase.depth; k += phase.block) {
    const Index depth = smaller(phase.block, phase.depth - k);
    const bool first = phase.first == 0 && k == 0;
    const float* b = here.b.data + k * here.b.step;
    for (Index j = 0; j < here.columns; j += kTileColumns, b += here.b.next) {
      const Index columns = smaller(kTileColumns, here.columns - j);
      const float* bias = first && p.bias != nullptr ? p.bias + here.column + j : nullptr;
      TileC c = {
          numbers<float>(moved(to, 0, j)), to.row, to.column, columns, to.add || !first, bias};
      if (sums != nullptr) c = {sums + j, next_row, 1, columns, !first, bias};
      const float* a = here.a.data + k * here.a.step;
      for (Index i = 0; i < here.rows; i += kTileRows, a += here.a.next) {
        kernels.of[smaller(kTileRows, here.rows - i) - 1][(columns - 1) / kLanes](
            c, {a, 1, here.a.step}, {b, here.b.step}, depth, &ahead);
        c.data += kTileRows * c.row;
      }
    }
  }
  if (sums != nullptr) round_sums(to, here.rows, here.columns, sums, next_row);
}

// One of the two operands: how its panels are cut.
struct Side {
  Operand m;
  Index width;   // rows of a or columns of b
  int panel;
  bool in_place;
};
GLASS_SIMD Index panels_of(const Side& side) { return (side.width + side.panel - 1) / side.panel; }

// A matrix that holds all numbers for one k side by side is panels already, only with more between
// one k and the next: each k is a line or two of its own, which tiles read from L2 every time.
// Packing it pays where more panels than `most` pass by (measured); where the lines of all k would
// have to share a few places of the cache; and where tiles are so low that a k is done before its
// lines are there. Tiles read b in whole vectors, so its last panel must be whole.
GLASS_SIMD bool is_read_in_place(const Side& side, Index uses) {
  constexpr Index kMostOfA = 24, kMostOfB = 64, kOnePlace = 1024;
  const bool is_b = side.panel == kTileColumns;
  if (kTileRows <= 8 || side.m.wide != 1 || side.m.half || side.m.deep % kOnePlace == 0)
    return false;
  return is_b ? uses <= kMostOfB && side.width % kTileColumns == 0 : uses <= kMostOfA;
}
GLASS_SIMD Panels lying(const Side& side, Index begin, const Phase& phase) {
  const Operand m = moved(side.m, begin, phase.first);
  return {numbers<float>(m), side.panel, m.deep};
}

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
  float* shared =
      small.in_place ? nullptr : scratch(Scratch::pack_a, panels_of(small) * small_next);
  const Panels all_theirs =
      small.in_place ? lying(small, 0, phase) : Panels{shared, small_next, small.panel};
  const Index together = 1 + kPackGrain / larger(small_next, 1);   // panels
  const Index packs = small.in_place ? 0 : chunks_of(panels_of(small), together);
  parallel_or_not(team, packs, worth && packs > 0, [&](Index chunk) {
    const Index begin = chunk * together * small.panel;
    pack_some(shared + chunk * together * small_next, small.panel, small.m, begin,
              smaller(together * small.panel, small.width - begin), phase);
  });

  const Index piece = piece_of(large, small, phase);
  parallel_or_not(team, chunks_of(panels_of(large), piece), worth, [&](Index chunk) {
    float* own = large.in_place ? nullptr : scratch(Scratch::pack_b, piece * large_next);
    const Index wide = piece * large.panel, begin = chunk * wide;
    const Index width = smaller(wide, large.width - begin);
    if (!large.in_place) pack_some(own, large.panel, large.m, begin, width, phase);
    Ahead next =
        ahead_of(large.m, begin + width, smaller(wide, large.width - begin - width), phase);
    // A panel of the smaller operand at a time: the piece lies in L2 until all have passed by.
    const bool rows = large.panel == kTileRows;   // the piece is rows of a
    const Index tiles =
        chunks_of(phase.depth, phase.block) * panels_of(small) * chunks_of(width, large.panel);
    next.each = chunks_of(next.lines, larger(tiles, 1));
    const Panels ours =
        large.in_place ? lying(large, begin, phase) : Panels{own, large_next, large.panel};
    Panels theirs = all_theirs;
    for (Index at = 0; at < small.width; at += small.panel, theirs.data += theirs.next) {
      const Index thin = smaller(small.panel, small.width - at);
      multiply_strip(p, phase, kernels,
                     rows ? Rectangle{begin, width, at, thin, ours, theirs}
                          : Rectangle{at, thin, begin, width, theirs, ours},
                     next);
    }
  });
}

}   // namespace

void multiply_large(const Team& team, const Product& p) {
  Side a = {p.a, p.rows, kTileRows, false}, b = {p.b, p.columns, kTileColumns, false};
  a.in_place = is_read_in_place(a, panels_of(b)), b.in_place = is_read_in_place(b, panels_of(a));
  const bool a_is_small = p.rows <= p.columns;
  const Side &small = a_is_small ? a : b, &large = a_is_small ? b : a;

  const bool pairs = p.a.half && pair_tiles() != nullptr;
  Phase phase = {pairs ? Kind::pairs : Kind::singles, 0, 0, 0, p.depth};
  const Index depth = pairs ? (p.depth + 1) / 2 : p.depth;   // in floats
  phase.block = even_block(depth, kBlockDepth, 4);
  // A result in bf16 is rounded once, so its sum has one phase. Where what is packed has the next
  // number of the sum a row away, short phases make wide pieces, which read more than a line or two
  // of each row.
  const Index fit = kSharedFloats / (small.width * phase.block);
  const Index blocks = p.c.half                               ? depth / phase.block + 1
                       : large.m.wide == 1 && !large.in_place ? 1
                                                              : smaller(kPhaseBlocks, fit);
  const Index at_once = larger(1, blocks) * phase.block;
  for (Index done = 0; done == 0 || done < depth; done += at_once) {   // an empty sum counts too
    phase.first = done * per_float(phase), phase.depth = smaller(at_once, depth - done);
    multiply_phase(team, p, phase, pairs ? *pair_tiles() : kTileKernels, small, large);
  }
}

}   // namespace glass::GLASS_ISA
