// CHAPTER 1. A number that remembers how it was made.
//
// Arithmetic on Values writes a tape: one node per operation, in the order they ran. A node knows
// the nodes it was made from and the slope towards each of them. backward() reads the tape once,
// from the end; that is all.
//
//   scalar::Tape tape;
//   scalar::Value a = tape.number(-4), b = tape.number(2);
//   scalar::Value loss = relu(a * b + pow(b, 3)) + 10 / b;
//   tape.backward(loss);                            // now a.grad() is d loss / d a
#pragma once
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/base/where.h"

namespace glass::scalar {

class Tape;

// A place on a tape. Two words, to be copied freely.
class Value {
 public:
  Value() = default;                               // no number yet
  int id() const { return id_; }
  double data(Where at = Where::here()) const;
  double grad(Where at = Where::here()) const;     // d loss / d this, after tape.backward(loss)
  Tape& tape(Where at = Where::here()) const;      // an Error if there is none any more

 private:
  friend class Tape;
  Value(Tape* tape, int id, unsigned step) : tape_(tape), id_(id), step_(step) {}
  Tape* tape_ = nullptr;
  int id_ = 0;
  unsigned step_ = 0;                              // which recording it belongs to
};

enum class Op : std::uint16_t { number, add, mul, pow, exp, log, relu };
const char* name_of(Op op);

// Which operation, in which line of the program. Tape::where knows the name of the file.
struct Origin {
  Op op;
  std::uint16_t file;
  int line;
};

// How one number was made.
struct Node {
  double local[2];                                 // local[k] = d this / d in[k]
  int in[2];                                       // the nodes it was made from; 0 for none
  Origin made;
};

// Stable places for a debugger to stop, in builds that are made for one: a node was just recorded,
// a node is about to hand on its gradient.
#ifdef NDEBUG
constexpr bool kStops = false;
#else
constexpr bool kStops = true;
#endif
void on_record(const Tape& tape, int id);
void on_pull(const Tape& tape, int id);

class Tape {
 public:
  Tape() { number(0); }                            // node 0 is the number 0, where every sum begins
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // Made from nothing: a weight, an input, a constant.
  Value number(double x, Where at = Where::here()) {
    const Value v = record(Op::number, at, x);
    if (v.id() == numbers_) ++numbers_;
    return v;
  }
  Value at(int id) { return {this, id, step_}; }      // node `id` as a Value

  // d loss / d everything. A node hands its gradient on to the nodes it was made from. They stand
  // before it on the tape, so on the way from the end every node is met after all its uses: its
  // gradient is complete.
  void backward(Value loss, Where at = Where::here());
  // Every gradient 0, but d loss / d loss = 1.
  void begin_backward(Value loss, Where at = Where::here());

  // The chain rule: d loss / d in is the sum over its uses of (d loss / d use) (d use / d in).
  void pull(int i) {
    if (kStops) on_pull(*this, i);
    const Node& made = node_[i];
    const double g = grad_[i];
    grad_[made.in[0]] += made.local[0] * g;
    grad_[made.in[1]] += made.local[1] * g;
  }

  // What every operation does: a node x = f(a, b), with da = df/da and db = df/db.
  Value record(Op op, Where at, double x, int a = 0, double da = 0, int b = 0, double db = 0) {
    if (size_ == capacity_) grow(1);
    if (at.file != file_) enter(at.file);
    data_[size_] = x;
    node_[size_] = {{da, db}, {a, b}, {op, file_id_, at.line}};
    if (kStops) on_record(*this, size_);
    return {this, size_++, step_};
  }

  // x^n and its slope. Softmax divides many numbers by one total, and so asks many times in a row
  // for the same power.
  struct Power { double y, slope; };
  const Power& power(double x, double n) {
    if (x != power_x_ || n != power_n_) {
      power_ = {std::pow(x, n), n * std::pow(x, n - 1)};
      power_x_ = x, power_n_ = n;
    }
    return power_;
  }

  int size() const { return size_; }
  void reserve(int nodes);
  void rewind(int size);                           // forgets the rest, and keeps its memory

  double data(int id) const { return data_[id]; }
  double grad(int id) const { return id < graded_ ? grad_[id] : 0; }
  const Node& node(int id) const { return node_[id]; }
  Where where(int id) const { return {files_[node_[id].made.file], node_[id].made.line}; }
  std::span<double> data(Value first, int count);  // of values that stand side by side
  std::span<const double> grad(Value first, int count);

 private:
  friend class Value;
  friend std::vector<Value> linear(const struct Matrix& w, std::span<const Value> x, Where at);
  void grow(int more);
  void enter(const char* file);
  void check_run(Value first, int count);
  [[noreturn]] static void refuse(Value v, Where at);

