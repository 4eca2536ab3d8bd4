// What the reference kernels are written with: an element at an index, a row, a matrix, and a result that is
// overwritten, added to or not wanted. Nothing here is fast; everything is meant to be read as a definition.
// All arithmetic happens in double and is rounded once, when it is stored: that is what "right" means for float.
#pragma once
#include <cmath>
#include <deque>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/backend.h"

namespace glass::reference {

using Index = std::int64_t[kMaxRank];

// Calls body(T{}) with the type of the numbers behind a view.
template <class Body> void with_type(const char* op, DType dtype, const Body& body) {
  if (dtype == DType::f32) return body(float{});
  if (dtype == DType::f64) return body(double{});
  throw std::invalid_argument(std::string("reference: ") + op + ": numbers must be f32 or f64");
}

inline void require(bool holds, const char* op, const char* what) {
  if (!holds) throw std::invalid_argument(std::string("reference: ") + op + ": " + what);
}

inline bool same_shape(const View& a, const View& b) {
  bool same = a.rank == b.rank;
  for (int i = 0; same && i < a.rank; ++i) same = a.shape[i] == b.shape[i];
  return same;
}

// How many elements the first `axes` axes span; the whole view by default.
inline std::int64_t count(const View& v, int axes) {
  std::int64_t n = 1;
  for (int i = 0; i < axes; ++i) n *= v.shape[i];
  return n;
}
inline std::int64_t count(const View& v) { return count(v, v.rank); }

// The size of an axis; -1 is the last one. A scalar counts as a row of one.
inline std::int64_t size(const View& v, int axis) {
  if (v.rank == 0) return 1;
  return v.shape[axis < 0 ? v.rank + axis : axis];
}

// Calls body(index) for every index of v's shape, the last axis fastest.
template <class Body> void for_each(const View& v, const Body& body) {
  Index index = {};
  for (std::int64_t n = count(v); n > 0; --n) {
    body(index);
    for (int axis = v.rank - 1; axis >= 0 && ++index[axis] == v.shape[axis]; --axis)
      index[axis] = 0;
  }
}

template <class T> T& at(const View& v, const Index& index) {
  std::int64_t offset = 0;
  for (int i = 0; i < v.rank; ++i) offset += index[i] * v.stride[i];
  return reinterpret_cast<T*>(v.data)[offset];
}

// The offset of element number `n` when only the first `axes` axes are counted, row by row.
inline std::int64_t offset_of(const View& v, std::int64_t n, int axes) {
  std::int64_t offset = 0;
  for (int i = axes - 1; i >= 0; --i) {
    offset += n % v.shape[i] * v.stride[i];
    n /= v.shape[i];
  }
  return offset;
}

template <class T> T& at(const View& v, std::int64_t n) {   // element number n of the whole view
  return reinterpret_cast<T*>(v.data)[offset_of(v, n, v.rank)];
}

// Row r of a view: the last axis, all leading axes counted as one.
template <class T> struct Row {
  T* data;
  std::int64_t stride;
  T& operator[](std::int64_t c) const { return data[c * stride]; }
};
inline std::int64_t rows(const View& v) { return v.rank == 0 ? 1 : count(v, v.rank - 1); }
template <class T> Row<T> row(const View& v, std::int64_t r) {
  if (v.rank == 0) return {reinterpret_cast<T*>(v.data), 0};
  return {reinterpret_cast<T*>(v.data) + offset_of(v, r, v.rank - 1), v.stride[v.rank - 1]};
}

// Matrix number `batch`: the last two axes, all leading axes counted as one.
template <class T> struct Matrix {
  T* data;
  std::int64_t row_stride, column_stride;
  T& operator()(std::int64_t i, std::int64_t j) const {
    return data[i * row_stride + j * column_stride];
  }
};
template <class T> Matrix<T> matrix(const View& v, std::int64_t batch) {
  return {reinterpret_cast<T*>(v.data) + offset_of(v, batch, v.rank - 2), v.stride[v.rank - 2],
          v.stride[v.rank - 1]};
}

// The upper half of a float: one sign, eight bits of exponent, seven of mantissa.
struct bf16 {
  std::uint16_t bits;
};
double widened(bf16 x);
bf16 rounded(double x);   // to the nearest, ties to even, once; NaN stays NaN

// Some operand is stored in bf16: then a kernel runs on copies in double, and what it wrote is rounded once as it goes
// back. `if (any_bf16(y, x)) { Doubles d; return map(f, d.out(y), d.in(x)); }`
template <class... Views> bool any_bf16(const Views&... views) {
  bool found = false;
  for (const View* v : {&views...}) found = found || (v->data && v->dtype == DType::bf16);
  return found;
}
class Doubles {
 public:
  Doubles() = default;
  Doubles(const Doubles&) = delete;
  Doubles& operator=(const Doubles&) = delete;
  ~Doubles();
  View in(const View& v);        // its numbers
  View out(const View& v);       // a place for results, which go back when this dies
  Into into(const Into& into);   // the same, with what is added to

 private:
  struct Copy {
    View original;
    std::vector<double> numbers;
    bool goes_back;
  };
  View copy(const View& v, bool reads, bool goes_back);
  std::deque<Copy> copies_;
};

inline bool wanted(const Into& into) { return into.view.data != nullptr; }

// One result reaches its place: y = value or y += value.
template <class T> void put(const Into& into, T& y, double value) {
  y = static_cast<T>(into.add ? static_cast<double>(y) + value : value);
}

// Every view that is there has the type of the first.
template <class... Views>
void require_type(const char* op, const View& first, const Views&... others) {
  for (const View* v : {&others...})
    require(!v->data || v->dtype == first.dtype, op, "all operands must have one type");
}

}  // namespace glass::reference
