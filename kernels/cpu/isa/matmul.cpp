// Matrix products: from Views to tiles.
//
//   matmul_views        which product is it? strides, batches, which operand is the left one
//   multiply            the split over threads: every chunk owns a rectangle of one result
//   multiply_block      one rectangle: packed blocks that fit the caches, tile by tile
//   multiply_few_rows   up to eight rows times a transposed matrix: reading that is the work
//
// The sum over k is never split over threads, and its order depends on nothing but the shape of the
// product. So the bits are the same for any number of threads.
#include "kernels/cpu/isa/cpu.h"
#include "kernels/cpu/matmul_pack.h"

namespace glass::GLASS_ISA {
namespace {

using Index = std::int64_t;

// c (rows x columns) = or += a (rows x depth) b (depth x columns) + bias, for each of a batch.
struct Product {
  Index rows, columns, depth;
  Factor a, b;
  float* c;
  Index c_row, c_column;
  bool add;
  const float* bias;   // contiguous, one for each column; or null
  Index block_depth;   // so much of the sum at a time; the same for all parts of a product
};

struct Batch {   // the leading axes, innermost first: sizes and strides
  int axes;
  Index size[kMaxRank], a[kMaxRank], b[kMaxRank], c[kMaxRank];
};

// How much of the sum, of the rows and of the columns is in the caches at once: a block of a
// (kBlockRows x kBlockDepth) stays in L2 while panels of b (kTileColumns x kBlockDepth) pass
// through L1.
constexpr Index kBlockDepth = 384;
constexpr Index kBlockRows = 18 * 14;
constexpr Index kBlockColumns = 1024;

// With so few rows, packing b costs more than using it. Long sums only: each costs the additions
// over its lanes.
constexpr Index kFewRows = 8;
GLASS_SIMD bool has_few_rows(const Product& p) {
  return p.rows <= kFewRows && p.b.deep == 1 && p.depth >= 32 * p.rows;
}

// So many products are done before another thread has woken up.
constexpr Index kSerialWork = 1 << 19;

GLASS_SIMD Index smaller(Index x, Index y) { return x < y ? x : y; }
GLASS_SIMD Index round_up(Index x, Index unit) { return (x + unit - 1) / unit * unit; }

// The largest block of at most `limit` that cuts `size` into pieces of nearly one size.
GLASS_SIMD Index even_block(Index size, Index limit, Index unit) {
  const Index pieces = (size + limit - 1) / limit;
  return pieces <= 1 ? size : round_up((size + pieces - 1) / pieces, unit);
}

// The rectangle rows [row, row + rows) x columns [column, column + columns) of a product, as a
// product.
GLASS_SIMD Product part(const Product& p, Index row, Index rows, Index column, Index columns) {
  Product q = p;
  q.rows = rows, q.columns = columns;
  q.a.data += row * p.a.wide;
  q.b.data += column * p.b.wide;
  q.c += row * p.c_row + column * p.c_column;
  if (p.bias != nullptr) q.bias += column;
  return q;
}

void multiply_block(const Product& p) {
  // Packing costs a third of a cycle a number; it pays where the number is then used often enough.
  const bool pack_a = p.columns > 4 * kTileColumns;
  const bool pack_b = p.b.wide != 1 || p.rows > 4 * kTileRows;
  const Index block_columns = even_block(p.columns, kBlockColumns, kTileColumns);
  const Index block_rows = even_block(p.rows, kBlockRows, kTileRows);

  for (Index column = 0; column < p.columns; column += block_columns) {
    const Index columns = smaller(block_columns, p.columns - column);
    for (Index k = 0; k == 0 || k < p.depth; k += p.block_depth) {   // an empty sum is written too
      const Index depth = smaller(p.block_depth, p.depth - k);
      const Factor b = {p.b.data + column * p.b.wide + k * p.b.deep, p.b.wide, p.b.deep};
      // Without packing the last panel is still copied: its vectors would reach beyond the matrix.
      const Index in_place = pack_b ? 0 : columns / kTileColumns * kTileColumns;
      float* packed_b =
          scratch(Scratch::pack_b, packed_floats(kTileColumns, columns - in_place, depth));
      pack_panels(packed_b, kTileColumns, {b.data + in_place * b.wide, b.wide, b.deep},
                  columns - in_place, depth);

      for (Index row = 0; row < p.rows; row += block_rows) {
        const Index rows = smaller(block_rows, p.rows - row);
        const Factor a = {p.a.data + row * p.a.wide + k * p.a.deep, p.a.wide, p.a.deep};
        float* packed_a = nullptr;
        if (pack_a) {
          packed_a = scratch(Scratch::pack_a, packed_floats(kTileRows, rows, depth));
          pack_panels(packed_a, kTileRows, a, rows, depth);
        }
        const PanelsA a_panels = pack_a ? PanelsA{{packed_a, 1, kTileRows}, kTileRows * depth}
                                        : PanelsA{{a.data, a.wide, a.deep}, kTileRows * a.wide};
        TileC c = {p.c + row * p.c_row + column * p.c_column,
                   p.c_row,
                   p.c_column,
                   in_place,
                   p.add || k > 0,
                   k == 0 && p.bias != nullptr ? p.bias + column : nullptr};
        multiply_panels(c, rows, a_panels, {{b.data, b.deep}, kTileColumns}, depth);
        c.data += in_place * c.column, c.columns = columns - in_place;
        if (c.bias != nullptr) c.bias += in_place;
        multiply_panels(c, rows, a_panels, {{packed_b, kTileColumns}, kTileColumns * depth}, depth);
      }
    }
  }
}

// One to four rows of a against `columns` columns of b, both contiguous along the sum: every number
// of b is read once, and a result is the sum of kLanes sums.
template <int rows, int columns>
GLASS_SIMD void dot_tile(const Product& p, const float* a, Index a_row, Index row, Index column) {
  Vec sum[rows][columns];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 16
    for (int j = 0; j < columns; ++j) sum[r][j] = zero();
  }
  a += row * a_row;
  const float* b = p.b.data + column * p.b.wide;
  const auto step = [&](Index k, int n) __attribute__((always_inline)) {
    Vec a_k[rows];
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) a_k[r] = load_first(a + r * a_row + k, n);
#pragma GCC unroll 16
    for (int j = 0; j < columns; ++j) {
      const Vec b_k = load_first(b + j * p.b.wide + k, n);
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) sum[r][j] = fma(a_k[r], b_k, sum[r][j]);
    }
  };
  const Index whole = p.depth / kLanes * kLanes;
  for (Index k = 0; k < whole; k += kLanes) step(k, kLanes);
  if (whole < p.depth) step(whole, static_cast<int>(p.depth - whole));
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 16
    for (int j = 0; j < columns; ++j) {
      float* c = p.c + (row + r) * p.c_row + (column + j) * p.c_column;
      const float bias = p.bias != nullptr ? p.bias[column + j] : 0.0f, before = p.add ? *c : 0.0f;
      *c = glass::GLASS_ISA::sum(sum[r][j]) + bias + before;
    }
  }
}

