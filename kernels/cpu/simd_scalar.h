// One lane: the SIMD vocabulary on any machine. It is also the fallback where no vector unit is
// known, and what memory checkers run that do not know the newest instructions.
#pragma once
#include "kernels/cpu/simd.h"

namespace glass::GLASS_ISA {

constexpr int kLanes = 1;
struct Vec {
  float v;
  Vec() = default;
  [[gnu::always_inline]] Vec(float x) : v(x) {}
  // A constant of kernels/formulas.h.
  [[gnu::always_inline]] explicit Vec(double c) : v(static_cast<float>(c)) {}
};
struct IVec {
  std::uint32_t v;
};
struct Mask {
  bool v;
};

GLASS_SIMD Vec splat(float x) { return {x}; }
GLASS_SIMD IVec isplat(std::uint32_t x) { return {x}; }
GLASS_SIMD IVec iota() { return {0}; }
GLASS_SIMD Mask first(int n) { return {n > 0}; }

GLASS_SIMD Vec load(const float* p) { return {*p}; }
GLASS_SIMD void store(float* p, Vec a) { *p = a.v; }
GLASS_SIMD Vec load_first(const float* p, int n) { return {n > 0 ? *p : 0.0f}; }
GLASS_SIMD void store_first(float* p, Vec a, int n) {
  if (n > 0) *p = a.v;
}
GLASS_SIMD Vec load_bf16(const std::uint16_t* p) {
  return {__builtin_bit_cast(float, static_cast<std::uint32_t>(*p) << 16)};
}
GLASS_SIMD void store_bf16(std::uint16_t* p, Vec a) {
  const std::uint32_t x = __builtin_bit_cast(std::uint32_t, a.v);
  *p = static_cast<std::uint16_t>(a.v != a.v ? (x >> 16) | 0x40u
                                             : (x + 0x7FFFu + ((x >> 16) & 1u)) >> 16);
}
GLASS_SIMD Vec load_bf16_first(const std::uint16_t* p, int n) {
  return n > 0 ? load_bf16(p) : Vec(0.0f);
}
GLASS_SIMD void store_bf16_first(std::uint16_t* p, Vec a, int n) {
  if (n > 0) store_bf16(p, a);
}
GLASS_SIMD IVec iload(const std::uint32_t* p) { return {*p}; }
GLASS_SIMD void istore(std::uint32_t* p, IVec a) { *p = a.v; }

GLASS_SIMD IVec bits(Vec a) { return {__builtin_bit_cast(std::uint32_t, a.v)}; }
GLASS_SIMD Vec as_float(IVec a) { return {__builtin_bit_cast(float, a.v)}; }

GLASS_SIMD Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
GLASS_SIMD Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
GLASS_SIMD Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
GLASS_SIMD Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
GLASS_SIMD Vec fma(Vec a, Vec b, Vec c) { return {a.v * b.v + c.v}; }
GLASS_SIMD Vec sqrt(Vec a) { return {__builtin_sqrtf(a.v)}; }
GLASS_SIMD Vec max_fast(Vec a, Vec b) { return {a.v > b.v ? a.v : b.v}; }
GLASS_SIMD Vec min_fast(Vec a, Vec b) { return {a.v < b.v ? a.v : b.v}; }
// To the nearest integer, ties to even, for |a| < 2^22.
GLASS_SIMD Vec round(Vec a) {
  const float magic = 12582912.0f;
  return {(a.v + magic) - magic};
}

GLASS_SIMD Mask operator<(Vec a, Vec b) { return {a.v < b.v}; }
GLASS_SIMD Mask operator<=(Vec a, Vec b) { return {a.v <= b.v}; }
GLASS_SIMD Mask operator==(Vec a, Vec b) { return {a.v == b.v}; }
GLASS_SIMD Mask operator!=(Vec a, Vec b) { return {a.v != b.v}; }
GLASS_SIMD Mask operator&(Mask a, Mask b) { return {a.v && b.v}; }
GLASS_SIMD Mask operator|(Mask a, Mask b) { return {a.v || b.v}; }
GLASS_SIMD bool any(Mask m) { return m.v; }
GLASS_SIMD Vec select(Mask m, Vec yes, Vec no) { return m.v ? yes : no; }

GLASS_SIMD IVec operator+(IVec a, IVec b) { return {a.v + b.v}; }
GLASS_SIMD IVec operator-(IVec a, IVec b) { return {a.v - b.v}; }
GLASS_SIMD IVec operator&(IVec a, IVec b) { return {a.v & b.v}; }
GLASS_SIMD IVec operator|(IVec a, IVec b) { return {a.v | b.v}; }
GLASS_SIMD IVec operator^(IVec a, IVec b) { return {a.v ^ b.v}; }
template <int k>
GLASS_SIMD IVec shift_left(IVec a) {
  return {a.v << k};
}
template <int k>
GLASS_SIMD IVec shift_right(IVec a) {
  return {a.v >> k};
}   // zeros come in
GLASS_SIMD IVec dot_pairs(IVec a, IVec b) {
  const auto half = [](std::uint32_t x) { return static_cast<std::int32_t>(static_cast<std::int16_t>(x)); };
  return {static_cast<std::uint32_t>(half(a.v) * half(b.v) + half(a.v >> 16) * half(b.v >> 16))};
}
GLASS_SIMD Mask equal(IVec a, IVec b) { return {a.v == b.v}; }
GLASS_SIMD Mask at_least(IVec a, IVec b) { return {a.v >= b.v}; }   // unsigned
GLASS_SIMD IVec to_int(Vec a) {
  return {static_cast<std::uint32_t>(static_cast<std::int32_t>(a.v))};
}
GLASS_SIMD Vec to_float(IVec a) { return {static_cast<float>(static_cast<std::int32_t>(a.v))}; }
// The 64-bit products of unsigned lanes, as their upper and lower halves.
GLASS_SIMD void multiply_wide(IVec a, IVec b, IVec& high, IVec& low) {
  const std::uint64_t product = std::uint64_t{a.v} * b.v;
  high = {static_cast<std::uint32_t>(product >> 32)};
  low = {static_cast<std::uint32_t>(product)};
}
// Writes a0 b0 c0 d0 a1 b1 c1 d1 ... : 4 kLanes integers.
GLASS_SIMD void store_interleaved(std::uint32_t* p, IVec a, IVec b, IVec c, IVec d) {
  p[0] = a.v, p[1] = b.v, p[2] = c.v, p[3] = d.v;
}

// p 2^n for an integer n in [-150, 128], rounded once also where the result is subnormal: two
// factors that are not.
GLASS_SIMD Vec times_power_of_two(Vec p, Vec n) {
  // An integer k + 127 beside 1.5 2^23 sits in the lowest bits of the sum: shifted to the exponent
  // it reads 2^k.
  const Vec beside = splat(12582912.0f + 127.0f);
  const Vec half = fma(n, splat(0.5f), beside), rest = n - (half - beside) + beside;
  return p * as_float(shift_left<23>(bits(half))) * as_float(shift_left<23>(bits(rest)));
}

GLASS_SIMD float sum(Vec a) { return a.v; }
GLASS_SIMD float first_lane(Vec a) { return a.v; }
GLASS_SIMD float max_of(Vec a) { return a.v; }

}   // namespace glass::GLASS_ISA