  // Three arrays rather than one of structs: backward walks over the nodes but jumps about in the
  // gradients, and these stay in the fastest memory only while nothing else lies between them.
  std::unique_ptr<double[]> data_, grad_;
  std::unique_ptr<Node[]> node_;
  int size_ = 0, capacity_ = 0;
  int numbers_ = 0;                                // how many plain numbers come first
  int graded_ = 0;                                 // how many nodes the last backward knew
  int kept_ = 0;                                   // where the last rewind stopped
  unsigned step_ = 0;                              // how many rewinds there were
  std::vector<const char*> files_;
  const char* file_ = nullptr;                     // the last one, and its place in files_
  std::uint16_t file_id_ = 0;
  Origin product_ = {}, partial_sum_ = {};         // of the linear that is being recorded
  double power_x_ = 1, power_n_ = 1;
  Power power_ = {1, 1};
};

inline Tape& Value::tape(Where at) const {
  if (!tape_ || (step_ != tape_->step_ && id_ >= tape_->kept_)) Tape::refuse(*this, at);
  return *tape_;
}
inline double Value::data(Where at) const { return tape(at).data(id_); }
inline double Value::grad(Where at) const { return tape(at).grad(id_); }

// A Value on its way into an operation: its number, and the line that uses it, so that `a + b`
// knows where it stands.
struct Arg {
  Tape& tape;
  int id;
  double x;
  Where at;
  Arg(Value v, Where where = Where::here())        // NOLINT: implicit on purpose
      : tape(v.tape(where)), id(v.id()), x(tape.data(id)), at(where) {}
};
[[noreturn]] void refuse_two_tapes(Where at);
[[noreturn]] void refuse_result(Op op, double x, Where at);

inline Tape& tape_of(const Arg& a, const Arg& b) {
  if (&a.tape != &b.tape) refuse_two_tapes(a.at);
  return a.tape;
}
// log(0) and exp(1000) are mistakes, not numbers.
inline double finite(double y, Op op, double x, Where at) {
  if (!std::isfinite(y) && std::isfinite(x)) refuse_result(op, x, at);
  return y;
}

// The rules of differentiation.
inline Value operator+(const Arg& a, const Arg& b) {
  return tape_of(a, b).record(Op::add, a.at, a.x + b.x, a.id, 1, b.id, 1);
}
inline Value operator*(const Arg& a, const Arg& b) {
  return tape_of(a, b).record(Op::mul, a.at, a.x * b.x, a.id, b.x, b.id, a.x);
}
inline Value pow(const Arg& a, double n) {
  const Tape::Power& p = a.tape.power(a.x, n);
  const double y = finite(p.y, Op::pow, a.x, a.at), slope = finite(p.slope, Op::pow, a.x, a.at);
  return a.tape.record(Op::pow, a.at, y, a.id, slope, a.tape.number(n, a.at).id(), 0);
}
inline Value exp(const Arg& a) {
  const double y = finite(std::exp(a.x), Op::exp, a.x, a.at);
  return a.tape.record(Op::exp, a.at, y, a.id, y);
}
inline Value log(const Arg& a) {
  const double y = finite(std::log(a.x), Op::log, a.x, a.at);
  return a.tape.record(Op::log, a.at, y, a.id, 1 / a.x);
}
inline Value relu(const Arg& a) {
  return a.tape.record(Op::relu, a.at, a.x > 0 ? a.x : 0, a.id, a.x > 0);
}

// Everything else is said with these, as Python's microgpt says it. A plain number becomes a node
// of its own.
inline Arg number(double c, const Arg& beside) {
  return {beside.tape.number(c, beside.at), beside.at};
}
inline double reciprocal(double c, const Arg& beside) {
  return finite(std::pow(c, -1), Op::pow, c, beside.at);
}
// clang-format off
inline Value operator+(const Arg& a, double c)     { return a + number(c, a); }
inline Value operator*(const Arg& a, double c)     { return a * number(c, a); }
inline Value operator+(double c, const Arg& a)     { return a + c; }
inline Value operator*(double c, const Arg& a)     { return a * c; }
inline Value operator-(const Arg& a)               { return a * -1.0; }
inline Value operator-(const Arg& a, const Arg& b) { return a + Arg(-b, b.at); }
inline Value operator-(const Arg& a, double c)     { return a + -c; }
inline Value operator-(double c, const Arg& a)     { return Arg(-a, a.at) + c; }
inline Value operator/(const Arg& a, const Arg& b) { return a * Arg(pow(b, -1), b.at); }
inline Value operator/(const Arg& a, double c)     { return a * reciprocal(c, a); }
inline Value operator/(double c, const Arg& a)     { return Arg(pow(a, -1), a.at) * c; }
// clang-format on

// A plain number and the line that uses it, for `a += 1`, where nothing else knows the line.
struct Constant {
  double x;
  Where at;
  Constant(double c, Where where = Where::here())  // NOLINT: implicit on purpose
      : x(c), at(where) {}
};
// clang-format off
inline Value& operator+=(Value& a, const Arg& b)      { return a = Arg(a, b.at) + b; }
inline Value& operator-=(Value& a, const Arg& b)      { return a = Arg(a, b.at) - b; }
inline Value& operator*=(Value& a, const Arg& b)      { return a = Arg(a, b.at) * b; }
inline Value& operator/=(Value& a, const Arg& b)      { return a = Arg(a, b.at) / b; }
inline Value& operator+=(Value& a, const Constant& c) { return a = Arg(a, c.at) + c.x; }
inline Value& operator-=(Value& a, const Constant& c) { return a = Arg(a, c.at) - c.x; }
inline Value& operator*=(Value& a, const Constant& c) { return a = Arg(a, c.at) * c.x; }
inline Value& operator/=(Value& a, const Constant& c) { return a = Arg(a, c.at) / c.x; }
// clang-format on

Value sum(std::span<const Value> x, Where at = Where::here());   // 0 + x[0] + x[1] + ...

// Numbers that stand side by side on a tape, row by row: weights.
struct Matrix {
  Value first;
  int rows, columns;
  Value operator()(int row, int column, Where at = Where::here()) const;
};

// y[i] = sum(w(i, j) * x[j]): every product and every partial sum is a node, as the operators would
// record them. Nine nodes of ten in a GPT come from here, so this is the one place that is written
// to be fast.
std::vector<Value> linear(const Matrix& w, std::span<const Value> x, Where at = Where::here());

}  // namespace glass::scalar
