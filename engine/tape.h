// The graph is a tape: a vector of nodes in the order they ran. Backward is one loop over it, from the end.
//
// Each op is one small struct with a name, the things its derivative needs as named fields, and one virtual backward.
// In a debugger a node prints as what it is: (Gelu) {op = "gelu", where = model/gpt.cpp:88, x = Tensor(2,3)}.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/base/where.h"
#include "engine/parameter.h"
#include "engine/tensor.h"

namespace glass {

class Slots;

constexpr int kMaxInputs = 8;
constexpr int kMaxSaved = 6;

// A tensor that backward will read again, as it was when the node saved it. The node's own fields keep it alive.
struct Saved { const Buffer* buffer; unsigned version; };

struct Node {
  const char* op;                    // "gelu"
  const char* scope = "";            // "blocks.3.mlp": where in the model
  Where where;                       // model/gpt.cpp:88: where in the source
  int id = -1;                       // its place on the tape
  int inputs[kMaxInputs] = {};       // places of its inputs on the tape; -1: not differentiable
  int input_count = 0;
  Shape shape;                       // of the output
  DType dtype = DType::f32;
  Tensor value;                      // the output itself, kept if tape.keep_values
  Tensor grad;                       // dL/d(output), kept after backward if tape.keep_grads
  Saved saved[kMaxSaved] = {};       // what must not change before backward has run
  int saved_count = 0;
  bool leaf = false;                 // a gradient ends here, and is kept from one backward to the next

  explicit Node(const char* name) : op(name) {}
  virtual ~Node();
  Node(Node&&) = default;
  virtual void backward(const Tensor& dy, Slots dx) = 0;   // dx[i] += (d output / d input i)^T dy
  // The output again, from what is saved: for ops that compute it about as fast as memory can be read. See Kept.
  virtual Tensor remake() const { return {}; }
  virtual bool remakes() const { return false; }
  virtual Parameter* parameter() { return nullptr; }       // the weight whose gradient this node is, for a leaf
};

// An input that backward will read again. A large one that its own op makes cheaply (an activation, a norm) is not kept
// but made again when it is asked for, by the same kernel from the same numbers: the same bits, for a third less memory.
class Kept {
 public:
  Kept(const Tensor& x);   // NOLINT: implicit, so that a node's field says what it is
  Tensor get() const;
  const Tensor& value() const { return value_; }             // empty if it will be made again

 private:
  Tensor value_;
  const Node* maker_ = nullptr;                              // earlier on the tape, so released later
};

// A weight or an input that somebody wants the gradient of. The chain of derivatives ends here.
struct Leaf final : Node {
  Parameter* weight;
  explicit Leaf(Parameter* p) : Node("leaf"), weight(p) { leaf = true; }
  void backward(const Tensor&, Slots) override;
  Parameter* parameter() override { return weight; }
};

// Nodes lie one after the other in big blocks, so recording a step costs no allocation once the first has run.
class Arena {
 public:
  void* allocate(std::size_t bytes);
  void reset() { block_ = 0, used_ = 0; }
  std::size_t blocks() const { return blocks_.size(); }

 private:
  static constexpr std::size_t kBlock = 1 << 16;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::size_t block_ = 0, used_ = 0;
};

class Tape {
 public:
  bool keep_grads = false;           // keep dL/d(output) of every node, for looking at it
  bool keep_values = false;          // keep every output, for looking at it
  bool keep_saved = false;           // allow another backward over the same forward
  std::size_t remake_bytes = 8 << 20;   // outputs of this size and more are made again if they can be; see Kept
  bool stop_at_nonfinite = false;    // look at every value and gradient; the first that is not finite is an error
  std::function<void(const Node&, const Tensor& y)> on_record;   // called when a node was recorded; y: its output
  std::function<void(const Node&)> on_backward;                  // called when a node's backward has run
  int layout_copies = 0;             // how often this step an op had to copy an input into another layout

  Tape() = default;
  ~Tape() { clear(); }
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // From here on, remember how things are made from this.
  Tensor watch(Parameter& p, Where at = Where::here());
  Tensor watch_bf16(Parameter& p, Where at = Where::here());   // its shadow, with the same place for the gradient
  Tensor watch(const Tensor& x, std::string_view name, Where at = Where::here());

  // Fill in the gradients of everything that was watched. The loss has one element, unless dy = dL/dy is given.
  void backward(const Tensor& loss, Where at = Where::here());
  void backward(const Tensor& y, const Tensor& dy, Where at = Where::here());
  Tensor grad(const Tensor& x) const;              // dL/dx of something watched (or of anything, if keep_grads)

