// Sizes of axes: indexing from either end, counting, broadcasting.
#include "engine/shape.h"

#include "engine/base/error.h"

namespace glass {

Shape::Shape(std::initializer_list<std::int64_t> sizes) {
  for (std::int64_t n : sizes) push_back(n);
}

void Shape::push_back(std::int64_t n) {
  if (rank == kMaxRank) fail(ShapeError("a tensor has at most " + std::to_string(kMaxRank) + " axes"));
  if (n < 0) fail(ShapeError("a size cannot be negative: " + std::to_string(n)));
  size[rank++] = n;
}

int Shape::axis(int axis) const {
  const int from_start = axis < 0 ? axis + rank : axis;
  if (from_start < 0 || from_start >= rank) {
    fail(ShapeError("axis " + std::to_string(axis) + " is outside of " + str(*this) + ", which has " +
                    std::to_string(rank) + " axes"));
  }
  return from_start;
}

std::int64_t Shape::numel() const {
  std::int64_t n = 1;
  for (std::int64_t d : *this) n *= d;
  return n;
}

Shape Shape::prefix(int axes) const {
  Shape head = *this;
  head.rank = axes;
  return head;
}

bool operator==(const Shape& a, const Shape& b) {
  if (a.rank != b.rank) return false;
  for (int i = 0; i < a.rank; ++i) {
    if (a.size[i] != b.size[i]) return false;
  }
  return true;
}

std::string str(const Shape& shape) {
  std::string text = "(";
  for (int i = 0; i < shape.rank; ++i) text += (i ? "," : "") + std::to_string(shape.size[i]);
  return text + ")";
}

Shape row_major(const Shape& shape) {
  Shape stride = shape;
  std::int64_t step = 1;
  for (int i = shape.rank - 1; i >= 0; --i) {
    stride.size[i] = step;
    step *= shape.size[i];
  }
  return stride;
}

Broadcast broadcast(const Shape& a, const Shape& b) {
  const Shape& longer = a.rank >= b.rank ? a : b;
  const Shape& shorter = a.rank >= b.rank ? b : a;
  Broadcast result{true, longer};
  for (int i = 1; i <= shorter.rank; ++i) {
    std::int64_t& n = result.shape.size[longer.rank - i];
    const std::int64_t m = shorter.size[shorter.rank - i];
    if (n == 1) n = m;
    if (m != 1 && m != n) result.fits = false;
  }
  return result;
}

}  // namespace glass
