// A recorded step as data: a row for each node of the tape, with what it cost and how large its
// numbers were. The same rows become a table, a graph for Graphviz, a picture, or JSON.
#pragma once
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "engine/tape.h"
#include "engine/value.h"

namespace glass {

struct TraceNode {
  int id = 0;   // its place on the tape
  std::string op, scope, file;
  int line = 0;
  bool leaf = false;         // nothing it was made from is on the tape
  std::vector<int> inputs;   // -1: not differentiable
  Shape shape;               // of the output
  DType dtype = DType::f64;
  double value = 0, grad = 0;   // of a tensor: sqrt(sum of squares); of a scalar: the number itself
  bool reached = false;         // backward came here, so grad means something
  double forward_ms = 0, backward_ms = 0;
  std::size_t saved_bytes =
      0;   // kept for backward by this node and by none before it; weights do not count
  int layout_copies = 0;        // inputs that had to be copied into another layout first
  std::vector<double> slopes;   // of a scalar: d this / d input
};

struct Trace {
  std::string program, device;    // for the title
  bool scalar = false;            // recorded by chapter 1
  std::vector<TraceNode> nodes;   // in the order they ran

  double forward_ms() const;
  double backward_ms() const;
  std::size_t saved_bytes() const;
};

// Watches one step on a tape, for as long as it lives. A node's time is what passed since the node
// before it, so it includes the program's own work between two ops; the time for looking at the
// numbers is not counted.
class Tracer {
 public:
  explicit Tracer(Tape& tape);
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;
  Trace take() { return std::move(trace_); }   // after backward

 private:
  using Clock = std::chrono::steady_clock;
  void recorded(const Node& node, const Tensor& y);
  void went_back(const Node& node);
  double lap(Backend& backend);

  Tape& tape_;
  Trace trace_;
  std::set<const Buffer*> kept_;   // by a node or a weight, so alive until backward
  int layout_copies_ = 0;
  Clock::time_point last_;
};

// The same for the scalar tape of chapter 1: its nodes from `first` on.
Trace trace_of(const scalar::Tape& tape, int first = 1);

std::string str(const Trace& trace);   // an aligned table
std::string dot(const Trace& trace);   // for Graphviz
std::string svg(const Trace& trace);   // a picture of its own; light or dark as the reader prefers
void write(Json& json, const Trace& trace);   // an object

// Where two tapes that ran the same step part: the first value, or else the last gradient
// (backward's first), that differs by more than `tolerance` of the size of its tensor. Both need
// keep_values and keep_grads.
struct Difference {
  bool found = false;
  bool in_gradient = false;
  int node = -1;
  std::int64_t element = 0;   // in row-major order
  double a = 0, b = 0;        // what each tape has there
  double size = 0;            // of the tensor: the root of the mean square
  std::string unlike;         // the tapes did not even record the same ops: why
};
Difference first_difference(const Tape& a, const Tape& b, double tolerance);

}   // namespace glass
