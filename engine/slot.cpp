// Adding to a gradient: the first contribution is written, later ones are added, broadcast axes are summed away.
#include "engine/slot.h"

namespace glass {

const Shape& Slot::shape() const { return tape_->nodes_[static_cast<std::size_t>(node_)]->shape; }

Into Slot::into() const {
  if (node_ < 0) return kNobody;
  Node& node = *tape_->nodes_[static_cast<std::size_t>(node_)];
  Parameter* weight = node.parameter();
  const bool add = weight ? weight->touched : static_cast<bool>(node.grad);
  Tensor& grad = weight ? weight->grad : node.grad;
  if (!grad) grad = Tensor::empty(*device_, node.shape, node.dtype);
  if (weight) {
    weight->touched = true;
    node.grad = grad;                                        // shared, so that a debugger sees it
  }
  return {grad.view(), add};
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
  const Into dx = into();
  if (g.shape() == shape()) {
    g.backend().copy(dx, g.view());
  } else {
    g.backend().fold(Fold::sum, {aligned(dx.view, g.shape()), dx.add}, g.view());
  }
}

// A gradient that nobody else holds becomes the slot's own memory; anything else is copied, because a later
// contribution will be added in place.
void Slot::operator+=(Tensor&& g) const {
  if (node_ < 0) return;
  Node& node = *tape_->nodes_[static_cast<std::size_t>(node_)];
  const bool adoptable = !node.grad && !node.parameter() && g.owns_alone() && g.contiguous() &&
                         g.shape() == node.shape && g.offset() == 0;
  if (adoptable) {
    node.grad = g.detach();
  } else {
    *this += static_cast<const Tensor&>(g);
  }
}

void Slot::operator+=(const Product& g) const {
  if (node_ < 0) return;
  Shape shape_of_product = g.a.shape();
  shape_of_product[-1] = g.b.dim(-1);
  if (shape_of_product == shape()) {
    g.a.backend().matmul(into(), g.a.view(), g.b.view());
  } else {
    Tensor whole = Tensor::empty(*device_, shape_of_product, g.a.dtype());
    g.a.backend().matmul(to(whole), g.a.view(), g.b.view());
    *this += std::move(whole);
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
    Tensor whole = Tensor::empty(*device_, common, g.a.dtype());
    g.a.backend().zip(g.f, to(whole), a, b);
    *this += std::move(whole);
  }
}

void Slot::operator+=(const Scaled& g) const {
  if (node_ < 0) return;
  if (g.x.shape() == shape()) {
    g.x.backend().affine(into(), g.x.view(), g.c, 0);
  } else {
    Tensor whole = empty_like(g.x);
    g.x.backend().affine(to(whole), g.x.view(), g.c, 0);
    *this += std::move(whole);
  }
}

void Slot::operator+=(const Chained& g) const {
  if (node_ >= 0) g.dy.backend().map_backward(g.f, into(), g.dy.view(), g.x.view());
}

}  // namespace glass