template <int rows>
GLASS_SIMD void dot_rows(const Product& p, const float* a, Index a_row, Index row, Index column,
                         Index columns) {
  constexpr int kSums = kTileRows > 6 ? 16 : 8;   // as many as fit the registers, rows and all
  constexpr int kAtOnce = rows == 1 ? 8 : rows == 2 ? 4 : kSums / 4;
  Index j = column;
  for (; j + kAtOnce <= column + columns; j += kAtOnce) {
    dot_tile<rows, kAtOnce>(p, a, a_row, row, j);
  }
  for (; j < column + columns; ++j) dot_tile<rows, 1>(p, a, a_row, row, j);
}

void multiply_few_rows(const Product& p) {
  const float* a = p.a.data;
  Index a_row = p.a.wide;
  if (p.a.deep != 1) {
    float* rows = scratch(Scratch::pack_a, p.rows * p.depth);
    for (Index r = 0; r < p.rows; ++r) {
      for (Index k = 0; k < p.depth; ++k)
        rows[r * p.depth + k] = p.a.data[r * p.a.wide + k * p.a.deep];
    }
    a = rows, a_row = p.depth;
  }
  constexpr Index kColumns = 8;   // of b: all rows of a pass by while they are in the cache
  for (Index column = 0; column < p.columns; column += kColumns) {
    const Index columns = smaller(kColumns, p.columns - column);
    Index row = 0;
    for (; row + 4 <= p.rows; row += 4) dot_rows<4>(p, a, a_row, row, column, columns);
    // clang-format off
    switch (p.rows - row) {
      case 3: dot_rows<3>(p, a, a_row, row, column, columns); break;
      case 2: dot_rows<2>(p, a, a_row, row, column, columns); break;
      case 1: dot_rows<1>(p, a, a_row, row, column, columns); break;
      default: break;
    }
    // clang-format on
  }
}

