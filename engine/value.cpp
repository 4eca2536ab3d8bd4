// The scalar tape's memory, its errors, and the one operation that is written for speed.
#include "engine/value.h"

#include <algorithm>
#include <limits>
#include <string>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass::scalar {
namespace {

std::string at_line(Where at) {
  return std::string("at ") + at.file + ":" + std::to_string(at.line);
}

template <class Item>
void enlarge(std::unique_ptr<Item[]>& items, int used, int capacity) {
  // Not set to zero: pages of memory appear when they are used.
  std::unique_ptr<Item[]> more(new Item[static_cast<std::size_t>(capacity)]);
  std::copy_n(items.get(), used, more.get());
  items = std::move(more);
}

}   // namespace

const char* name_of(Op op) {
  constexpr const char* kNames[] = {"number", "add", "mul", "pow", "exp", "log", "relu"};
  return kNames[static_cast<int>(op)];
}

// Empty on purpose and never inlined, so that a breakpoint here always stops.
[[gnu::noinline]] void on_record(const Tape& tape, int id) {
  asm volatile("" : : "g"(&tape), "g"(id));
}
[[gnu::noinline]] void on_pull(const Tape& tape, int id) {
  asm volatile("" : : "g"(&tape), "g"(id));
}

std::span<double> Tape::data(Value first, int count) {
  check_run(first, count);
  return {&data_[first.id_], static_cast<std::size_t>(count)};
}

std::span<const double> Tape::grad(Value first, int count) {
  check_run(first, count);
  if (count > graded_ - first.id_)
    fail(TapeError("Tape: some of these values have no gradient yet. Call backward first."));
  return {&grad_[first.id_], static_cast<std::size_t>(count)};
}

void Tape::check_run(Value first, int count) {
  if (&first.tape() != this || count < 0 || count > size_ - first.id_) {
    fail(TapeError("Tape: there are no " + std::to_string(count) + " values from #" +
                   std::to_string(first.id_) + " on; the tape holds " + std::to_string(size_) +
                   "."));
  }
}

// Two nodes a turn, because sums and products take turns on the tape. Each of the two copies of pull
// then meets mostly one kind, and the processor learns which earlier result it waits for; it takes a
// third less time.
void Tape::backward(Value loss, Where at) {
  begin_backward(loss, at);
  int i = loss.id();
  for (; i > numbers_; i -= 2) pull(i), pull(i - 1);
  if (i == numbers_) pull(i);
}

void Tape::begin_backward(Value loss, Where at) {
  if (&loss.tape(at) != this) {
    fail(TapeError("Tape::backward: the loss was recorded on another tape, " + at_line(at) + "."));
  }
  std::fill_n(grad_.get(), size_, 0.0);
  graded_ = size_;
  grad_[loss.id_] = 1;
}

void Tape::reserve(int nodes) {
  if (nodes <= capacity_) return;
  enlarge(data_, size_, nodes);
  enlarge(grad_, size_, nodes);
  enlarge(node_, size_, nodes);
  capacity_ = nodes;
}

void Tape::grow(int more) {
  constexpr int kMost = std::numeric_limits<int>::max();
  if (more > kMost - size_)
    fail(TapeError("Tape: no room for more than 2,147,483,647 nodes. Call rewind between steps."));
  reserve(std::max(size_ + more, size_ < kMost / 2 ? 2 * size_ + 1024 : kMost));
}

void Tape::rewind(int size) {
  if (size < 1 || size > size_) {
    fail(TapeError("Tape::rewind: cannot go back to size " + std::to_string(size) +
                   ", the tape holds " + std::to_string(size_) +
                   " nodes and always keeps the first."));
  }
  size_ = kept_ = size;
  numbers_ = std::min(numbers_, size);
  graded_ = std::min(graded_, size);
  ++step_;
}

void Tape::enter(const char* file) {
  const auto known = std::find(files_.begin(), files_.end(), file);
  file_id_ = static_cast<std::uint16_t>(known - files_.begin());
  if (known == files_.end()) files_.push_back(file);
  file_ = file;
}

