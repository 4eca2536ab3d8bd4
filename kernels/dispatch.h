// From a name known at run time (Unary::gelu) to a formula known at compile time (formulas::gelu), so that a loop
// over an array chooses its formula once and not per element.
//   with_unary(f, [&](auto tag) { for (...) y[i] = unary<tag.value>(x[i]); });
#pragma once
#include "kernels/backend.h"
#include "kernels/formulas.h"

namespace glass {

template <Unary f, class T> GLASS_FN T unary(T x) {
  // clang-format off
  if constexpr (f == Unary::neg)        return formulas::neg(x);
  if constexpr (f == Unary::exp)        return formulas::exp(x);
  if constexpr (f == Unary::log)        return formulas::log(x);
  if constexpr (f == Unary::sqrt)       return formulas::sqrt(x);
  if constexpr (f == Unary::rsqrt)      return formulas::rsqrt(x);
  if constexpr (f == Unary::reciprocal) return formulas::reciprocal(x);
  if constexpr (f == Unary::square)     return formulas::square(x);
  if constexpr (f == Unary::abs)        return formulas::abs(x);
  if constexpr (f == Unary::sin)        return formulas::sin(x);
  if constexpr (f == Unary::cos)        return formulas::cos(x);
  if constexpr (f == Unary::tanh)       return formulas::tanh(x);
  if constexpr (f == Unary::erf)        return formulas::erf(x);
  if constexpr (f == Unary::sigmoid)    return formulas::sigmoid(x);
  if constexpr (f == Unary::relu)       return formulas::relu(x);
  if constexpr (f == Unary::relu2)      return formulas::relu2(x);
  if constexpr (f == Unary::silu)       return formulas::silu(x);
  if constexpr (f == Unary::gelu)       return formulas::gelu(x);
  if constexpr (f == Unary::gelu_erf)   return formulas::gelu_erf(x);
  // clang-format on
}

template <Unary f, class T> GLASS_FN T unary_slope(T x) {
  // clang-format off
  if constexpr (f == Unary::neg)        return formulas::neg_slope(x);
  if constexpr (f == Unary::exp)        return formulas::exp_slope(x);
  if constexpr (f == Unary::log)        return formulas::log_slope(x);
  if constexpr (f == Unary::sqrt)       return formulas::sqrt_slope(x);
  if constexpr (f == Unary::rsqrt)      return formulas::rsqrt_slope(x);
  if constexpr (f == Unary::reciprocal) return formulas::reciprocal_slope(x);
  if constexpr (f == Unary::square)     return formulas::square_slope(x);
  if constexpr (f == Unary::abs)        return formulas::abs_slope(x);
  if constexpr (f == Unary::sin)        return formulas::sin_slope(x);
  if constexpr (f == Unary::cos)        return formulas::cos_slope(x);
  if constexpr (f == Unary::tanh)       return formulas::tanh_slope(x);
  if constexpr (f == Unary::erf)        return formulas::erf_slope(x);
  if constexpr (f == Unary::sigmoid)    return formulas::sigmoid_slope(x);
  if constexpr (f == Unary::relu)       return formulas::relu_slope(x);
  if constexpr (f == Unary::relu2)      return formulas::relu2_slope(x);
  if constexpr (f == Unary::silu)       return formulas::silu_slope(x);
  if constexpr (f == Unary::gelu)       return formulas::gelu_slope(x);
  if constexpr (f == Unary::gelu_erf)   return formulas::gelu_erf_slope(x);
  // clang-format on
}

template <Binary f, class T> GLASS_FN T binary(T a, T b) {
  // clang-format off
  if constexpr (f == Binary::add)     return formulas::add(a, b);
  if constexpr (f == Binary::sub)     return formulas::sub(a, b);
  if constexpr (f == Binary::mul)     return formulas::mul(a, b);
  if constexpr (f == Binary::div)     return formulas::div(a, b);
  if constexpr (f == Binary::max)     return formulas::max(a, b);
  if constexpr (f == Binary::min)     return formulas::min(a, b);
  if constexpr (f == Binary::greater) return formulas::greater(a, b);
  if constexpr (f == Binary::equal)   return formulas::equal(a, b);
  // clang-format on
}

template <auto v> struct Tag { static constexpr auto value = v; };

// Calls body(Tag<f>{}) for the f at hand.
template <class Body> GLASS_FN void with_unary(Unary f, const Body& body) {
  switch (f) {
    // clang-format off
    case Unary::neg:        return body(Tag<Unary::neg>{});
    case Unary::exp:        return body(Tag<Unary::exp>{});
    case Unary::log:        return body(Tag<Unary::log>{});
    case Unary::sqrt:       return body(Tag<Unary::sqrt>{});
    case Unary::rsqrt:      return body(Tag<Unary::rsqrt>{});
    case Unary::reciprocal: return body(Tag<Unary::reciprocal>{});
    case Unary::square:     return body(Tag<Unary::square>{});
    case Unary::abs:        return body(Tag<Unary::abs>{});
    case Unary::sin:        return body(Tag<Unary::sin>{});
    case Unary::cos:        return body(Tag<Unary::cos>{});
    case Unary::tanh:       return body(Tag<Unary::tanh>{});
    case Unary::erf:        return body(Tag<Unary::erf>{});
    case Unary::sigmoid:    return body(Tag<Unary::sigmoid>{});
    case Unary::relu:       return body(Tag<Unary::relu>{});
    case Unary::relu2:      return body(Tag<Unary::relu2>{});
    case Unary::silu:       return body(Tag<Unary::silu>{});
    case Unary::gelu:       return body(Tag<Unary::gelu>{});
    case Unary::gelu_erf:   return body(Tag<Unary::gelu_erf>{});
      // clang-format on
  }
}

template <class Body> GLASS_FN void with_binary(Binary f, const Body& body) {
  switch (f) {
    // clang-format off
    case Binary::add:     return body(Tag<Binary::add>{});
    case Binary::sub:     return body(Tag<Binary::sub>{});
    case Binary::mul:     return body(Tag<Binary::mul>{});
    case Binary::div:     return body(Tag<Binary::div>{});
    case Binary::max:     return body(Tag<Binary::max>{});
    case Binary::min:     return body(Tag<Binary::min>{});
    case Binary::greater: return body(Tag<Binary::greater>{});
    case Binary::equal:   return body(Tag<Binary::equal>{});
      // clang-format on
  }
}

}  // namespace glass