// How one result is cut into rectangles, so many rows of them and so many columns. Every rectangle
// packs its own share of a and b, so squares are cheapest; packing a number costs about as much as
// six products.
struct Grid {
  Index rows, columns;
};

Grid grid_of(const Product& p, Index rectangles) {
  Grid best = {1, 1};
  double best_cost = -1;
  for (Index rows = 1; rows <= rectangles; ++rows) {
    if (rectangles % rows != 0) continue;
    const Index columns = rectangles / rows;
    const auto height = static_cast<double>(round_up((p.rows + rows - 1) / rows, kTileRows));
    const auto width =
        static_cast<double>(round_up((p.columns + columns - 1) / columns, kTileColumns));
    const double cost = height * width + 6 * (height + width);
    if (best_cost < 0 || cost < best_cost) best = {rows, columns}, best_cost = cost;
  }
  return best;
}

GLASS_SIMD Product member(const Product& p, const Batch& batch, Index index) {
  Product q = p;
  for (int axis = 0; axis < batch.axes; ++axis) {
    const Index at = index % batch.size[axis];
    index /= batch.size[axis];
    q.a.data += at * batch.a[axis], q.b.data += at * batch.b[axis], q.c += at * batch.c[axis];
  }
  return q;
}

void multiply(const Team& team, Product p, const Batch& batch) {
  Index members = 1;
  for (int axis = 0; axis < batch.axes; ++axis) members *= batch.size[axis];
  if (members == 0 || p.rows == 0 || p.columns == 0) return;

  const bool few_rows = has_few_rows(p);
  // Few rows of a: b is read along its rows, so many of them at once.
  const Index block_depth = p.rows <= kFewRows && p.b.wide == 1 ? 32 : kBlockDepth;
  p.block_depth = p.depth == 0 ? 1 : even_block(p.depth, block_depth, 4);
  const bool serial = team.threads == 1 || members * p.rows * p.columns * p.depth < kSerialWork;
  if (serial || members % team.threads == 0 || members >= 8 * team.threads) {
    const auto one = [&](Index index) {
      const Product q = batch.axes == 0 ? p : member(p, batch, index);
      few_rows ? multiply_few_rows(q) : multiply_block(q);
    };
    if (!serial) return parallel_for(team, members, one);
    for (Index index = 0; index < members; ++index) one(index);
    return;
  }
  const Grid grid = few_rows ? Grid{1, team.threads} : grid_of(p, team.threads);
  const Index height = round_up((p.rows + grid.rows - 1) / grid.rows, kTileRows);
  const Index width = round_up((p.columns + grid.columns - 1) / grid.columns, kTileColumns);
  parallel_for(team, members * team.threads, [&](Index chunk) {
    const Index row = chunk % team.threads / grid.columns * height,
                column = chunk % grid.columns * width;
    if (row >= p.rows || column >= p.columns) return;
    const Product q =
        part(member(p, batch, chunk / team.threads), row, smaller(height, p.rows - row), column,
             smaller(width, p.columns - column));
    few_rows ? multiply_few_rows(q) : multiply_block(q);
  });
}