void Tape::refuse(Value v, Where at) {
  if (!v.tape_)
    fail(TapeError("A Value was used before it was given a number, " + at_line(at) +
                   ". Make one with tape.number(x)."));
  fail(TapeError("Value #" + std::to_string(v.id_) + " was used after its tape was rewound, " +
                 at_line(at) + ". Only what was recorded before the mark stays."));
}

void refuse_two_tapes(Where at) {
  fail(TapeError("Two Values from different tapes cannot be combined, " + at_line(at) + "."));
}

void refuse_result(Op op, double x, Where at) {
  fail(NonFiniteError(std::string(name_of(op)) + " of " + shortest(x) +
                      " is not a finite number, " + at_line(at) + "."));
}

Value sum(std::span<const Value> x, Where at) {
  if (x.empty()) fail(TapeError("sum: there is nothing to add up, " + at_line(at) + "."));
  Value total = x[0].tape(at).at(0);
  for (const Value& v : x) total = Arg(total, at) + Arg(v, at);
  return total;
}

Value Matrix::operator()(int row, int column, Where at) const {
  if (row < 0 || row >= rows || column < 0 || column >= columns) {
    fail(TapeError("Matrix: there is no (" + std::to_string(row) + ", " + std::to_string(column) +
                   ") in (" + std::to_string(rows) + ", " + std::to_string(columns) + "), " +
                   at_line(at) + "."));
  }
  return first.tape(at).at(first.id() + row * columns + column);
}

// Writes to the tape directly, two rows at a time: an addition has to wait for the one before it in
// its own sum, but not for the other sum, and on the way back it is the same the other way round.
std::vector<Value> linear(const Matrix& w, std::span<const Value> x, Where at) {
  Tape& tape = w.first.tape(at);
  const int n = w.columns;
  tape.check_run(w.first, w.rows * n);
  if (x.size() != static_cast<std::size_t>(n)) {
    fail(TapeError("linear: a matrix of " + std::to_string(w.rows) + " x " + std::to_string(n) +
                   " cannot take " + std::to_string(x.size()) + " numbers, " + at_line(at) + "."));
  }
  for (const Value& v : x) {
    if (&v.tape(at) != &tape) refuse_two_tapes(at);
  }
  if (tape.capacity_ - tape.size_ < 2 * w.rows * n) tape.grow(2 * w.rows * n);
  if (at.file != tape.file_) tape.enter(at.file);
  tape.product_ = {Op::mul, tape.file_id_, at.line};
  tape.partial_sum_ = {Op::add, tape.file_id_, at.line};

  std::vector<Value> y(static_cast<std::size_t>(w.rows));
  const auto add_up = [&](int row, auto how_many) {
    constexpr int kRows = how_many;
    double* const data = tape.data_.get();
    Node* const node = tape.node_.get();
    const Origin* const product = &tape.product_;   // by address: its three fields move as one
    const Origin* const partial_sum = &tape.partial_sum_;
    const Value* const in = x.data();
    const int first = w.first.id() + row * n;
    double total[kRows] = {};
    int last[kRows] = {};   // the node of each partial sum; node 0 to begin with
    int id = tape.size_;
    for (int j = 0; j < n; ++j) {
      const double xj = data[in[j].id()];
      for (int k = 0; k < kRows; ++k, id += 2) {
        const int weight = first + k * n + j;
        const double wj = data[weight], term = wj * xj;
        data[id] = term;
        node[id] = {{xj, wj}, {weight, in[j].id()}, *product};
        data[id + 1] = total[k] += term;
        node[id + 1] = {{1, 1}, {last[k], id}, *partial_sum};
        last[k] = id + 1;
        if (kStops) on_record(tape, id), on_record(tape, id + 1);
      }
    }
    for (int k = 0; k < kRows; ++k) y[static_cast<std::size_t>(row + k)] = tape.at(last[k]);
    tape.size_ = id;
  };
  int row = 0;
  for (; row + 2 <= w.rows; row += 2) add_up(row, std::integral_constant<int, 2>());
  if (row < w.rows) add_up(row, std::integral_constant<int, 1>());
  return y;
}

}   // namespace glass::scalar
