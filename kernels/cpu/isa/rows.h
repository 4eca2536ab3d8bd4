// How row kernels (softmax, norms, losses, embeddings) walk: "rows" are all leading axes counted as
// one, C is the last axis. Rows may lie anywhere; a row that is not neighbouring floats, because
// its elements are apart or stored in bf16, is laid out in a buffer first.
#pragma once
#include "kernels/cpu/isa/cpu.h"

namespace glass::GLASS_ISA {

// Where row r of a View begins. Axes that continue each other in memory are one, so most Views need
// one product.
struct Rows {
  float* data;
  int axes;   // the fastest first
  std::int64_t size[kMaxRank], stride[kMaxRank];
  std::int64_t count;     // how many rows
  std::int64_t C, step;   // a row: its length and the stride between its elements
  bool half;              // bf16: data is not floats, though it is called so
};

GLASS_SIMD Rows number_rows(const View& v, int leading) {
  Rows rows;
  rows.data = floats(v), rows.axes = 0, rows.count = rows.C = rows.step = 1;
  rows.size[0] = 1, rows.stride[0] = 0;
  rows.half = v.dtype == DType::bf16;
  for (int axis = leading - 1; axis >= 0; --axis) {
    const std::int64_t size = v.shape[axis];
    rows.count *= size;
    if (size == 1) continue;
    if (rows.axes > 0 && v.stride[axis] == rows.stride[rows.axes - 1] * rows.size[rows.axes - 1]) {
      rows.size[rows.axes - 1] *= size;
    } else {
      rows.size[rows.axes] = size, rows.stride[rows.axes] = v.stride[axis], ++rows.axes;
    }
  }
  return rows;
}
GLASS_SIMD Rows rows_of(const View& v) {
  Rows rows = number_rows(v, v.rank == 0 ? 0 : v.rank - 1);
  if (v.rank > 0) rows.C = v.shape[v.rank - 1], rows.step = v.stride[v.rank - 1];
  return rows;
}
// True if the whole View is one stretch of memory in the order of its elements.
GLASS_SIMD bool is_contiguous(const Rows& rows) {
  return rows.step == 1 && (rows.axes == 0 || (rows.axes == 1 && rows.stride[0] == rows.C));
}
// Every element a row of its own: means, losses, ids.
GLASS_SIMD Rows elements_of(const View& v) { return number_rows(v, v.rank); }

GLASS_SIMD std::int64_t row_offset(const Rows& rows, std::int64_t r) {   // in elements
  if (rows.axes <= 1) return r * rows.stride[0];
  std::int64_t offset = 0;
  for (int i = 0; i < rows.axes; ++i)
    offset += r % rows.size[i] * rows.stride[i], r /= rows.size[i];
  return offset;
}
GLASS_SIMD float* row(const Rows& rows, std::int64_t r) { return rows.data + row_offset(rows, r); }
GLASS_SIMD std::uint16_t* half_row(const Rows& rows, std::int64_t r) {
  return reinterpret_cast<std::uint16_t*>(rows.data) + row_offset(rows, r);
}

// The same row after row, without a division for each: heads of attention are rows along three axes
// that do not continue each other.
struct RowPlace {
  std::int64_t offset;   // in elements
  std::int64_t index[kMaxRank];
};
GLASS_SIMD RowPlace place_at(const Rows& rows, std::int64_t r) {
  RowPlace place = {0, {}};
  for (int i = 0; i < rows.axes; ++i) {
    place.index[i] = r % rows.size[i], r /= rows.size[i];
    place.offset += place.index[i] * rows.stride[i];
  }
  return place;
}
GLASS_SIMD void move_on(RowPlace& place, const Rows& rows) {
  for (int i = 0; i < rows.axes; ++i) {
    place.offset += rows.stride[i];
    if (++place.index[i] < rows.size[i]) return;
    place.offset -= rows.stride[i] * rows.size[i];
    place.index[i] = 0;
  }
}

GLASS_SIMD std::int32_t id_at(const Rows& ids, std::int64_t i) {
  return *reinterpret_cast<const std::int32_t*>(row(ids, i));
}

// n numbers that lie `step` apart, to neighbouring floats, and back.
template <class Number>
GLASS_SIMD void gather_row(float* to, const Number* from, std::int64_t step, std::int64_t n) {
  if (step != 1) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = widen(from[i * step]);
    return;
  }
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(to + i, load(from + i));
  if (i < n)
    store_first(to + i, load_first(from + i, static_cast<int>(n - i)), static_cast<int>(n - i));
}
template <class Number>
GLASS_SIMD void scatter_row(Number* to, std::int64_t step, const float* from, std::int64_t n) {
  if (step != 1) {
    for (std::int64_t i = 0; i < n; ++i) put(to + i * step, from[i]);
    return;
  }
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(to + i, load(from + i));
  if (i < n)
    store_first(to + i, load_first(from + i, static_cast<int>(n - i)), static_cast<int>(n - i));
}

