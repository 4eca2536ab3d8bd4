// From a name known at run time (Unary::gelu) to a formula known at compile time (formulas::gelu), so that a loop
// over an array chooses its formula once and not per element.
//   with_unary(f, [&](auto tag) { for (...) y[i] = unary<tag.value>(x[i]); });
#pragma once
#include "kernels/backend.h"
#include "kernels/formulas.h"

namespace glass {

// The lists have the enumerations' order.
#define GLASS_FORMULA(name, number) static_assert(static_cast<int>(Unary::name) == number);
#include "kernels/unary_list.h"
#undef GLASS_FORMULA
#define GLASS_FORMULA(name, number) static_assert(static_cast<int>(Binary::name) == number);
#include "kernels/binary_list.h"
#undef GLASS_FORMULA

template <Unary f, class T> GLASS_FN T unary(T x) {
#define GLASS_FORMULA(name, number) if constexpr (f == Unary::name) return formulas::name(x);
#include "kernels/unary_list.h"
#undef GLASS_FORMULA
}

template <Unary f, class T> GLASS_FN T unary_slope(T x) {
#define GLASS_FORMULA(name, number) if constexpr (f == Unary::name) return formulas::name##_slope(x);
#include "kernels/unary_list.h"
#undef GLASS_FORMULA
}

template <Binary f, class T> GLASS_FN T binary(T a, T b) {
#define GLASS_FORMULA(name, number) if constexpr (f == Binary::name) return formulas::name(a, b);
#include "kernels/binary_list.h"
#undef GLASS_FORMULA
}

template <auto v> struct Tag { static constexpr auto value = v; };

// Calls body(Tag<f>{}) for the f at hand.
template <class Body> GLASS_FN void with_unary(Unary f, const Body& body) {
  switch (f) {
#define GLASS_FORMULA(name, number) case Unary::name: return body(Tag<Unary::name>{});
#include "kernels/unary_list.h"
#undef GLASS_FORMULA
  }
}

template <class Body> GLASS_FN void with_binary(Binary f, const Body& body) {
  switch (f) {
#define GLASS_FORMULA(name, number) case Binary::name: return body(Tag<Binary::name>{});
#include "kernels/binary_list.h"
#undef GLASS_FORMULA
  }
}

}  // namespace glass
