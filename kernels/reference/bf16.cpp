// bf16 in the reference: what a number is, how one is rounded, and copies in double for kernels
// that are given some.
#include <exception>

#include "kernels/reference/loops.h"
#include "kernels/bits.h"

namespace glass::reference {

double widened(bf16 x) { return bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16); }

bf16 rounded(double x) {
  if (std::isnan(x)) return {0x7FC0};
  // Towards zero first, with a lowest bit that says whether anything was lost: the second rounding
  // then decides as if it saw all of x.
  float f = static_cast<float>(x);
  if (std::fabs(static_cast<double>(f)) > std::fabs(x)) f = std::nextafter(f, 0.0f);
  std::uint32_t bits = bit_cast<std::uint32_t>(f);
  if (static_cast<double>(f) != x && !std::isinf(f)) bits |= 1u;
  return {static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16)};
}

namespace {

double number(const View& v, std::int64_t n) {
  switch (v.dtype) {
    case DType::f32:
      return static_cast<double>(at<float>(v, n));
    case DType::f64:
      return at<double>(v, n);
    case DType::bf16:
      return widened(at<bf16>(v, n));
    case DType::i32:
      return at<std::int32_t>(v, n);
  }
  return 0;
}

}   // namespace

View Doubles::copy(const View& v, bool reads, bool goes_back) {
  if (!v.data) return v;
  if (v.dtype == DType::f64) throw std::invalid_argument("reference: f64 and bf16 do not mix");
  Copy& c = copies_.emplace_back(Copy{v, {}, goes_back});
  c.numbers.resize(static_cast<std::size_t>(count(v)) + 1);   // an address also for nothing
  for (std::int64_t n = 0; reads && n < count(v); ++n)
    c.numbers[static_cast<std::size_t>(n)] = number(v, n);
  View y = v;
  y.data = reinterpret_cast<std::byte*>(c.numbers.data());
  y.dtype = DType::f64;
  std::int64_t stride = 1;
  for (int i = v.rank - 1; i >= 0; --i) y.stride[i] = stride, stride *= v.shape[i];
  return y;
}

View Doubles::in(const View& v) { return copy(v, true, false); }
View Doubles::out(const View& v) { return copy(v, false, true); }
Into Doubles::into(const Into& into) { return {copy(into.view, into.add, true), into.add}; }

Doubles::~Doubles() {
  if (std::uncaught_exceptions() > 0) return;   // the kernel refused: nothing is written
  for (const Copy& c : copies_) {
    for (std::int64_t n = 0; c.goes_back && n < count(c.original); ++n) {
      const double value = c.numbers[static_cast<std::size_t>(n)];
      if (c.original.dtype == DType::bf16) at<bf16>(c.original, n) = rounded(value);
      else at<float>(c.original, n) = static_cast<float>(value);
    }
  }
}

}   // namespace glass::reference
