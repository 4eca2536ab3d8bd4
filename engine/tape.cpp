// Recording a step, and running it backwards.
#include "engine/tape.h"

#include <atomic>
#include <cmath>

#include "engine/base/error.h"
#include "engine/slot.h"

namespace glass {

Node::~Node() = default;
void Leaf::backward(const Tensor&, Slots) {}

namespace {

std::string place(Where where, const char* scope) {
  std::string text = std::string(where.file) + ":" + std::to_string(where.line);
  return *scope ? text + " in " + scope : text;
}
std::string place(const Node& node) { return place(node.where, node.scope); }

// What is left of a node that gave its saved tensors back: its name, its place, its gradient.
struct Done final : Node {
  explicit Done(Node&& node) : Node(std::move(node)) {}
  void backward(const Tensor&, Slots) override {
    fail(TapeError(std::string(op) + " at " + place(*this) +
                   " has given back what it saved; set tape.keep_saved before a second backward"));
  }
};

// Nothing is recorded while this lives, also when it dies of an exception.
class Pause {
 public:
  explicit Pause(bool& recording) : recording_(recording), before_(recording) { recording_ = false; }
  ~Pause() { recording_ = before_; }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

 private:
  bool& recording_;
  bool before_;
};

// The gradient that a backward begins with, for as long as it runs.
class Begins {
 public:
  Begins(std::shared_ptr<Buffer>& place, std::shared_ptr<Buffer> with) : place_(place) { place_ = std::move(with); }
  ~Begins() { place_.reset(); }
  Begins(const Begins&) = delete;
  Begins& operator=(const Begins&) = delete;

 private:
  std::shared_ptr<Buffer>& place_;
};

void check_saved(const Node& node) {
  for (int i = 0; i < node.saved_count; ++i) {
    const Buffer& buffer = *node.saved[i].buffer;
    if (buffer.version == node.saved[i].version) continue;
    fail(TapeError(std::string(node.op) + " at " + place(node) + " saved a tensor that " + buffer.writer + " at " +
                   place(buffer.written, "") + " has written over since; run backward first, or save a copy"));
  }
}

void check_finite(const Tensor& x, const std::string& what) {
  if (x.dtype() == DType::i32) return;
  const std::vector<double> values = x.to_host();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    fail(NonFiniteError(what + " is " + (std::isnan(values[i]) ? "nan" : "infinite") + " at element " +
                        std::to_string(i) + " of " + str(x.shape())));
  }
}

}  // namespace

// The empty asm says that something happens here, so that no optimisation drops the calls.
[[gnu::noinline]] void on_record(const Node& node, const Tensor& y) { asm volatile("" : : "g"(&node), "g"(&y)); }
[[gnu::noinline]] void on_backward(const Node& node, const Tape& tape) { asm volatile("" : : "g"(&node), "g"(&tape)); }
[[gnu::noinline]] void after_backward(const Node& node, const Tape& tape) { asm volatile("" : : "g"(&node), "g"(&tape)); }

Kept::Kept(const Tensor& x) {
  const Tape* tape = x.tape();
  const bool recorded = tape && x.step() == tape->step() && x.node() >= 0;
  const Node* maker = recorded ? &tape->node(static_cast<std::size_t>(x.node())) : nullptr;
  if (maker && maker->remakes() && static_cast<std::size_t>(x.numel()) * size_of(x.dtype()) >= tape->remake_bytes) {
    maker_ = maker;
  } else {
    value_ = x;
  }
}

Tensor Kept::get() const {
  if (!maker_) return value_;
  check_saved(*maker_);
  return maker_->remake();
}

void* Arena::allocate(std::size_t bytes) {
  constexpr std::size_t kAlign = alignof(std::max_align_t);
  bytes = (bytes + kAlign - 1) / kAlign * kAlign;
  if (used_ + bytes > kBlock) ++block_, used_ = 0;
  if (block_ == blocks_.size()) blocks_.push_back(std::make_unique<std::byte[]>(kBlock));
  void* place = blocks_[block_].get() + used_;
  used_ += bytes;
  return place;
}

Tensor Tape::watch(Parameter& p, Where at) {
  Tensor y = p.value;
  if (p.tape != this || p.step != step_) {
    Leaf& leaf = add<Leaf>(&p);
    leaf.scope = intern(p.name);
    finish(leaf, y, at);
    p.tape = this, p.step = step_, p.node = leaf.id;
  }
  y.tape_ = this, y.step_ = step_, y.node_ = p.node;
  return y;
}

Tensor Tape::watch_bf16(Parameter& p, Where at) {
  const Tensor weight = watch(p, at);
  Tensor y = p.in_bf16();
  y.tape_ = this, y.step_ = step_, y.node_ = weight.node();
  return y;
}

Tensor Tape::watch(const Tensor& x, std::string_view name, Where at) {
  Tensor y = x;
  Leaf& leaf = add<Leaf>(nullptr);
  leaf.scope = intern(name);
  finish(leaf, y, at);
  return y;
}

