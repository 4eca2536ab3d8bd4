// Up to eight rows of a times a matrix that is contiguous along the sum: what a model does for one
// token. Every number of b is used once for each row, so reading b is the work: at 8 rows a float
// of b is used for 16 operations, where a core can do a hundred in the time that memory takes to
// deliver it. So nothing is packed, memory is asked for the next rows of b early, and a result is
// the sum of kLanes sums.
#include "kernels/cpu/cpu_base.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/matmul_tile.h"

namespace glass::GLASS_ISA {
namespace {

// Long sums only: each costs the additions over its lanes.
constexpr Index kFewRows = 8;

constexpr Index kColumns = 8;   // of b at a time: all rows of a pass by while they are in the cache
constexpr Index kAhead = 2;     // times kColumns: so many rows of b later is what is asked for now

struct Rows {   // of a, contiguous
  const float* data;
  Index stride;
};

// One to four rows of a against `columns` columns of b. `ahead`: nobody has read these columns yet.
template <class Number, int rows, int columns>
GLASS_SIMD void dot_tile(const Product& p, const Rows& all, Index row, Index column, bool ahead) {
  Vec sum[rows][columns];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 16
    for (int j = 0; j < columns; ++j) sum[r][j] = zero();
  }
  const float* a = all.data + row * all.stride;
  const Number* b = numbers<Number>(p.b) + column * p.b.wide;
  const Index far = ahead ? kAhead * kColumns * p.b.wide : 0;
  const auto step = [&](Index k, int n) __attribute__((always_inline)) {
    Vec a_k[rows];
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) a_k[r] = load_first(a + r * all.stride + k, n);
#pragma GCC unroll 16
    for (int j = 0; j < columns; ++j) {
      __builtin_prefetch(b + j * p.b.wide + k + far);
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
      const Result to = moved(p.c, row + r, column + j);
      const float bias = p.bias != nullptr ? p.bias[column + j] : 0.0f;
      const float value = glass::GLASS_ISA::sum(sum[r][j]) + bias;
      if (to.half) {
        auto* c = numbers<std::uint16_t>(to);
        put(c, to.add ? value + widen(*c) : value);
      } else {
        auto* c = numbers<float>(to);
        put(c, to.add ? value + *c : value);
      }
    }
  }
}

template <class Number, int rows>
GLASS_SIMD void dot_rows(const Product& p, const Rows& a, Index row, Index column, Index columns) {
  constexpr int kSums = kTileRows > 6 ? 16 : 8;   // as many as fit the registers, rows and all
  constexpr int kAtOnce = rows == 1 ? 8 : rows == 2 ? 4 : kSums / 4;
  Index j = column;
  for (; j + kAtOnce <= column + columns; j += kAtOnce)
    dot_tile<Number, rows, kAtOnce>(p, a, row, j, row == 0);
  for (; j < column + columns; ++j) dot_tile<Number, rows, 1>(p, a, row, j, row == 0);
}

template <class Number>
void dot_columns(const Product& p, const Rows& a, Index begin, Index end) {
  for (Index column = begin; column < end; column += kColumns) {
    const Index columns = smaller(kColumns, end - column);
    Index row = 0;
    for (; row + 4 <= p.rows; row += 4) dot_rows<Number, 4>(p, a, row, column, columns);
    // clang-format off
    switch (p.rows - row) {
      case 3: dot_rows<Number, 3>(p, a, row, column, columns); break;
      case 2: dot_rows<Number, 2>(p, a, row, column, columns); break;
      case 1: dot_rows<Number, 1>(p, a, row, column, columns); break;
      default: break;
    }
    // clang-format on
  }
}

template <class Number>
Rows contiguous_rows(const Product& p) {
  const Number* a = numbers<Number>(p.a);
  float* rows = scratch(Scratch::pack_a, p.rows * p.depth);
  for (Index r = 0; r < p.rows; ++r) {
    for (Index k = 0; k < p.depth; ++k)
      rows[r * p.depth + k] = widen(a[r * p.a.wide + k * p.a.deep]);
  }
  return {rows, p.depth};
}

template <class Number>
void multiply_rows(const Team& team, const Product& p, const Rows& a) {
  // Chunks of some 128 KB of b: enough to be worth a thread, many enough to share evenly.
  const Index width = round_up(larger(32768 / larger(p.depth, 1), kColumns), kColumns);
  parallel_or_not(team, chunks_of(p.columns, width), is_worth_sharing(p), [&](Index chunk) {
    dot_columns<Number>(p, a, chunk * width, smaller(p.columns, (chunk + 1) * width));
  });
}

}   // namespace

bool has_few_rows(const Product& p) {
  return p.rows <= kFewRows && p.b.deep == 1 && p.depth >= 32 * p.rows;
}

void multiply_few_rows(const Team& team, const Product& p) {
  if (p.a.half) return multiply_rows<std::uint16_t>(team, p, contiguous_rows<std::uint16_t>(p));
  multiply_rows<float>(
      team, p, p.a.deep == 1 ? Rows{numbers<float>(p.a), p.a.wide} : contiguous_rows<float>(p));
}

}   // namespace glass::GLASS_ISA
