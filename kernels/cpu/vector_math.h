// exp, log, tanh, erf, sin and cos of kLanes floats, written once over the SIMD vocabulary, at most
// 4 units in the last place from the truth for every float there is; and the g_ names that
// kernels/formulas.h asks of a number type.
//
// The pattern is always the same: bring the argument into a small interval by an identity, evaluate
// a polynomial that is as good as its degree allows there (fit_vector_math.py derives the
// coefficients), undo the identity. Nothing here needs a fused multiply-add to be right; where the
// machine has one it is merely faster and a little more exact.
#pragma once
#include "kernels/cpu/simd.h"
#include "kernels/scalar_math.h"

namespace glass::GLASS_ISA {

// c[0] + c[1] x + c[2] x^2 + ...
template <int n>
GLASS_SIMD Vec polynomial(Vec x, const float (&c)[n]) {
  Vec y = splat(c[n - 1]);
  for (int k = n - 2; k >= 0; --k) y = fma(y, x, splat(c[k]));
  return y;
}

constexpr float kInfinity = __builtin_inff();
constexpr float kNaN = __builtin_nanf("");

// exp(x) = 2^n exp(r) with r = x - n ln 2, |r| <= ln(2)/2.
GLASS_SIMD Vec exp(Vec x) {
  // Beyond these the result is inf or 0 anyway. max_fast and min_fast let a NaN in their second
  // operand through.
  const Vec c = min_fast(splat(89.0f), max_fast(splat(-104.0f), x));
  const Vec n = round(c * splat(1.442695041f));
  // ln 2 in two parts; the first has 9 bits, so that n times it is exact.
  const Vec r = fma(n, splat(0.00021219444f), fma(n, splat(-0.6933594f), c));
  const float p[] = {0.49999994f, 0.16666521f, 0.04166839f, 0.008368717f, 0.0013814599f};
  return times_power_of_two(fma(r * r, polynomial(r, p), r) + splat(1.0f), n);
}

// 2^x = 2^n 2^r with r = x - n, |r| <= 1/2, for x up to 127: two thirds of the work of exp. Whoever
// takes many exponentials of differences scales them by log2(e) once and for all.
GLASS_SIMD Vec exp2(Vec x) {
  const Vec c = max_fast(splat(-150.0f), x), n = round(c), r = c - n;   // a NaN comes through
  const float p[] = {0.6931472f,   0.24022648f,  0.055503324f,
                     0.009618438f, 0.0013398888f, 0.00015353352f};
  return times_power_of_two(fma(r, polynomial(r, p), splat(1.0f)), n);
}

// log(x) = e ln 2 + log(m) with m in [sqrt(1/2), sqrt(2)], and log(1 + f) = 2 atanh(f / (2 + f)).
GLASS_SIMD Vec log(Vec x) {
  const Mask subnormal = x < splat(1.17549435e-38f);
  const IVec shifted =
      bits(select(subnormal, x * splat(16777216.0f), x)) + isplat(0x3F800000u - 0x3F3504F3u);
  const Vec exponent =
      to_float(shift_right<23>(shifted)) - select(subnormal, splat(127.0f + 24.0f), splat(127.0f));
  const Vec f = as_float((shifted & isplat(0x007FFFFFu)) + isplat(0x3F3504F3u)) - splat(1.0f);
  // 2 atanh(s) = 2 s + s z P(z); written as f - (f^2/2 - s (f^2/2 + z P(z))) it keeps the leading
  // term f exact.
  const Vec s = f / (f + splat(2.0f)), z = s * s;
  const float p[] = {0.66666776f, 0.39977536f, 0.29871863f};
  const Vec half = splat(0.5f) * f * f, tail = s * (half + z * polynomial(z, p));
  const Vec y =
      fma(exponent, splat(0.6933594f), f - (half - fma(exponent, splat(-0.00021219444f), tail)));
  const Vec positive = select(x == splat(kInfinity), x, y);
  return select(x > zero(), positive, select(x == zero(), splat(-kInfinity), splat(kNaN)));
}

// tanh(x) = x + x^3 P(x^2) near 0, 1 - 2 / (exp(2x) + 1) elsewhere; an odd function, so |x| does.
GLASS_SIMD Vec tanh(Vec x) {
  const Vec a = abs(x), z = a * a;
  const float p[] = {-0.3333328f, 0.13331442f, -0.053739715f, 0.020639088f, -0.005704987f};
  const Vec near = fma(a * z, polynomial(z, p), a);
  const Vec far = splat(1.0f) - splat(2.0f) / (exp(a + a) + splat(1.0f));
  return copysign(select(a < splat(0.625f), near, far), x);
}

// erf(x) = x P(x^2) near 0, 1 - exp(-Q(x)) elsewhere, where Q = -log(erfc) is smooth; above 3.95 it
// is 1.
GLASS_SIMD Vec erf(Vec x) {
  const Vec a = abs(x);
  const float p[] = {1.1283791f,   -0.37612498f,  0.11281846f,
                     -0.02676772f, 0.0049948306f, -0.0005999406f};
  const Vec near = a * polynomial(a * a, p);
  const float q[] = {0.00019568272f, 1.1276757f,    0.6371823f,     0.10393155f,
                     -0.022226898f,  0.0030432115f, -0.00019593662f};
  const Vec far = splat(1.0f) - exp(-polynomial(min_fast(splat(3.95f), a), q));
  return copysign(select(a < splat(0.92f), near, far), x);
}

// The normal distribution: on the left Phi(-a) = exp(-a^2/2) R(a), on the right 1 - Phi(-x). R
// falls smoothly from 1/2; q = a / (a + 3) brings all of [0, 14] into [0, 0.83]. So one exponential
// serves the bell and both tails, and the left one keeps its digits. Beyond 14.4 the bell is 0.
GLASS_SIMD Normal<Vec> normal(Vec x) {
  const Vec a = min_fast(splat(14.5f), abs(x)), q = a / (a + splat(3.0f));
  const Vec bell = exp2(a * a * splat(-0.72134752f));   // -log2(e) / 2
  const float p[] = {0.5f,         -1.1968265f,  1.0531504f,  -0.2869186f,  -0.15903541f,
                     0.063044414f, 0.007642624f, 0.08554966f, -0.09408112f, 0.02748008f};
  const Vec tail = bell * polynomial(q, p);
  return {select(zero() < x, splat(1.0f) - tail, tail), bell};
}

// sin and cos of r + n pi/2, |r| <= pi/4: one of two polynomials, perhaps negated, as n counts the
// quarter turns.
template <int quarter_turns>
GLASS_SIMD Vec turn(Vec x) {
  // pi/2 in four parts of 11 bits: n times a part is exact for |x| <= 8192, so is the difference
  // where it is small.
  const Vec n = round(x * splat(0.63661977f));
  Vec r = fma(n, splat(-1.5703125f), x);
  r = fma(n, splat(-0.0004837513f), r);
  r = fma(n, splat(-7.5495336e-08f), r);
  r = fma(n, splat(-2.563344e-12f), r);
  const Vec z = r * r;
  const float p[] = {-0.16666655f, 0.008332178f, -0.00019517235f};
  const float q[] = {0.041666646f, -0.0013887315f, 2.4433082e-05f};
  const Vec sin_r = fma(r * z, polynomial(z, p), r);
  const Vec cos_r = fma(z * z, polynomial(z, q), fma(z, splat(-0.5f), splat(1.0f)));
  const IVec turns = to_int(n) + isplat(quarter_turns);
  const Vec y = select(equal(turns & isplat(1), isplat(0)), sin_r, cos_r);
  return as_float(bits(y) ^ shift_left<30>(turns & isplat(2)));
}

// Reducing a huge angle takes more digits of pi than fit here; those rare lanes ask the C library.
GLASS_SIMD Vec sin(Vec x) {
  const Mask huge = abs(x) >= splat(8192.0f);
  if (!any(huge)) return turn<0>(x);
  float lane[kLanes];
  store(lane, x);
  for (float& value : lane) value = __builtin_sinf(value);
  return select(huge, load(lane), turn<0>(x));
}
GLASS_SIMD Vec cos(Vec x) {
  const Mask huge = abs(x) >= splat(8192.0f);
  if (!any(huge)) return turn<1>(x);
  float lane[kLanes];
  store(lane, x);
  for (float& value : lane) value = __builtin_cosf(value);
  return select(huge, load(lane), turn<1>(x));
}

// clang-format off
GLASS_SIMD Vec g_exp(Vec x)   { return exp(x); }
GLASS_SIMD Vec g_log(Vec x)   { return log(x); }
GLASS_SIMD Vec g_sqrt(Vec x)  { return sqrt(x); }
GLASS_SIMD Vec g_rsqrt(Vec x) { return splat(1.0f) / sqrt(x); }
GLASS_SIMD Vec g_sin(Vec x)   { return sin(x); }
GLASS_SIMD Vec g_cos(Vec x)   { return cos(x); }
GLASS_SIMD Vec g_tanh(Vec x)  { return tanh(x); }
GLASS_SIMD Vec g_erf(Vec x)   { return erf(x); }
GLASS_SIMD Normal<Vec> g_normal(Vec x) { return normal(x); }
GLASS_SIMD Vec g_abs(Vec x)   { return abs(x); }
GLASS_SIMD Vec g_max(Vec a, Vec b) { return max_fast(a, b); }
GLASS_SIMD Vec g_min(Vec a, Vec b) { return min_fast(a, b); }
GLASS_SIMD Vec g_select(Mask m, Vec yes, Vec no) { return select(m, yes, no); }
// clang-format on

}   // namespace glass::GLASS_ISA
