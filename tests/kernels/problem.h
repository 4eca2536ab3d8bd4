// The parity harness, part one: what a case is. A Problem names a kernel, the shapes and layouts of its operands and how
// far from the reference a result may be; everything that runs it (parity_test, threads_test) reads the same table.
// A new kernel brings one row to tables.h and some problems; no test code.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/backend.h"

namespace glass::test {

using Shape = std::vector<std::int64_t>;

constexpr double kU =
    1.0 / (1 << 24);   // the unit roundoff of f32: a rounded result is off by at most kU * |result|

// How the elements of a shape lie in memory.
enum class Layout {
  contiguous,
  padded,             // rows are further apart than they are long
  stepped,            // every second element of the last axis
  transposed,         // the last two axes have changed places
  permuted,           // (..,a,b,c) stored as (..,b,a,c), as attention sees its heads
  narrowed,           // a part of something transposed
  repeated_rows,      // stride 0 on every axis but the last
  repeated_columns,   // stride 0 on the last axis
  repeated_inside,    // stride 0 on the last axis but one
};
const char* to_string(Layout);
bool repeats(Layout);   // some axis has stride 0: nothing may be written there

// The layout that `wanted` amounts to for this shape: a row that is transposed is still contiguous.
Layout realized(Layout wanted, const Shape& shape);

// A view of `shape` in that layout, whose data is the offset (in elements) within `storage` elements.
struct Placement {
  View view;
  std::int64_t offset, storage;
};
Placement place(DType dtype, const Shape& shape, Layout layout);

enum class Role {
  in,
  out,
  into,
  update,
  none
};   // update: read and overwritten; none: an operand that is not there
enum class Mode { write, add, skip };   // what an Into asks for; skip: nobody wants it
enum class Draw {
  bell,       // around 0, within 3
  positive,   // 0.05 to 4
  wide,       // magnitudes 2^-20 to 2^20, either sign
  extreme,    // NaN, infinities, both zeros, denormals, the largest numbers, a few ordinary ones
  special,    // bell, and now and then a NaN, an infinity, a zero of either sign or a denormal
  logits,     // within 15
  ids,        // integers below the operand's limit
  integers,   // any 32 bits
};

struct Operand {
  const char* name;
  Role role;
  Shape shape;
  Layout layout = Layout::contiguous;
  Mode mode = Mode::write;
  Draw draw = Draw::bell;
  DType dtype = DType::f32;
  std::int64_t limit = 0;
};

Operand in(const char* name, Shape shape, Layout layout = Layout::contiguous,
           Draw draw = Draw::bell);
Operand out(const char* name, Shape shape, Layout layout = Layout::contiguous);
Operand into(const char* name, Shape shape, Mode mode, Layout layout = Layout::contiguous);
Operand ids(const char* name, Shape shape, std::int64_t limit, Layout layout = Layout::contiguous);
Operand update(const char* name, Shape shape, Draw draw = Draw::bell);
Operand none(const char* name);
bool is_result(const Operand&);
Operand integers(Operand);   // the same operand in i32

// The operands as a backend gets them, in the problem's order.
struct Args {
  std::vector<View> views;
  std::vector<Mode> modes;
  View operator[](int i) const { return views[static_cast<std::size_t>(i)]; }
  Into into(int i) const {
    return {views[static_cast<std::size_t>(i)], modes[static_cast<std::size_t>(i)] == Mode::add};
  }
};

// The same operands as plain numbers in the order of their indices: inputs as drawn, results as the reference says.
struct Values {
  std::vector<std::vector<double>> of;
  const Values* before = nullptr;   // for a gate: the same operands before the kernel ran
  double pattern_error = 0;   // for a gate: what rounding the pattern of attention may cost, in kU
  std::vector<double>& operator[](int i) { return of[static_cast<std::size_t>(i)]; }
  const std::vector<double>& operator[](int i) const { return of[static_cast<std::size_t>(i)]; }
};

// How far each element of operand `output` may be from the reference. Rounding the result itself (kU * |result|) comes on
// top. What a problem without a gate computes must have the same bits as the reference in f32.
using Gate = std::function<std::vector<double>(const Values&, int output)>;

struct Problem {
  std::string kernel;
  std::string parameters;
  std::vector<Operand> operands;
  std::function<void(Backend&, const Args&)> run;
  Gate gate = nullptr;
  std::function<void(Values&)> prepare =
      nullptr;              // makes inputs that must fit each other: lse, mean, targets
  int alias = -1;           // operand 0 is written onto this input
  bool exact_add = false;   // adding, too, has the reference's bits

  std::string key()
      const;   // what makes a case distinct: kernel, shapes, layouts, types, modes, parameters
  bool empty() const;   // some operand has no elements
};

using Problems = std::vector<Problem>;

struct KernelRow {
  const char* name;
  Problems (*small)();   // many shapes and layouts
  Problems (*large)();   // few, so large that several threads share them
};

// Every kernel of Backend, one row each.
const std::vector<KernelRow>& kernel_table();

// The numbers of case `seed`, operand `operand`, as f32 values (exactly representable) or integers.
std::vector<double> draw(const Operand& operand, std::uint64_t seed, int index);

std::int64_t count(const Shape& shape);
std::string to_string(const Shape& shape);

}  // namespace glass::test