  // Memory for the whole derivative of x, which an op computes before it is asked for: of a weight that has no gradient
  // yet in this step, that of its last one, which `dx[i] += std::move(it)` gives back; else fresh. One piece of memory
  // less, and the gradient stays where it is from step to step.
  Tensor room_for_grad(const Tensor& x, DType type) const;

  // Is dy the 1 that a backward from a loss begins with? Asks nothing of the machine.
  bool begins_with(const Tensor& dy) const { return one_ && dy.buffer() == one_; }

  void clear();                                    // forget this step; its tensors can no longer be built upon
  bool recording() const { return recording_; }
  std::uint64_t step() const { return step_; }   // no two steps of any two tapes have the same number
  std::size_t size() const { return nodes_.size(); }
  std::size_t arena_blocks() const { return arena_.blocks(); }
  const Node& node(std::size_t i) const { return *nodes_[i]; }

  // Name a part of the model: `const auto scope = tape.enter("blocks", 3);` until it goes out of scope.
  class Scope {
   public:
    Scope(Tape* tape, const char* outer) : tape_(tape), outer_(outer) {}
    Scope(Scope&& other) noexcept : tape_(std::exchange(other.tape_, nullptr)), outer_(other.outer_) {}
    ~Scope() { if (tape_) tape_->scope_ = outer_; }

   private:
    Tape* tape_;
    const char* outer_;
  };
  [[nodiscard]] Scope enter(std::string_view name, int index = -1);
  const char* scope() const { return scope_; }

  // Called by `record`: give y a node. See below.
  template <class Op, class... Fields>
  Op& add(Fields&&... fields);
  void finish(Node& node, Tensor& y, Where at);

 private:
  friend class Slot;
  static std::uint64_t next_step();
  const char* intern(std::string_view text);
  Node& node_of(const Tensor& x, const char* what, Where at) const;
  void run_backward(int last);
  void release(std::size_t i);

  std::vector<Node*> nodes_;
  Arena arena_;
  // Scopes; nodes point at their letters. A name that is there already is found without a copy of it.
  struct Hash : std::hash<std::string_view> { using is_transparent = void; };
  std::unordered_set<std::string, Hash, std::equal_to<>> names_;
  std::string path_;                               // where `enter` puts a name together
  const char* scope_ = "";
  std::uint64_t step_ = next_step();
  bool recording_ = true;
  std::shared_ptr<Buffer> one_;                    // dL/dL, while backward runs; held, so that nobody adds to it in place
};

// Stable places for a debugger to stop: y was just recorded as made by a node; a node is about to run backward; it has
// run, and what it gave its inputs is in their grad.
void on_record(const Node& node, const Tensor& y);
void on_backward(const Node& node, const Tape& tape);
void after_backward(const Node& node, const Tape& tape);

// The inputs of an op, as `record` is told: {x, weight, bias}.
struct Input {
  const Tensor* tensor;
  Input(const Tensor& x) : tensor(&x) {}   // NOLINT: the point is to be implicit
};
using Inputs = std::initializer_list<Input>;

// The tape that some input is recorded on, or null. Tensors of an earlier step or of two tapes are errors.
Tape* tape_of(std::span<const Input> inputs, Where at);

// As `record` below, for a list of inputs whose length is known at run time only.
template <class Op, class... Fields>
Tensor record_all(Tensor y, Where at, std::span<const Input> inputs, Fields&&... fields) {
  Tape* tape = tape_of(inputs, at);
  if (!tape) return y;
  Op& node = tape->add<Op>(std::forward<Fields>(fields)...);
  for (const Input& in : inputs) node.inputs[node.input_count++] = in.tensor->node();
  tape->finish(node, y, at);
  return y;
}

// The last line of every op: y, made at a line, from inputs; and the fields of its node, in the order of the
// constructor. Tensors among the fields are what backward will read; whoever writes over them is found out.
template <class Op, class... Fields>
Tensor record(Tensor y, Where at, Inputs inputs, Fields&&... fields) {
  return record_all<Op>(std::move(y), at, std::span(inputs.begin(), inputs.size()), std::forward<Fields>(fields)...);
}

inline void note_saved(Node& node, const Tensor& x) {
  if (x && node.saved_count < kMaxSaved) node.saved[node.saved_count++] = {x.buffer().get(), x.buffer()->version};
}
inline void note_saved(Node& node, const Kept& x) { note_saved(node, x.value()); }
template <class T>
void note_saved(Node&, const T&) {}

template <class Op, class... Fields>
Op& Tape::add(Fields&&... fields) {
  Op* node = new (arena_.allocate(sizeof(Op))) Op(fields...);
  (note_saved(*node, fields), ...);
  nodes_.push_back(node);
  node->id = static_cast<int>(nodes_.size()) - 1;
  return *node;
}

}  // namespace glass
