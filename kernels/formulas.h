// Every elementwise formula of the house, once: f(x) and its derivative f_slope(x). The same text serves float and
// double (reference), SIMD vectors (cpu), and later CUDA and Metal, so it stays inside what all of them compile:
// C++14, no std::, no headers of the library, nothing but values.
//
// What a number type T brings: + - * / and unary -, the comparisons < > <= >= ==, T(c) from a constant, and
//   g_exp g_log g_sqrt g_rsqrt g_sin g_cos g_tanh g_erf g_abs    of one argument
//   g_normal(x) = Normal<T>{Phi(x), exp(-x^2/2)}                 one exponential may do for both
//   g_max(a, b) = a > b ? a : b,  g_min(a, b) = a < b ? a : b    a NaN in b comes through, one in a does not
//   g_select(condition, a, b) = condition ? a : b                lane by lane; conditions are what comparisons return
//
// At a kink the slope is a subgradient: relu, relu2 and abs have slope 0 at 0. A NaN in x gives NaN; only greater and
// equal, which are truth values, say 0.
#pragma once

#ifndef GLASS_GPU_LANGUAGE   // the kernel language of GPUs brings these itself
#include "kernels/scalar_math.h"
#endif

namespace glass {
namespace formulas {

#ifdef __METAL_VERSION__
typedef float Constant;   // Metal has no double
#else
typedef double Constant;
#endif

// A constant in the type at hand. With float constants gelu would be off by 6e-9 in double.
template <class T> GLASS_FN T real(Constant c) { return T(c); }

// clang-format off
template <class T> GLASS_FN T neg(T x)               { return -x; }
template <class T> GLASS_FN T neg_slope(T)           { return real<T>(-1); }

template <class T> GLASS_FN T exp(T x)               { return g_exp(x); }
template <class T> GLASS_FN T exp_slope(T x)         { return g_exp(x); }

template <class T> GLASS_FN T log(T x)               { return g_log(x); }
template <class T> GLASS_FN T log_slope(T x)         { return real<T>(1) / x; }

template <class T> GLASS_FN T sqrt(T x)              { return g_sqrt(x); }
template <class T> GLASS_FN T sqrt_slope(T x)        { return real<T>(0.5) / g_sqrt(x); }

template <class T> GLASS_FN T rsqrt(T x)             { return g_rsqrt(x); }
template <class T> GLASS_FN T rsqrt_slope(T x)       { return real<T>(-0.5) * g_rsqrt(x) / x; }

template <class T> GLASS_FN T reciprocal(T x)        { return real<T>(1) / x; }
template <class T> GLASS_FN T reciprocal_slope(T x)  { const T r = real<T>(1) / x; return -(r * r); }

template <class T> GLASS_FN T square(T x)            { return x * x; }
template <class T> GLASS_FN T square_slope(T x)      { return x + x; }

// The last x in the slopes of abs and relu is 0 or NaN: just what belongs there.
template <class T> GLASS_FN T abs(T x)               { return g_abs(x); }
template <class T> GLASS_FN T abs_slope(T x)         { return g_select(x > real<T>(0), real<T>(1), g_select(x < real<T>(0), real<T>(-1), x)); }

template <class T> GLASS_FN T relu(T x)              { return g_max(real<T>(0), x); }
template <class T> GLASS_FN T relu_slope(T x)        { return g_select(x > real<T>(0), real<T>(1), g_select(x < real<T>(0), real<T>(0), x)); }

template <class T> GLASS_FN T relu2(T x)             { const T r = relu(x); return r * r; }
template <class T> GLASS_FN T relu2_slope(T x)       { const T r = relu(x); return r + r; }

template <class T> GLASS_FN T sin(T x)               { return g_sin(x); }
template <class T> GLASS_FN T sin_slope(T x)         { return g_cos(x); }

template <class T> GLASS_FN T cos(T x)               { return g_cos(x); }
template <class T> GLASS_FN T cos_slope(T x)         { return -g_sin(x); }

template <class T> GLASS_FN T tanh(T x)              { return g_tanh(x); }
template <class T> GLASS_FN T tanh_slope(T x)        { const T t = g_tanh(x); return real<T>(1) - t * t; }

template <class T> GLASS_FN T erf(T x)               { return g_erf(x); }
template <class T> GLASS_FN T erf_slope(T x)         { return real<T>(1.1283791670955126) * g_exp(-(x * x)); }   // 2/sqrt(pi) exp(-x^2)
// clang-format on

// sigmoid(x) = 1 / (1 + exp(-x)). Written with e = exp(-|x|) <= 1 nothing overflows, and both tails keep all their
// digits: sigmoid(-x) is e / (1 + e), not 1 - sigmoid(x).
template <class T> GLASS_FN T sigmoid(T x) {
  const T e = g_exp(-g_abs(x));
  return g_select(x >= real<T>(0), real<T>(1), e) / (real<T>(1) + e);
}
template <class T> GLASS_FN T sigmoid_slope(T x) {   // sigmoid(x) sigmoid(-x)
  const T e = g_exp(-g_abs(x)), d = real<T>(1) + e;
  return e / (d * d);
}

// exp(-800) is 0 also in double. Held above -800 (or between the two), an infinite x meets no 0 * inf.
template <class T> GLASS_FN T above(T x) { return g_max(real<T>(-800), x); }
template <class T> GLASS_FN T between(T x) { return g_max(real<T>(-800), g_min(real<T>(800), x)); }

// silu(x) = x sigmoid(x)
template <class T> GLASS_FN T silu(T x) { return above(x) * sigmoid(x); }
template <class T> GLASS_FN T silu_slope(T x) { return sigmoid(x) + between(x) * sigmoid_slope(x); }

// gelu(x) = x/2 (1 + tanh(z/2)) with z/2 = sqrt(2/pi) (x + 0.044715 x^3). Since (1 + tanh(z/2)) / 2 = sigmoid(z), one
// exponential does, and the left tail is not the difference of two numbers near 1.
template <class T> GLASS_FN T gelu_z(T x) {   // 2 sqrt(2/pi) (x + 0.044715 x^3)
  return real<T>(1.5957691216057308) * x * (real<T>(1) + real<T>(0.044715) * (x * x));
}
template <class T> GLASS_FN T gelu_z_slope(T x) {
  return real<T>(1.5957691216057308) * (real<T>(1) + real<T>(0.134145) * (x * x));
}
template <class T> GLASS_FN T gelu(T x) { return above(x) * sigmoid(gelu_z(x)); }
template <class T> GLASS_FN T gelu_slope(T x) {
  const T c = between(x), z = gelu_z(c);
  return sigmoid(z) + c * sigmoid_slope(z) * gelu_z_slope(c);
}

// gelu_erf(x) = x Phi(x), where Phi(x) = (1 + erf(x / sqrt(2))) / 2 and its derivative is exp(-x^2/2) / sqrt(2 pi)
template <class T> GLASS_FN T gelu_erf(T x) { return above(x) * g_normal(x).below; }
template <class T> GLASS_FN T gelu_erf_slope(T x) {
  const T c = between(x);
  const auto normal = g_normal(c);
  return normal.below + c * (real<T>(0.3989422804014327) * normal.bell);
}

// Two operands. max and min give NaN when either is NaN: a broken number must not look like a good one.
template <class T> GLASS_FN T add(T a, T b) { return a + b; }
template <class T> GLASS_FN T sub(T a, T b) { return a - b; }
template <class T> GLASS_FN T mul(T a, T b) { return a * b; }
template <class T> GLASS_FN T div(T a, T b) { return a / b; }
template <class T> GLASS_FN T max(T a, T b) { return g_select(a == a, g_max(a, b), a); }
template <class T> GLASS_FN T min(T a, T b) { return g_select(a == a, g_min(a, b), a); }

// Comparisons as numbers, 1 or 0; a NaN on either side compares as 0.
template <class T> GLASS_FN T greater(T a, T b) { return g_select(a > b, real<T>(1), real<T>(0)); }
template <class T> GLASS_FN T equal(T a, T b) { return g_select(a == b, real<T>(1), real<T>(0)); }

// swiglu(gate, up) = silu(gate) up
template <class T> GLASS_FN T swiglu(T gate, T up) { return silu(gate) * up; }
template <class T> GLASS_FN T swiglu_dgate(T dy, T gate, T up) { return dy * up * silu_slope(gate); }
template <class T> GLASS_FN T swiglu_dup(T dy, T gate) { return dy * silu(gate); }

// softmax: y = exp(x - max) / sum. With dot = sum over the row of dy y, the row's dx:
template <class T> GLASS_FN T softmax_dx(T dy, T y, T dot) { return y * (dy - dot); }

// Normalised x and the two backward formulas. g = dy w; mean_g and mean_gx are the row's means of g and g xhat.
template <class T> GLASS_FN T normalized(T x, T mean, T rstd) { return (x - mean) * rstd; }
template <class T> GLASS_FN T layernorm_dx(T g, T xhat, T rstd, T mean_g, T mean_gx) {
  return rstd * (g - mean_g - xhat * mean_gx);
}
template <class T> GLASS_FN T rmsnorm_dx(T g, T xhat, T rstd, T mean_gx) { return rstd * (g - xhat * mean_gx); }

// rope turns the pair (a, b) by an angle: the new a, and the new b. The inverse turns by minus the angle.
template <class T> GLASS_FN T rope_first(T a, T b, T cosine, T sine) { return a * cosine - b * sine; }
template <class T> GLASS_FN T rope_second(T a, T b, T cosine, T sine) { return b * cosine + a * sine; }

// AdamW (Loshchilov and Hutter, 2017): the weight decays by itself, outside the moments.
// correction1 = 1 - beta1^t and correction2 = 1 - beta2^t undo the start from zero.
template <class T> struct AdamWNumbers { T learning_rate, beta1, beta2, eps, correction1, correction2, decay, clip; };
template <class T> struct AdamWState { T p, m, v; };

template <class T> GLASS_FN AdamWState<T> adamw_step(AdamWState<T> s, T grad, AdamWNumbers<T> n) {
  const T g = n.clip * grad;
  const T m = n.beta1 * s.m + (real<T>(1) - n.beta1) * g;
  const T v = n.beta2 * s.v + (real<T>(1) - n.beta2) * (g * g);
  const T decayed = s.p - n.learning_rate * n.decay * s.p;
  // p = decayed - learning_rate (m / correction1) / (sqrt(v / correction2) + eps). Two of its three quotients are the
  // same for every element: written first, a loop takes them only once.
  const T rate = n.learning_rate / n.correction1, scale = real<T>(1) / n.correction2;
  const T p = decayed - rate * m / (g_sqrt(scale * v) + n.eps);
  return {p, m, v};
}

// What every gradient is multiplied with so that their common norm is at most max_norm. 1e-6 as in PyTorch.
template <class T> GLASS_FN T clip_factor(T norm, T max_norm) {
  return g_min(real<T>(1), max_norm / (norm + real<T>(1e-6)));
}

}  // namespace formulas
}  // namespace glass
