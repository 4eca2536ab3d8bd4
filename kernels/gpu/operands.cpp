#include "kernels/gpu/operands.h"

#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace glass {
namespace gpu {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();

// The last element that a view reaches, counted from its first, must have a number of 32 bits.
void require_reach(const char* op, const View& v) {
  std::int64_t reach = 0;
  for (int i = 0; i < v.rank; ++i) {
    require(v.stride[i] >= 0, op, "strides must not be negative");
    if (v.shape[i] > 1) reach += (v.shape[i] - 1) * v.stride[i];
    require(v.shape[i] <= kMost && reach <= kMost, op, "an operand spans more than 2^32 elements");
  }
}

}   // namespace

void refuse(const char* op, const char* what) {
  throw std::invalid_argument(std::string("gpu: ") + op + ": " + what);
}
void require(bool holds, const char* op, const char* what) {
  if (!holds) refuse(op, what);
}
void require_floats(const char* op, std::initializer_list<const View*> views) {
  for (const View* v : views)
    require(!v->data || v->dtype == DType::f32 || v->dtype == DType::bf16, op,
            "numbers must be f32 or bf16");
}

std::int64_t count(const View& v) {
  std::int64_t n = 1;
  for (int i = 0; i < v.rank; ++i) n *= v.shape[i];
  return n;
}

bool is_contiguous(const View& v) {
  std::int64_t stride = 1;
  for (int i = v.rank; i-- > 0; stride *= v.shape[i])
    if (v.shape[i] != 1 && v.stride[i] != stride) return false;
  return true;
}

uint row_length(const View& v) { return v.rank > 0 ? static_cast<uint>(v.shape[v.rank - 1]) : 1; }

Array array_of(const char* op, const View& v) {
  Array a = {};
  if (!v.data) return a;
  require_reach(op, v);
  a.data = v.data;
  a.type = static_cast<uint>(v.dtype);
  for (int i = 0; i < v.rank; ++i) a.stride[i] = static_cast<uint>(v.stride[i]);
  return a;
}

void prepare_divisions(Walk& w) {
  for (uint axis = 1; axis < w.rank; ++axis) {
    const std::uint64_t d = w.size[axis], one = 1;
    uint shift = 0;
    while (one << shift < d) ++shift;
    w.shift[axis] = shift;
    w.magic[axis] = d ? static_cast<uint>((((one << shift) - d) << 32) / d + 1) : 0;
  }
}

namespace {

// Walks the first `axes` axes.
Walk walk_axes(const char* op, int axes, const std::vector<Operand>& operands) {
  const View& first = operands.front().view;
  std::int64_t n = 1;
  for (int i = 0; i < axes; ++i) n *= first.shape[i];
  require(n <= kMost, op, "more than 2^32 elements");

  Walk w = {};
  w.count = static_cast<uint>(n);
  for (const Operand& o : operands) *o.array = array_of(op, o.view);
  for (int axis = 0; axis < axes; ++axis) {
    const uint size = static_cast<uint>(first.shape[axis]);
    if (size == 1) continue;
    bool joins = w.rank > 0;   // the axis continues the one before
    for (const Operand& o : operands)
      joins = joins &&
              o.array->stride[w.rank - 1] == static_cast<std::uint64_t>(o.view.stride[axis]) * size;
    if (!joins) ++w.rank;
    w.size[w.rank - 1] = joins ? w.size[w.rank - 1] * size : size;
    for (const Operand& o : operands)
      o.array->stride[w.rank - 1] = static_cast<uint>(o.view.stride[axis]);
  }
  if (w.rank == 0) {   // a single element
    w.rank = 1;
    w.size[0] = 1;
    for (const Operand& o : operands) o.array->stride[0] = 0;
  }
  prepare_divisions(w);
  return w;
}

void require_same_axes(const char* op, int axes, const View& a, const View& b) {
  require(a.rank == b.rank, op, "operands must have one shape");
  for (int i = 0; i < axes; ++i)
    require(a.shape[i] == b.shape[i], op, "operands must have one shape");
}

}   // namespace

namespace {

// Whether every four elements of the walk, from each fourth on, are neighbours in an operand and
// begin at a multiple of their size.
bool goes_in_fours(const Walk& w, const Array& a) {
  const uint last = w.rank - 1;
  const std::uintptr_t bytes = a.type == kBF16 ? 8 : 16;
  if (a.type == kI32 || a.stride[last] != 1 ||
      reinterpret_cast<std::uintptr_t>(a.data) % bytes != 0)
    return false;
  for (uint axis = 0; axis < last; ++axis)
    if (a.stride[axis] % 4 != 0) return false;
  return w.rank == 1 || w.size[last] % 4 == 0;
}

}   // namespace

Walk walk(const char* op, std::initializer_list<Operand> operands) {
  const View& first = operands.begin()->view;
  for (const Operand& o : operands) require_same_axes(op, first.rank, first, o.view);
  Walk w = walk_axes(op, first.rank, operands);
  w.fours = 1;
  for (const Operand& o : operands) w.fours = w.fours && goes_in_fours(w, *o.array);
  return w;
}

Walk walk_rows(const char* op, std::initializer_list<RowOperand> operands) {
  const View& first = operands.begin()->view;
  std::vector<Operand> arrays;
  for (const RowOperand& o : operands) {
    require_same_axes(op, first.rank - 1, first, o.view);
    const int last = o.view.rank - 1;
    o.rows->column = last >= 0 ? static_cast<uint>(o.view.stride[last]) : 0;
    arrays.push_back({&o.rows->array, o.view});
  }
  return walk_axes(op, first.rank > 0 ? first.rank - 1 : 0, arrays);
}

unsigned groups_for(std::uint64_t count, unsigned each) {
  return static_cast<unsigned>((count + each - 1) / each);
}

}   // namespace gpu
}   // namespace glass
