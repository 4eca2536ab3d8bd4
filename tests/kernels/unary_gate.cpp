// How exact each elementwise formula must be in f32. u is the unit roundoff, an ulp between u and 2u of the number.
#include <cmath>

#include "kernels/dispatch.h"
#include "tests/kernels/tables.h"

namespace glass::test {

double ulp(double y) {
  y = std::fabs(y);
  if (!(y > 0x1p-126)) return 0x1p-149;   // also NaN
  if (y > 3.4e38) return 0x1p104;
  return std::ldexp(1.0, std::ilogb(y) - 23);
}

bool is_exact(Unary f) {
  switch (f) {
    case Unary::neg:
    case Unary::abs:
    case Unary::relu:
    case Unary::relu2:
    case Unary::square:
    case Unary::sqrt:
    case Unary::reciprocal: return true;
    default: return false;
  }
}

bool slope_is_exact(Unary f) {   // dy times the slope is then one rounding too
  switch (f) {
    case Unary::neg:
    case Unary::abs:
    case Unary::relu:
    case Unary::relu2:
    case Unary::square: return true;
    default: return false;
  }
}

Draw domain(Unary f) {
  return f == Unary::log || f == Unary::sqrt || f == Unary::rsqrt ? Draw::positive : Draw::bell;
}

namespace {

constexpr double kSmallest = 0x1p-149;   // the distance between denormals
constexpr double kElementaryUlps =
    4;   // exp, log, tanh, erf, sigmoid, ...: the promise of the vector functions

double finite(double x) { return std::isfinite(x) ? x : 0; }
double bounded(double x) { return std::isnan(x) ? 0 : x > 800 ? 800 : x < -800 ? -800 : x; }

}  // namespace

double allowed_value(Unary f, double x) {
  const double c = bounded(x);
  switch (f) {
    // A sigmoid, and a product. Below -87 the sigmoid is a denormal, whose few digits the product enlarges.
    case Unary::silu: return 5 * ulp(formulas::silu(c)) + 4 * kSmallest * std::fabs(c);
    case Unary::gelu: {
      // x sigmoid(z): besides the sigmoid's own error, that of z (four roundings) reaches the result times its slope.
      const double z = formulas::gelu_z(c);
      return 5 * ulp(formulas::gelu(c)) + 4 * kSmallest * std::fabs(c) +
             std::fabs(c * finite(formulas::sigmoid_slope(z)) * z) * 4 * kU;
    }
    // On the left tail exp(-x^2/2): the rounding of x^2 is x^2 roundings of the result, also there.
    case Unary::gelu_erf:
      return (6 + c * c) * ulp(formulas::gelu_erf(c)) + 4 * kSmallest * std::fabs(c);
    default: break;
  }
  if (is_exact(f)) return 0;
  double y = x;
  with_unary(f, [&](auto tag) { y = unary<decltype(tag)::value>(x); });
  return kElementaryUlps * ulp(y);
}

double slope_of(Unary f, double x) {
  double slope = 0;
  with_unary(f, [&](auto tag) { slope = unary_slope<decltype(tag)::value>(x); });
  return slope;
}

double allowed_slope(Unary f, double x) {
  if (slope_is_exact(f)) return 0;
  const double c = bounded(x), slope = slope_of(f, x);
  switch (f) {
    case Unary::reciprocal: return 3 * ulp(slope);
    case Unary::rsqrt: return 8 * ulp(slope);   // a product and a quotient on top of rsqrt
    case Unary::sqrt:
    case Unary::log: return 2 * ulp(slope);
    case Unary::tanh:
      return 2 * kElementaryUlps * 2 * kU;   // 1 - t^2 near t = 1: the error of t, twice, against 1
    case Unary::erf:
      return (6 + c * c) *
             ulp(slope);   // exp(-x^2): the rounding of x^2 is x^2 roundings of the result
    case Unary::sigmoid: return 12 * ulp(slope);   // e / (1 + e)^2: e appears three times
    case Unary::silu:
      return 2 * kU * (6 * formulas::sigmoid(c) + 13 * std::fabs(c) * formulas::sigmoid_slope(c)) +
             4 * kSmallest * (1 + std::fabs(c));
    case Unary::gelu: {
      const double z = formulas::gelu_z(c), s = finite(formulas::sigmoid_slope(z));
      const double second = std::fabs(c * s * formulas::gelu_z_slope(c));
      return 2 * kU *
             (6 * formulas::sigmoid(z) + (16 + 4 * std::fabs(z)) * second + 4 * std::fabs(z) * s);
    }
    case Unary::gelu_erf: {
      const Normal<double> normal = g_normal(c);
      const double second = 0.4 * std::fabs(c) * normal.bell;
      return 2 * kU * ((6 + c * c) * normal.below + (8 + c * c) * second) +
             4 * kSmallest * (1 + std::fabs(c));
    }
    default: return kElementaryUlps * ulp(slope);
  }
}

}  // namespace glass::test