// n elements from an offset on, to read as neighbouring floats: where they lie, or laid out in
// buffer.
GLASS_SIMD const float* read_at(const Rows& x, std::int64_t offset, std::int64_t n, float* buffer) {
  if (x.half) {
    gather_row(buffer, reinterpret_cast<const std::uint16_t*>(x.data) + offset, x.step, n);
    return buffer;
  }
  if (x.step == 1) return x.data + offset;
  gather_row(buffer, x.data + offset, x.step, n);
  return buffer;
}
// The same to write (or, with `add`, to add to): a place of its own, or a buffer that finish_at
// puts into its place.
GLASS_SIMD float* begin_at(const Rows& y, std::int64_t offset, std::int64_t n, bool add,
                           float* buffer) {
  if (!y.half && y.step == 1) return y.data + offset;
  if (add) read_at(y, offset, n, buffer);
  return buffer;
}
GLASS_SIMD void finish_at(const Rows& y, std::int64_t offset, std::int64_t n, const float* buffer) {
  if (y.half) {
    scatter_row(reinterpret_cast<std::uint16_t*>(y.data) + offset, y.step, buffer, n);
  } else if (y.step != 1) {
    scatter_row(y.data + offset, y.step, buffer, n);
  }
}
// Whole rows.
GLASS_SIMD bool is_plain(const Rows& x) { return x.step == 1 && !x.half; }
GLASS_SIMD const float* read_row(const Rows& x, std::int64_t r, float* buffer) {
  return read_at(x, row_offset(x, r), x.C, buffer);
}
GLASS_SIMD float* begin_row(const Rows& y, std::int64_t r, bool add, float* buffer) {
  return begin_at(y, row_offset(y, r), y.C, add, buffer);
}
GLASS_SIMD void finish_row(const Rows& y, std::int64_t r, const float* buffer) {
  finish_at(y, row_offset(y, r), y.C, buffer);
}

// Buffers for some rows of C floats each; all nullptr where every operand is used where it lies.
struct RowBuffers {
  float* data;
  std::int64_t C;
  [[gnu::always_inline]] float* operator[](int n) const {
    return data == nullptr ? nullptr : data + n * C;
  }
};
GLASS_SIMD RowBuffers row_buffers(bool needed, int rows, std::int64_t C) {
  return {needed ? scratch(Scratch::tile, rows * C) : nullptr, C};
}

// All of a Vec, or its first n lanes: lets a loop body be written once for the middle and the tail
// of a row.
struct Whole {
  [[gnu::always_inline]] Vec load(const float* p) const { return GLASS_ISA::load(p); }
  [[gnu::always_inline]] void store(float* p, Vec v) const { GLASS_ISA::store(p, v); }
  [[gnu::always_inline]] Vec load(const std::uint16_t* p) const { return load_bf16(p); }
  [[gnu::always_inline]] void store(std::uint16_t* p, Vec v) const { store_bf16(p, v); }
};
struct Part {
  int n;
  [[gnu::always_inline]] Vec load(const float* p) const { return load_first(p, n); }
  [[gnu::always_inline]] void store(float* p, Vec v) const { store_first(p, v, n); }
  [[gnu::always_inline]] Vec load(const std::uint16_t* p) const { return load_bf16_first(p, n); }
  [[gnu::always_inline]] void store(std::uint16_t* p, Vec v) const { store_bf16_first(p, v, n); }
};

