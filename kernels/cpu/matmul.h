// A matrix product as the files of kernels/cpu/isa/matmul*.cpp see it: three matrices with strides,
// stored in f32 or bf16, and three ways to multiply them.
#pragma once
#include "kernels/cpu/matmul_pack.h"
#include "kernels/cpu/parallel.h"

namespace glass::GLASS_ISA {

using Index = std::int64_t;

struct Result {
  std::byte* data;
  bool half;
  Index row, column;
  bool add;
};

// c (rows x columns) = or += a (rows x depth) b (depth x columns) + bias. Both factors have one
// type.
struct Product {
  Index rows, columns, depth;
  Operand a, b;
  Result c;
  const float* bias;   // contiguous, one for each column; or null
};

GLASS_SIMD Index smaller(Index x, Index y) { return x < y ? x : y; }
GLASS_SIMD Index larger(Index x, Index y) { return x < y ? y : x; }
GLASS_SIMD Index round_up(Index x, Index unit) { return (x + unit - 1) / unit * unit; }

GLASS_SIMD Operand moved(Operand m, Index wide, Index deep) {
  m.data += (wide * m.wide + deep * m.deep) * (m.half ? 2 : 4);
  return m;
}
GLASS_SIMD Result moved(Result c, Index row, Index column) {
  c.data += (row * c.row + column * c.column) * (c.half ? 2 : 4);
  return c;
}
template <class Number>
GLASS_SIMD const Number* numbers(const Operand& m) {
  return reinterpret_cast<const Number*>(m.data);
}
template <class Number>
GLASS_SIMD Number* numbers(const Result& c) {
  return reinterpret_cast<Number*>(c.data);
}

// The columns [column, column + columns) of a product, as a product.
GLASS_SIMD Product some_columns(Product p, Index column, Index columns) {
  p.columns = columns;
  p.b = moved(p.b, column, 0);
  p.c = moved(p.c, 0, column);
  if (p.bias != nullptr) p.bias += column;
  return p;
}

// So many products are done before another thread has woken up.
constexpr Index kSerialWork = 1 << 19;
GLASS_SIMD bool is_worth_sharing(const Product& p) {
  return p.rows * p.columns * p.depth >= kSerialWork;
}

// Large products: packed panels, rectangles for the threads (matmul_large.cpp).
void multiply_large(const Team& team, const Product& p);

// Operands where they lie, f32 only: tiny products, and few rows of a times a b whose rows are
// contiguous (matmul_small.cpp).
bool is_small(const Product& p);
void multiply_small(const Team& team, const Product& p);

// Up to eight rows times a transposed matrix: reading that is the work (matmul_few.cpp).
bool has_few_rows(const Product& p);
void multiply_few_rows(const Team& team, const Product& p);

// How much of the sum a tile runs through at a time: a panel of b of that depth stays in L1 and L2.
constexpr Index kBlockDepth = 384;
// The largest block of at most `limit` that cuts `size` into pieces of nearly one size.
GLASS_SIMD Index even_block(Index size, Index limit, Index unit) {
  const Index pieces = (size + limit - 1) / limit;
  return pieces <= 1 ? larger(size, 1) : round_up((size + pieces - 1) / pieces, unit);
}

}   // namespace glass::GLASS_ISA