// Several rows of a meeting the same b are one product with more rows: leading axes that only walk
// on along the rows become rows.
void matmul_views(const Team& team, const Into& c, const View& a, const View& b,
                  const float* bias) {
  const int row = c.view.rank - 2, column = c.view.rank - 1;
  Product p{};
  p.rows = c.view.shape[row], p.columns = c.view.shape[column], p.depth = a.shape[column];
  p.a = {floats(a), a.stride[row], a.stride[column]};
  p.b = {floats(b), b.stride[column], b.stride[row]};
  p.c = floats(c.view), p.c_row = c.view.stride[row], p.c_column = c.view.stride[column];
  p.add = c.add, p.bias = bias;
  Batch batch{};
  for (int axis = row - 1; axis >= 0; --axis) {
    const Index size = c.view.shape[axis];
    if (size == 1) continue;
    if (p.rows == 1) {   // any stride continues a single row
      p.a.wide = a.stride[axis], p.c_row = c.view.stride[axis];
    }
    const bool walks_on =
        a.stride[axis] == p.rows * p.a.wide && c.view.stride[axis] == p.rows * p.c_row;
    if (batch.axes == 0 && b.stride[axis] == 0 && walks_on) {
      p.rows *= size;
      continue;
    }
    const int at = batch.axes++;
    batch.size[at] = size;
    batch.a[at] = a.stride[axis], batch.b[at] = b.stride[axis], batch.c[at] = c.view.stride[axis];
  }
  // c^T = b^T a^T: the side along which c is contiguous (or long, if it is a single column) lies in
  // the vectors.
  if (bias == nullptr && ((p.columns == 1 && p.rows > 1) || (p.c_column != 1 && p.c_row == 1))) {
    const Product q = p;
    p.rows = q.columns, p.columns = q.rows;
    p.a = q.b, p.b = q.a;
    p.c_row = q.c_column, p.c_column = q.c_row;
    for (int axis = 0; axis < batch.axes; ++axis) {
      const Index stride = batch.a[axis];
      batch.a[axis] = batch.b[axis], batch.b[axis] = stride;
    }
  }
  multiply(team, p, batch);
}

// A vector is a matrix of one row.
GLASS_SIMD View as_matrix(View v) {
  if (v.rank != 1) return v;
  v.rank = 2, v.shape[1] = v.shape[0], v.stride[1] = v.stride[0], v.shape[0] = 1, v.stride[0] = 0;
  return v;
}

}   // namespace

void Cpu::matmul(Into c, View a, View b) {
  require_f32("matmul", c.view, a, b);
  if (c.view.data != nullptr) matmul_views(team_, c, a, b, nullptr);
}

void Cpu::linear(View y, View x, View w, View bias) {
  require_f32("linear", y, x, w, bias);
  y = as_matrix(y), x = as_matrix(x);
  const int row = y.rank - 2, column = y.rank - 1;
  View wt = y;   // (..,K,N), the same w for every leading index
  wt.data = w.data;
  for (int axis = 0; axis < row; ++axis) wt.stride[axis] = 0;
  wt.shape[row] = w.shape[1], wt.stride[row] = w.stride[1];
  wt.shape[column] = w.shape[0], wt.stride[column] = w.stride[0];

  if (bias.data == nullptr) return matmul_views(team_, {y, false}, x, wt, nullptr);
  if (w.shape[0] == 1) {   // a matrix times a vector is fastest without a bias of its own
    View everywhere = y;
    everywhere.data = bias.data;
    for (int axis = 0; axis < y.rank; ++axis) everywhere.stride[axis] = 0;
    copy({y, false}, everywhere);
    return matmul_views(team_, {y, true}, x, wt, nullptr);
  }
  const float* b = floats(bias);
  if (bias.stride[0] != 1) {
    float* neighbours = scratch(Scratch::partials, bias.shape[0]);
    for (Index j = 0; j < bias.shape[0]; ++j) neighbours[j] = b[j * bias.stride[0]];
    b = neighbours;
  }
  matmul_views(team_, {y, false}, x, wt, b);
}

}   // namespace glass::GLASS_ISA