// body(part, i) for i = 0, kLanes, 2 kLanes, ...: the Vec that begins at element i.
template <class Body>
GLASS_SIMD void each_vec(std::int64_t n, const Body& body) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(Whole{}, i);
  if (i < n) body(Part{static_cast<int>(n - i)}, i);
}

// Two sums at once.
struct Pair {
  Vec a, b;
};
GLASS_SIMD Pair operator+(Pair p, Pair q) { return {p.a + q.a, p.b + q.b}; }
// The first n lanes; the others become 0.
GLASS_SIMD Vec only(int n, Vec v) { return select(first(n), v, zero()); }
GLASS_SIMD Pair only(int n, Pair p) { return {only(n, p.a), only(n, p.b)}; }

// The sum over all Vecs of body(part, i), a Vec or a Pair. Four in turn: an addition need not wait
// for the one before.
template <class Body>
GLASS_SIMD auto sum_vecs(std::int64_t n, const Body& body) {
  using Result = decltype(body(Whole{}, n));
  Result s0{}, s1{}, s2{}, s3{};
  std::int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    s0 = s0 + body(Whole{}, i), s1 = s1 + body(Whole{}, i + kLanes);
    s2 = s2 + body(Whole{}, i + 2 * kLanes), s3 = s3 + body(Whole{}, i + 3 * kLanes);
  }
  for (; i + kLanes <= n; i += kLanes) s0 = s0 + body(Whole{}, i);
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    s1 = s1 + only(rest, body(Part{rest}, i));
  }
  return (s0 + s1) + (s2 + s3);
}

// The same, added up to one double (or two). A long sum of floats would stop growing once its terms
// are below its last digit, so blocks of it are summed in double.
struct TwoSums {
  double a, b;
};
GLASS_SIMD double add_lanes(double total, Vec v) { return total + static_cast<double>(sum(v)); }
GLASS_SIMD TwoSums add_lanes(TwoSums total, Pair p) {
  return {add_lanes(total.a, p.a), add_lanes(total.b, p.b)};
}
template <class Total = double, class Body>
GLASS_SIMD Total sum_row(std::int64_t n, const Body& body) {
  constexpr std::int64_t kBlock = 2048;
  Total total{};
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    const std::int64_t m = n - begin < kBlock ? n - begin : kBlock;
    total = add_lanes(
        total, sum_vecs(m, [&](auto part, std::int64_t i) { return body(part, begin + i); }));
  }
  return total;
}

// The largest of n floats. A NaN may get lost: whoever uses this meets it again in the next pass.
GLASS_SIMD float largest(const float* x, std::int64_t n) {
  Vec m0 = splat(-__builtin_inff()), m1 = m0, m2 = m0, m3 = m0;
  std::int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    m0 = max_fast(load(x + i), m0), m1 = max_fast(load(x + i + kLanes), m1);
    m2 = max_fast(load(x + i + 2 * kLanes), m2), m3 = max_fast(load(x + i + 3 * kLanes), m3);
  }
  for (; i + kLanes <= n; i += kLanes) m0 = max_fast(load(x + i), m0);
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    m1 = select(first(rest), max_fast(load_first(x + i, rest), m1), m1);
  }
  return max_of(max_fast(max_fast(m0, m1), max_fast(m2, m3)));
}

// True if one of n floats is NaN.
GLASS_SIMD bool has_nan(const float* x, std::int64_t n) {
  bool found = false;
  each_vec(n, [&](auto part, std::int64_t i) { found = found || any(is_nan(part.load(x + i))); });
  return found;
}

// How many rows of C make a chunk of `grain` elements.
GLASS_SIMD std::int64_t rows_per_chunk(std::int64_t C, std::int64_t grain) {
  return C >= grain ? 1 : C == 0 ? grain : grain / C;
}

}   // namespace glass::GLASS_ISA
