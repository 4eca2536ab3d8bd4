// Sizes of the axes of a tensor, at most five. A fixed array: a shape never allocates and prints as it is in a debugger.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>

#include "engine/base/where.h"
#include "kernels/view.h"

namespace glass {

struct Shape {
  int rank = 0;
  std::int64_t size[kMaxRank] = {};

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> sizes);

  // An axis may be counted from the end: shape[-1] is the last size.
  std::int64_t operator[](int axis) const { return size[this->axis(axis)]; }
  std::int64_t& operator[](int axis) { return size[this->axis(axis)]; }
  int axis(int axis) const;                        // -rank .. rank-1 -> 0 .. rank-1, or a ShapeError

  std::int64_t numel() const;
  const std::int64_t* begin() const { return size; }
  const std::int64_t* end() const { return size + rank; }
  void push_back(std::int64_t n);
  Shape prefix(int axes) const;                    // the first `axes` sizes
};

bool operator==(const Shape& a, const Shape& b);
inline bool operator!=(const Shape& a, const Shape& b) { return !(a == b); }
std::string str(const Shape& shape);               // "(2,3)"
Shape row_major(const Shape& shape);               // strides of a contiguous tensor, in elements

// The shape both can be repeated to: sizes are matched from the last axis, and 1 goes with anything.
// `fits` is false when there is none.
struct Broadcast { bool fits; Shape shape; };
Broadcast broadcast(const Shape& a, const Shape& b);

}  // namespace glass
