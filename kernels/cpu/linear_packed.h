// A product with a packed weight (kernels/packed.h) as the files of
// kernels/cpu/isa/linear_packed*.cpp see it: a few rows, where memory is the limit, and many, where
// arithmetic is.
#pragma once
#include "kernels/cpu/matmul.h"
#include "kernels/packed.h"

namespace glass::GLASS_ISA {

static_assert(kPanel % kLanes == 0 && kPanel / 2 % kLanes == 0, "panels are whole vectors");

// y (M,N) = x (M,K) w^T + bias
struct PackedProduct {
  Index M, N, K;
  Result y;
  Operand x;   // wide: from row to row
  PackedWeight w;
  const float* bias;   // contiguous; or null
};

void multiply_packed_few(const Team& team, const PackedProduct& p);    // linear_packed.cpp
void multiply_packed_many(const Team& team, const PackedProduct& p);   // linear_packed_many.cpp
GLASS_SIMD bool is_worth_sharing(const PackedProduct& p) {
  return p.M * p.N * p.K >= kSerialWork / 2;
}

GLASS_SIMD Index panels_of(const PackedProduct& p) { return (p.N + kPanel - 1) / kPanel; }
GLASS_SIMD const std::uint32_t* panel_of(const PackedProduct& p, Index panel) {
  return reinterpret_cast<const std::uint32_t*>(p.w.data + panel * panel_bytes(p.w.type, p.K));
}

constexpr std::uint32_t kUpperHalf = 0xFFFF0000u;
GLASS_SIMD Vec lower_bf16(IVec words) { return as_float(shift_left<16>(words)); }
GLASS_SIMD Vec upper_bf16(IVec words) { return as_float(words & isplat(kUpperHalf)); }

// The steps of outputs j .. j + kLanes - 1 of a panel.
GLASS_SIMD Vec steps_at(const std::uint32_t* group, int j) {
  return j < kPanel / 2 ? lower_bf16(iload(group + j)) : upper_bf16(iload(group + j - kPanel / 2));
}

// The first `lanes` of v to (row, column ..) of a result, rounded if that is bf16.
template <class Number>
GLASS_SIMD void put_lanes(Number* to, Index stride, Vec v, int lanes) {
  stride == 1 ? store_first(to, v, lanes) : store_strided_first(to, stride, v, lanes);
}
GLASS_SIMD void put_lanes(const Result& y, Index row, Index column, Vec v, int lanes) {
  const Result to = moved(y, row, column);
  to.half ? put_lanes(numbers<std::uint16_t>(to), to.column, v, lanes)
          : put_lanes(numbers<float>(to), to.column, v, lanes);
}

}   // namespace glass::GLASS_ISA
