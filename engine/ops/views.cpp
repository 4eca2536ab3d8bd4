// Views: the same memory with other sizes and strides. Forward moves no element (but for a reshape of something whose
// elements do not follow each other, `contiguous` and `concat`, which copy).
#include <array>
#include <vector>

#include "engine/ops/cases.h"
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

// A shape with as many elements: neighbours joined, an axis of size 1 put in, or everything in one row.
static Shape regrouped(OpDice& dice, const Shape& x) {
  const std::int64_t how = dice.below(3);
  if (how == 0 || x.rank == 0) return {x.numel()};
  Shape y;
  const int at = static_cast<int>(dice.below(x.rank));
  for (int i = 0; i < x.rank; ++i) {
    if (how == 1 && i == at && x.rank < kMaxRank) y.push_back(1);
    if (how == 2 && i == at && i > 0) y[-1] *= x.size[i];
    else y.push_back(x.size[i]);
  }
  return y;
}

static OpCall draw_permute(OpDice& dice) {
  const Shape x = dice.shape(1);
  switch (x.rank) {
    case 1: return {{x}, [](Tensors in) { return permute(in[0], {0}); }};
    case 2: return {{x}, [](Tensors in) { return permute(in[0], {1, 0}); }};
    case 3: return {{x}, [](Tensors in) { return permute(in[0], {2, 0, 1}); }};
    case 4: return {{x}, [](Tensors in) { return permute(in[0], {-1, 1, 0, 2}); }};
    default: return {{x}, [](Tensors in) { return permute(in[0], {3, 0, -1, 2, 1}); }};
  }
}

static OpCall draw_slice(OpDice& dice) {
  const Shape x = dice.shape(1);
  const int axis = dice.axis(x);
  const std::int64_t start = dice.between("start", 0, std::max<std::int64_t>(x[axis] - 1, 0));
  const std::int64_t stop = dice.between("stop", std::min(start + 1, x[axis]), x[axis]);
  const std::int64_t every = dice.pick("every", {1, 1, 2, 3});
  return {{x}, [=](Tensors in) { return slice(in[0], axis, start, stop, every); }};
}

static OpCall draw_broadcast_to(OpDice& dice) {
  const Shape y = dice.shape();
  Shape x;
  for (int i = static_cast<int>(dice.below(y.rank + 1)); i < y.rank; ++i) x.push_back(dice.below(2) ? y.size[i] : 1);
  return {{x}, [=](Tensors in) { return broadcast_to(in[0], y); }, nullptr, y.numel() == 0};
}

static OpCall draw_concat(OpDice& dice) {
  const Shape x = dice.shape(1);
  const int axis = dice.axis(x);
  OpCall call{{}, [=](Tensors in) {
    switch (in.size()) {
      case 1: return concat({in[0]}, axis);
      case 2: return concat({in[0], in[1]}, axis);
      case 3: return concat({in[0], in[1], in[2]}, axis);
      default: return concat({in[0], in[1], in[2], in[3], in[0], in[1], in[2], in[3]}, axis);
    }
  }};
  call.inputs.resize(static_cast<std::size_t>(dice.between("parts", 1, 4)), x);
  for (std::size_t i = 1; i < call.inputs.size() && !dice.same(); ++i) call.inputs[i][axis] = 1 + dice.below(3);
  return call;
}

static OpCall draw_reshape(OpDice& dice) {
  const Shape x = dice.shape(), y = regrouped(dice, x);
  return {{x}, [=](Tensors in) { return reshape(in[0], y); }};
}

static OpCall draw_transpose(OpDice& dice) {
  const Shape x = dice.shape(1);
  const int a = dice.axis(x), b = dice.axis(x);
  return {{x}, [=](Tensors in) { return transpose(in[0], a, b); }};
}

std::vector<OpCases> view_cases() {
  return {
      {.op = "reshape(x, shape)", .draw = draw_reshape},
      {.op = "permute(x, axes)", .draw = draw_permute},
      {.op = "transpose(x, a, b)", .draw = draw_transpose},
      {.op = "slice(x, axis, start, stop, every)", .draw = draw_slice},
      {.op = "broadcast_to(x, shape)", .draw = draw_broadcast_to},
      {.op = "contiguous(x)", .draw = elementwise(contiguous)},
      {.op = "concat(parts, axis)", .draw = draw_concat},
  };
}

}  // namespace glass
