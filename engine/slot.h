// Where derivatives go. In a backward, `dx[i] += something` adds to the gradient of input i; nothing happens when
// nobody wants it. The slot sums over what broadcasting had repeated, so no rule has to think of it, and it lets kernels
// write straight into the gradient, so the sentence costs no temporary.
//
// A gradient has the type of its input; the gradient of a weight that was used in bf16 is f32, as the weight is. What is
// added may have another type and is converted on the way.
//
// A gradient that is handed on as it is (`dx[0] += dy`) is shared, not copied. Before something is added to a gradient
// in place, the slot looks whether anybody else holds its memory, and takes a copy if so.
#pragma once
#include <array>
#include <tuple>

#include "engine/tape.h"

namespace glass {

// Derivatives that compute themselves into the slot when they are added.
struct Product { const Tensor &a, &b; };                     // a b, matrices
struct Zipped { Binary f; const Tensor &a, &b; };            // f(a, b), element by element
struct Scaled { double c; const Tensor& x; };                // c x
struct Chained { Unary f; const Tensor &dy, &x; };           // dy f'(x)

inline Product product(const Tensor& a, const Tensor& b) { return {a, b}; }
inline Zipped times(const Tensor& a, const Tensor& b) { return {Binary::mul, a, b}; }
inline Scaled scaled(double c, const Tensor& x) { return {c, x}; }
inline Chained chained(Unary f, const Tensor& dy, const Tensor& x) { return {f, dy, x}; }

class Slot {
 public:
  Slot() = default;
  Slot(Tape& tape, int node, const Device& device) : tape_(&tape), node_(node), device_(&device) {}

  explicit operator bool() const { return node_ >= 0; }      // does anybody want this derivative?
  const Shape& shape() const;                                // of the input
  DType dtype() const;

  void operator+=(const Tensor& g) const;
  void operator+=(Tensor&& g) const;                         // as above; may keep g's memory, if nobody else holds it
  void operator+=(const Product& g) const;
  void operator+=(const Zipped& g) const;
  void operator+=(const Scaled& g) const;
  void operator+=(const Chained& g) const;

  // For kernels: where to write, and whether to add.
  Into into() const;
  // The same for a kernel that goes element by element: the place may be that of dy, if nobody needs dy afterwards.
  Into into_place_of(const Tensor& dy) const;
  // For derivatives of a part: the whole gradient, zero where nothing was added yet.
  Tensor zeroed() const;

 private:
  Into into(Node& node, Parameter& weight) const;

  Tape* tape_ = nullptr;
  int node_ = -1;
  const Device* device_ = nullptr;
};

class Slots {
 public:
  Slots(Tape& tape, const Node& node, const Device& device) : tape_(tape), node_(node), device_(device) {}
  Slot operator[](int i) const { return i < node_.input_count ? Slot(tape_, node_.inputs[i], device_) : Slot(); }

  // Will backward be asked once, so that a node may give away what it saved?
  bool only_once() const { return !tape_.keep_saved; }

  // Is dy the 1 that backward began with, so that multiplying by it can be left out?
  bool begin_with(const Tensor& dy) const { return tape_.begins_with(dy); }

  // For kernels with n outputs: calls kernel(dx0, .., dx(n-1)) with the places of the first n derivatives.
  template <int n, class Kernel>
  void at_once(const Kernel& kernel) const;

 private:
  Tape& tape_;
  const Node& node_;
  const Device& device_;
};

// Two inputs may be one tensor, as in attention(x, x, x), but two outputs of a kernel must not be one place: the later
// one is computed elsewhere and added when the kernel is done.
template <int n, class Kernel>
void Slots::at_once(const Kernel& kernel) const {
  std::array<Into, n> places;
  std::array<Tensor, n> elsewhere;
  for (int i = 0; i < n; ++i) {
    const std::size_t k = static_cast<std::size_t>(i);
    const Slot slot = (*this)[i];
    bool taken = false;
    for (int j = 0; j < i; ++j) taken = taken || (slot && node_.inputs[j] == node_.inputs[i]);
    if (taken) elsewhere[k] = Tensor::empty(device_, slot.shape(), slot.dtype());
    places[k] = taken ? to(elsewhere[k]) : slot.into();
  }
  std::apply(kernel, places);
  for (int i = 0; i < n; ++i) {
    const Tensor& dx = elsewhere[static_cast<std::size_t>(i)];
    if (dx) (*this)[i] += dx;
  }
}

}  // namespace glass