void Tape::finish(Node& node, Tensor& y, Where at) {
  node.where = at;
  if (!node.leaf) node.scope = scope_;   // a leaf is called what its weight is called
  node.shape = y.shape();
  node.dtype = y.dtype();
  if (keep_values) node.value = y.detach();
  y.tape_ = this, y.step_ = step_, y.node_ = node.id;
  glass::on_record(node, y);
  if (on_record) on_record(node, y);
  if (stop_at_nonfinite) check_finite(y, "the output of " + std::string(node.op) + " at " + place(node));
}

Tape* tape_of(std::span<const Input> inputs, Where at) {
  Tape* tape = nullptr;
  for (const Input& in : inputs) {
    const Tensor& x = *in.tensor;
    if (!x.tape()) continue;
    if (x.step() != x.tape()->step()) {
      fail(TapeError("an op at " + place(at, "") + ": an input was made in an earlier step of the tape; detach() what " +
                     "outlives a step"));
    }
    if (tape && tape != x.tape()) {
      fail(TapeError("an op at " + place(at, "") + ": inputs are recorded on two tapes"));
    }
    tape = x.tape();
  }
  return tape && tape->recording() ? tape : nullptr;
}

Node& Tape::node_of(const Tensor& x, const char* what, Where at) const {
  if (x.tape() != this || x.node() < 0 || x.step() != step_) {
    fail(TapeError(std::string(what) + " at " + place(at, "") +
                   ": the tensor was not made on this tape in this step; watch() what it is made from"));
  }
  return *nodes_[static_cast<std::size_t>(x.node())];
}

void Tape::backward(const Tensor& loss, Where at) {
  if (loss.numel() != 1) {
    fail(TapeError("backward at " + place(at, "") + ": a loss has one element, this has shape " + str(loss.shape()) +
                   "; sum it, or give the gradient to start from"));
  }
  const Tensor one = Tensor::full(loss.device(), loss.shape(), 1, loss.dtype());   // dL/dL = 1
  const Begins begins(one_, one.buffer());
  backward(loss, one, at);
}

void Tape::backward(const Tensor& y, const Tensor& dy, Where at) {
  Node& last = node_of(y, "backward", at);
  if (dy.shape() != y.shape()) {
    fail(TapeError("backward at " + place(at, "") + ": the value has shape " + str(y.shape()) +
                   ", its gradient " + str(dy.shape())));
  }
  const Pause pause(recording_);
  for (Node* node : nodes_) {
    if (!node->leaf) node->grad = Tensor();   // of an earlier backward
  }
  Slot(*this, last.id, dy.device()) += dy;
  run_backward(last.id);
}

// The whole of backpropagation: from the last node to the first, each hands its gradient on to its inputs.
void Tape::run_backward(int last) {
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    Node& node = *nodes_[i];
    if (node.id <= last && node.grad) {
      check_saved(node);
      glass::on_backward(node, *this);
      node.backward(node.grad, Slots(*this, node, node.grad.device()));
      glass::after_backward(node, *this);
      if (on_backward) on_backward(node);
      if (stop_at_nonfinite) {
        for (int k = 0; k < node.input_count; ++k) {
          if (node.inputs[k] < 0) continue;
          const Tensor& dx = nodes_[static_cast<std::size_t>(node.inputs[k])]->grad;
          if (dx) check_finite(dx, "the gradient that " + std::string(node.op) + " at " + place(node) + " gives input " + std::to_string(k));
        }
      }
    }
    if (!keep_saved) release(i);
  }
}

// Give back what node i saved. Its name and place stay, in the same spot of the arena.
void Tape::release(std::size_t i) {
  Node* node = nodes_[i];
  if (node->leaf) return;
  if (!keep_grads) node->grad = Tensor();
  node->saved_count = 0;
  Done done(std::move(*node));
  node->~Node();
  nodes_[i] = new (static_cast<void*>(node)) Done(std::move(done));
}

Tensor Tape::grad(const Tensor& x) const {
  const Node& node = node_of(x, "grad", Where{"", 0});
  if (node.grad) return node.grad.detach();
  return Tensor::full(x.device(), x.shape(), 0, x.dtype());
}

Tensor Tape::room_for_grad(const Tensor& x, DType type) const {
  Parameter* const weight = x.node() >= 0 ? nodes_[static_cast<std::size_t>(x.node())]->parameter() : nullptr;
  const bool serves = weight && !weight->touched && weight->grad && weight->grad.owns_alone() &&
                      weight->grad.shape() == x.shape() && weight->grad.dtype() == type;
  return serves ? std::exchange(weight->grad, Tensor()) : Tensor::empty(x.device(), x.shape(), type);
}

void Tape::clear() {
  for (Node* node : nodes_) node->~Node();
  nodes_.clear();
  arena_.reset();
  layout_copies = 0;
  step_ = next_step();
}

// A parameter remembers the step it was watched in; a tape that takes the place of another in memory must not be
// mistaken for it.
std::uint64_t Tape::next_step() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

const char* Tape::intern(std::string_view text) {
  auto known = names_.find(text);
  if (known == names_.end()) known = names_.emplace(text).first;
  return known->c_str();
}

Tape::Scope Tape::enter(std::string_view name, int index) {
  const char* outer = scope_;
  path_ = outer;
  if (!path_.empty()) path_ += '.';
  path_ += name;
  if (index >= 0) path_ += '.', path_ += std::to_string(index);   // short: no memory of its own
  scope_ = intern(path_);
  return Scope(this, outer);
}

}  // namespace glass
