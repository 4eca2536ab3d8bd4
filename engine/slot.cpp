// Adding to a gradient: the first contribution is written, later ones are added, broadcast axes are summed away.
#include "engine/slot.h"

namespace glass {

const Shape& Slot::shape() const { return tape_->nodes_[static_cast<std::size_t>(node_)]->shape; }

DType Slot::dtype() const { return tape_->nodes_[static_cast<std::size_t>(node_)]->dtype; }

Into Slot::into() const {
  if (node_ < 0) return kNobody;
  Node& node = *tape_->nodes_[static_cast<std::size_t>(node_)];
  if (Parameter* weight = node.parameter()) return into(node, *weight);
  const bool add = static_cast<bool>(node.grad);
  if (!add) {
    node.grad = Tensor::empty(*device_, node.shape, node.dtype);
  } else if (!node.grad.owns_alone()) {
    const Tensor own = empty_like(node.grad);
    own.backend().copy(to(own), node.grad.view());
    node.grad = own;
  }
  return {node.grad.view(), add};
}

Into Slot::into_place_of(const Tensor& dy) const {
  if (node_ < 0) return kNobody;
  Node& node = *tape_->nodes_[static_cast<std::size_t>(node_)];
  const bool watched = tape_->keep_grads || tape_->keep_saved || tape_->on_backward;
  const bool free = dy.owns_alone() && !watched;
  if (!free || node.grad || node.parameter() || dy.shape() != node.shape || dy.dtype() != node.dtype ||
      !dy.contiguous()) {
    return into();
  }
  node.grad = dy.detach();
  return {node.grad.view(), false};
}

// The gradient of a weight lives in the Parameter; the node shares it, so that a debugger sees it.
Into Slot::into(Node& node, Parameter& weight) const {
  if (!weight.grad) weight.grad = Tensor::empty(*device_, node.shape, node.dtype);
  const bool add = weight.touched;
  weight.touched = true;
  node.grad = weight.grad;
  return {weight.grad.view(), add};
}

Tensor Slot::zeroed() const {
  const Into dx = into();
  const Tensor& grad = tape_->nodes_[static_cast<std::size_t>(node_)]->grad;
  if (!dx.add) grad.backend().fill(dx.view, 0);
  return grad;
}

// A view of `grad` that has the rank of `like`, with size 1 where broadcasting repeated.
static View aligned(View grad, const Shape& like) {
  View v = grad;
  const int extra = like.rank - grad.rank;
  v.rank = like.rank;
  for (int i = 0; i < like.rank; ++i) {
    v.shape[i] = i < extra ? 1 : grad.shape[i - extra];
    v.stride[i] = i < extra ? 0 : grad.stride[i - extra];
  }
  return v;
}

void Slot::operator+=(const Tensor& g) const {
  if (node_ < 0) return;
  Node& node = *tape_->nodes_[static_cast<std::size_t>(node_)];
  const bool same_shape = g.shape() == node.shape;
  if (same_shape && g.dtype() == node.dtype && !node.grad && !node.parameter() && g.contiguous()) {
    node.grad = g.detach();                                  // shared until somebody adds to it
    return;
  }
  const Into dx = into();
  if (same_shape) {
    g.backend().copy(dx, g.view());
  } else {
    g.backend().fold(Fold::sum, {aligned(dx.view, g.shape()), dx.add}, g.view());
  }
}

void Slot::operator+=(Tensor&& g) const {
  if (node_ < 0) return;
  Node& node = *tape_->nodes_[static_cast<std::size_t>(node_)];
  Parameter* weight = node.parameter();
  const bool whole = g.shape() == node.shape && g.dtype() == node.dtype && g.contiguous() && g.owns_alone() &&
                     g.buffer()->bytes == static_cast<std::size_t>(g.numel()) * size_of(g.dtype());
  if (!weight || weight->touched || !whole) return *this += static_cast<const Tensor&>(g);
  node.grad = Tensor();                                      // the memory of an earlier step goes back
  weight->grad = g.detach();
  g = Tensor();
  weight->touched = true;
  node.grad = weight->grad;
}

void Slot::operator+=(const Product& g) const {
  if (node_ < 0) return;
  Shape shape_of_product = g.a.shape();
  shape_of_product[-1] = g.b.dim(-1);
  if (shape_of_product == shape()) {
    g.a.backend().matmul(into(), g.a.view(), g.b.view());
  } else {
    Tensor whole = Tensor::empty(*device_, shape_of_product, dtype());
    g.a.backend().matmul(to(whole), g.a.view(), g.b.view());
    *this += whole;
  }
}

// v repeated along the axes where `shape` is larger.
static View repeated(const Tensor& x, const Shape& shape) {
  View v = aligned(x.view(), shape);
  for (int i = 0; i < shape.rank; ++i) {
    if (v.shape[i] != shape.size[i]) v.shape[i] = shape.size[i], v.stride[i] = 0;
  }
  return v;
}

void Slot::operator+=(const Zipped& g) const {
  if (node_ < 0) return;
  const Shape common = broadcast(g.a.shape(), g.b.shape()).shape;
  const View a = repeated(g.a, common), b = repeated(g.b, common);
  if (common == shape()) {
    g.a.backend().zip(g.f, into(), a, b);
  } else {
    Tensor whole = Tensor::empty(*device_, common, dtype());
    g.a.backend().zip(g.f, to(whole), a, b);
    *this += whole;
  }
}

void Slot::operator+=(const Scaled& g) const {
  if (node_ < 0) return;
  if (g.x.shape() == shape()) {
    g.x.backend().affine(into(), g.x.view(), g.c, 0);
  } else {
    Tensor whole = Tensor::empty(*device_, g.x.shape(), dtype());
    g.x.backend().affine(to(whole), g.x.view(), g.c, 0);
    *this += whole;
  }
}

void Slot::operator+=(const Chained& g) const {
  if (node_ >= 0) g.dy.backend().map_backward(g.f, into_place_of(g.dy), g.dy.view(), g.x.view());
}

}  // namespace glass
