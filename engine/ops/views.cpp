// Views: the same memory with other sizes and strides. Forward moves no element (but for a reshape of something whose
// elements do not follow each other, `contiguous` and `concat`, which copy).
#include <array>
#include <vector>

#include "engine/ops/op.h"

namespace glass {
namespace {

using Sizes = std::array<std::int64_t, kMaxInputs>;

Shape permuted(const Shape& shape, const Shape& axes) {
  Shape y = shape;
  for (int i = 0; i < shape.rank; ++i) y.size[i] = shape.size[axes.size[i]];
  return y;
}

// y has x's elements in the same order:  dx = dy in x's shape
struct Reshape final : Node {
  Shape from;
  explicit Reshape(const Shape& x) : Node("reshape"), from(x) {}
  void backward(const Tensor& dy, Slots dx) override {
    if (dx[0]) dx[0] += reshape(dy, from);
  }
};

// y[i0, i1, ..] = x[axes of i]:  dx = dy with the axes put back
struct Permute final : Node {
  Shape inverse;
  explicit Permute(const Shape& back) : Node("permute"), inverse(back) {}
  void backward(const Tensor& dy, Slots dx) override {
    dx[0] += dy.window(permuted(dy.shape(), inverse), permuted(dy.stride(), inverse), dy.offset());
  }
};

// y[.., i, ..] = x[.., start + i every, ..]:  those elements of dx get dy, the others nothing
struct Slice final : Node {
  int axis;
  std::int64_t start, every;
  Slice(int a, std::int64_t from, std::int64_t step) : Node("slice"), axis(a), start(from), every(step) {}
  void backward(const Tensor& dy, Slots dx) override {
    if (!dx[0]) return;
    const Tensor whole = dx[0].zeroed();
    Shape stride = whole.stride();
    stride[axis] *= every;
    const Tensor part = whole.window(shape, stride, whole.offset() + start * whole.stride()[axis]);
    dy.backend().copy({part.view(), true}, dy.view());
  }
};

// y repeats x:  dx = the sum over the repetitions, which the slot takes
struct BroadcastTo final : Node {
  BroadcastTo() : Node("broadcast_to") {}
  void backward(const Tensor& dy, Slots dx) override { dx[0] += dy; }
};

// y = x in another layout:  dx = dy
struct Contiguous final : Node {
  Contiguous() : Node("contiguous") {}
  void backward(const Tensor& dy, Slots dx) override { dx[0] += dy; }
};

// y is its parts one after the other:  each part gets its piece of dy
struct Concat final : Node {
  int axis;
  Sizes sizes;                                               // of the parts along the axis
  Concat(int a, const Sizes& n) : Node("concat"), axis(a), sizes(n) {}
  void backward(const Tensor& dy, Slots dx) override {
    std::int64_t start = 0;
    for (int i = 0; i < input_count; ++i) {
      dx[i] += slice(dy, axis, start, start + sizes[static_cast<std::size_t>(i)]);
      start += sizes[static_cast<std::size_t>(i)];
    }
  }
};

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape, Where at) {
  if (shape.numel() != x.numel()) {
    shape_error("reshape", str(x.shape()) + " has " + std::to_string(x.numel()) + " elements, " + str(shape) + " has " +
                               std::to_string(shape.numel()), at, {x});
  }
  const Tensor packed = x.contiguous() ? x : contiguous(x.detach(), at);
  if (x.tape() && !x.contiguous()) ++x.tape()->layout_copies;
  return record<Reshape>(packed.window(shape, row_major(shape), packed.offset()), at, {x}, x.shape());
}

Tensor permute(const Tensor& x, std::initializer_list<int> axes, Where at) {
  Shape order, inverse = x.shape();
  for (int a : axes) order.push_back(x.shape().axis(a));
  bool once[kMaxRank] = {};
  for (int i = 0; i < order.rank; ++i) {
    once[order.size[i]] = true;
    if (order.rank == x.rank()) inverse.size[order.size[i]] = i;
  }
  for (int i = 0; i < x.rank(); ++i) {
    if (order.rank != x.rank() || !once[i]) {
      shape_error("permute", "axes " + str(order) + " do not name each axis of " + str(x.shape()) + " once", at, {x});
    }
  }
  const Tensor y = x.window(permuted(x.shape(), order), permuted(x.stride(), order), x.offset());
  return record<Permute>(y, at, {x}, inverse);
}

Tensor transpose(const Tensor& x, int a, int b, Where at) {
  Shape order;
  for (int i = 0; i < x.rank(); ++i) order.push_back(i);
  std::swap(order[a], order[b]);
  const Tensor y = x.window(permuted(x.shape(), order), permuted(x.stride(), order), x.offset());
  return record<Permute>(y, at, {x}, order);                 // a swap is its own inverse
}

Tensor slice(const Tensor& x, int axis, std::int64_t start, std::int64_t stop, std::int64_t every, Where at) {
  const int a = x.shape().axis(axis);
  if (start < 0 || stop < start || stop > x.dim(a) || every < 1) {
    shape_error("slice", std::to_string(start) + ".." + std::to_string(stop) + " in steps of " + std::to_string(every) +
                             " is not inside axis " + std::to_string(axis) + " of " + str(x.shape()), at, {x});
  }
  Shape shape = x.shape(), stride = x.stride();
  shape[a] = (stop - start + every - 1) / every;
  stride[a] *= every;
  return record<Slice>(x.window(shape, stride, x.offset() + start * x.stride()[a]), at, {x}, a, start, every);
}

Tensor broadcast_to(const Tensor& x, const Shape& shape, Where at) {
  const Broadcast common = broadcast(x.shape(), shape);
  if (!common.fits || common.shape != shape) {
    shape_error("broadcast_to", str(x.shape()) + " cannot be repeated to " + str(shape), at, {x});
  }
  return record<BroadcastTo>(repeated(x, shape), at, {x});
}

Tensor contiguous(const Tensor& x, Where at) {
  if (x.contiguous()) return x;
  Tensor y = empty_like(x);
  x.backend().copy(to(y), x.view());
  return record<Contiguous>(y, at, {x});
}

Tensor concat(std::initializer_list<Tensor> parts, int axis, Where at) {
  if (parts.size() == 0 || parts.size() > kMaxInputs) {
    fail(ShapeError("concat: takes 1 to " + std::to_string(kMaxInputs) + " parts, not " + std::to_string(parts.size())));
  }
  const Tensor& first = *parts.begin();
  const int a = first.shape().axis(axis);
  Shape shape = first.shape();
  shape[a] = 0;
  for (const Tensor& part : parts) {
    require_together("concat", at, {first, part});
    Shape expected = first.shape();
    if (part.rank() == first.rank()) expected[a] = part.dim(a);
    if (part.shape() != expected) {
      shape_error("concat", str(part.shape()) + " does not continue " + str(first.shape()) + " along axis " +
                                std::to_string(axis), at, {first, part});
    }
    shape[a] += part.dim(a);
  }
  Tensor y = result(first, shape);
  Sizes sizes{};
  std::size_t count = 0;
  std::int64_t start = 0;
  for (const Tensor& part : parts) {
    const Tensor place = slice(y, a, start, start + part.dim(a));
    y.backend().copy(to(place), part.view());
    start += sizes[count++] = part.dim(a);
  }
  return record_all<Concat>(y, at, std::vector<Input>(parts.begin(), parts.end()), a, sizes);
}

}  // namespace glass
