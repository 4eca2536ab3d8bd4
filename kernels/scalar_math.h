// The mathematics that kernels/formulas.h asks of a machine, for one float or one double: the C library's.
// A vector type brings the same names for itself (found by argument-dependent lookup), a GPU language its own.
#pragma once

#ifndef GLASS_FN
// Always inlined: the formulas are compiled once per instruction set, and a shared copy that the linker may pick
// from any of them must not exist.
#define GLASS_FN [[gnu::always_inline]] inline
#endif

namespace glass {

// The normal distribution at x: how much of it lies below, Phi(x), and its bell curve, exp(-x^2/2).
template <class T> struct Normal { T below, bell; };

// clang-format off
GLASS_FN float  g_exp(float x)    { return __builtin_expf(x); }
GLASS_FN double g_exp(double x)   { return __builtin_exp(x); }
GLASS_FN float  g_log(float x)    { return __builtin_logf(x); }
GLASS_FN double g_log(double x)   { return __builtin_log(x); }
GLASS_FN float  g_sqrt(float x)   { return __builtin_sqrtf(x); }
GLASS_FN double g_sqrt(double x)  { return __builtin_sqrt(x); }
GLASS_FN float  g_rsqrt(float x)  { return 1.0f / __builtin_sqrtf(x); }
GLASS_FN double g_rsqrt(double x) { return 1.0 / __builtin_sqrt(x); }
GLASS_FN float  g_sin(float x)    { return __builtin_sinf(x); }
GLASS_FN double g_sin(double x)   { return __builtin_sin(x); }
GLASS_FN float  g_cos(float x)    { return __builtin_cosf(x); }
GLASS_FN double g_cos(double x)   { return __builtin_cos(x); }
GLASS_FN float  g_tanh(float x)   { return __builtin_tanhf(x); }
GLASS_FN double g_tanh(double x)  { return __builtin_tanh(x); }
GLASS_FN float  g_erf(float x)    { return __builtin_erff(x); }
GLASS_FN double g_erf(double x)   { return __builtin_erf(x); }
GLASS_FN float  g_abs(float x)    { return __builtin_fabsf(x); }
GLASS_FN double g_abs(double x)   { return __builtin_fabs(x); }

// erfc and not 1 + erf: the left tail keeps its digits.
GLASS_FN Normal<float>  g_normal(float x)  { return {0.5f * __builtin_erfcf(-0.70710678f * x), __builtin_expf(-0.5f * (x * x))}; }
GLASS_FN Normal<double> g_normal(double x) { return {0.5 * __builtin_erfc(-0.7071067811865476 * x), __builtin_exp(-0.5 * (x * x))}; }

GLASS_FN float  g_max(float a, float b)   { return a > b ? a : b; }
GLASS_FN double g_max(double a, double b) { return a > b ? a : b; }
GLASS_FN float  g_min(float a, float b)   { return a < b ? a : b; }
GLASS_FN double g_min(double a, double b) { return a < b ? a : b; }

GLASS_FN float  g_select(bool yes, float a, float b)   { return yes ? a : b; }
GLASS_FN double g_select(bool yes, double a, double b) { return yes ? a : b; }
// clang-format on

}  // namespace glass
