// Tiles of floats, and products of any size out of them.
#include "kernels/cpu/matmul_tile_body.h"

namespace glass::GLASS_ISA {
namespace {

struct Floats {
  [[gnu::always_inline]] static Vec add(Vec a, Vec b, Vec sum) { return fma(a, b, sum); }
};

}   // namespace

constexpr TileKernels kTileKernels = all_tiles<Floats>();

// Panels of b outside, of a inside: a panel of b stays in L1 while the panels of a pass by.
void multiply_panels(const TileC& c, std::int64_t rows, const PanelsA& a, const PanelsB& b,
                     std::int64_t depth, const TileKernels& kernels) {
  TileB b_panel = b.first;
  for (std::int64_t j = 0; j < c.columns; j += kTileColumns, b_panel.data += b.next) {
    TileC to = c;
    to.data += j * c.column;
    to.columns = c.columns - j < kTileColumns ? c.columns - j : kTileColumns;
    if (c.bias != nullptr) to.bias += j;
    TileA a_panel = a.first;
    for (std::int64_t i = 0; i < rows;
         i += kTileRows, a_panel.data += a.next, to.data += kTileRows * c.row) {
      tile_product(to, rows - i < kTileRows ? static_cast<int>(rows - i) : kTileRows, a_panel,
                   b_panel, depth, kernels);
    }
  }
}

}   // namespace glass::GLASS_ISA
