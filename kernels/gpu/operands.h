// From the Views of a Backend to what kernels are given.
#pragma once
#include <initializer_list>

#include "kernels/backend.h"
#include "kernels/gpu/device.h"
#include "kernels/gpu/language/gpu.h"
#include "kernels/gpu/language/philox.h"
#include "kernels/gpu/rows.h"

namespace glass {
namespace gpu {

// A view and the argument that becomes of it.
struct Operand {
  Array* array;
  const View& view;
};

// All operands of one shape, walked together: axes of size 1 are left out, and two axes become one
// wherever every operand allows it, so what is contiguous has one axis. Sizes or strides beyond 32
// bits are refused.
Walk walk(const char* op, std::initializer_list<Operand> operands);

// The same for operands that share all axes but the last; the last one is a row.
struct RowOperand {
  Rows* rows;
  const View& view;
};
Walk walk_rows(const char* op, std::initializer_list<RowOperand> operands);

// Makes divisions by the sizes of a walk products (see Walk), where one is put together by hand.
void prepare_divisions(Walk& walk);

// One operand as it is, axis by axis.
Array array_of(const char* op, const View&);

// How many groups take `count` elements, so many each.
unsigned groups_for(std::uint64_t count, unsigned each);

std::int64_t count(const View&);
bool is_contiguous(const View&);
uint row_length(const View&);   // the last axis; a scalar is a row of one

// Refuses what no GPU kernel computes in.
[[noreturn]] void refuse(const char* op, const char* what);
void require(bool holds, const char* op, const char* what);
void require_floats(const char* op, std::initializer_list<const View*> views);

}   // namespace gpu
}   // namespace glass
