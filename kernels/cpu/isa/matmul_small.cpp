// Products of f32 that use their operands where they lie: tiny ones, such as microgpt's, and few
// rows of a times a b whose rows are contiguous. Packing costs a third of a cycle a number, which
// is as long as a few products; here a number of b is used in fewer tiles than that takes.
//
// A panel that cannot be read in place (the wrong stride, or the last one, whose vectors would
// reach beyond the matrix) is still packed.
#include "kernels/cpu/cpu_base.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/matmul_pack.h"

namespace glass::GLASS_ISA {
namespace {

constexpr Index kInPlaceRows = 4 * kTileRows;

void multiply_in_place(const Product& p, Index block_depth) {
  const Factor all_a = {numbers<float>(p.a), p.a.wide, p.a.deep},
               all_b = {numbers<float>(p.b), p.b.wide, p.b.deep};
  const bool pack_a = p.columns > 4 * kTileColumns;
  const bool pack_b = p.b.wide != 1 || p.rows > kInPlaceRows;
  for (Index k = 0; k == 0 || k < p.depth; k += block_depth) {   // an empty sum is written too
    const Index depth = smaller(block_depth, p.depth - k);
    const Factor b = {all_b.data + k * p.b.deep, p.b.wide, p.b.deep};
    const Index in_place = pack_b ? 0 : p.columns / kTileColumns * kTileColumns;
    float* packed_b =
        scratch(Scratch::pack_b, packed_floats(kTileColumns, p.columns - in_place, depth));
    pack_panels(packed_b, kTileColumns, Factor{b.data + in_place * b.wide, b.wide, b.deep},
                p.columns - in_place, depth);
    const Factor a = {all_a.data + k * p.a.deep, p.a.wide, p.a.deep};
    PanelsA a_panels = {{a.data, a.wide, a.deep}, kTileRows * a.wide};
    if (pack_a) {
      float* packed_a = scratch(Scratch::pack_a, packed_floats(kTileRows, p.rows, depth));
      pack_panels(packed_a, kTileRows, a, p.rows, depth);
      a_panels = {{packed_a, 1, kTileRows}, panel_floats(kTileRows, depth)};
    }
    TileC c = {numbers<float>(p.c),      p.c.row, p.c.column, in_place, p.c.add || k > 0,
               k == 0 ? p.bias : nullptr};
    multiply_panels(c, p.rows, a_panels, {{b.data, b.deep}, kTileColumns}, depth);
    c.data += in_place * c.column, c.columns = p.columns - in_place;
    if (c.bias != nullptr) c.bias += in_place;
    multiply_panels(c, p.rows, a_panels, {{packed_b, kTileColumns}, kTileColumns * depth}, depth);
  }
}

}   // namespace

bool is_small(const Product& p) {
  if (p.a.half || p.c.half) return false;
  return !is_worth_sharing(p) || (p.b.wide == 1 && p.rows <= kInPlaceRows);
}

void multiply_small(const Team& team, const Product& p) {
  // Few rows of a: b is read along its rows, so many columns at once, a few rows of b at a time.
  constexpr Index kFewRows = 8, kFewDeep = 32;
  const Index block_depth =
      even_block(p.depth, p.rows <= kFewRows && p.b.wide == 1 ? kFewDeep : kBlockDepth, 4);
  const Index width =
      round_up(larger(2 * kTileColumns, smaller(512, (p.columns + 15) / 16)), kTileColumns);
  if (!is_worth_sharing(p) || p.columns <= width) return multiply_in_place(p, block_depth);
  parallel_for(team, chunks_of(p.columns, width), [&](Index chunk) {
    const Index column = chunk * width;
    multiply_in_place(some_columns(p, column, smaller(width, p.columns - column)), block_depth);
  });
}

}   // namespace glass::GLASS_ISA
