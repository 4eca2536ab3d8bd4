// What happens to parameters after backward: the norm of all gradients, and a step of AdamW. All
// parameters at once: a table on the device says which piece of which parameter a group has, so a
// step of 150 tensors is one launch.
#pragma once
#include "kernels/gpu/rows.h"

namespace glass {
namespace gpu {

enum : uint { kNormPiece = 16384, kAdamWPiece = 4096 };

struct NormPiece {
  GLOBAL const float* grad;
  uint count;
};
struct GlobalNormArgs {
  GLOBAL const NormPiece* pieces;
  GLOBAL float* squares;   // three for each piece
  GLOBAL float* norm;
  uint count;
};

struct AdamWPiece {
  GLOBAL float* param;
  GLOBAL const float* grad;
  GLOBAL float* m;
  GLOBAL float* v;
  GLOBAL bf16* shadow;   // or nullptr
  uint count;
  float decay;
};
struct AdamWArgs {
  GLOBAL const AdamWPiece* pieces;
  GLOBAL const float* numbers;   // the AdamWNumbers of kernels/backend.h
  GLOBAL const float* norm;      // or nullptr
  GLOBAL int* skipped;           // or nullptr
};

#ifndef GLASS_GPU_HOST

// The square of a number above 2^64 is infinite, that of one below 2^-75 is 0. So numbers of such
// sizes are scaled by 2^-64 or 2^64 before they are squared, and summed by themselves.
struct Squares {
  float large, middle, small;
};
GPU_FN float large_scale() { return 5.421010862427522e-20f; }    // 2^-64
GPU_FN float small_scale() { return 18446744073709551616.0f; }   // 2^64

GPU_FN Squares group_squares(Thread t, SHARED float* scratch, Squares s) {
  s.large = group_sum(t, scratch, s.large);
  s.middle = group_sum(t, scratch, s.middle);
  s.small = group_sum(t, scratch, s.small);
  return s;
}

// The root of their sum: what is too small to matter beside the larger one may vanish.
GPU_FN float root(Squares s) {
  const float down = large_scale() * large_scale();
  if (s.large > 0) return g_sqrt(s.large + s.middle * down) / large_scale();
  if (s.middle > 0 || s.middle != s.middle) return g_sqrt(s.middle + s.small * down);
  return g_sqrt(s.small) / small_scale();
}

KERNEL(sum_squares, GlobalNormArgs, 256) {
  Thread t = this_thread();
  SHARED_ARRAY(float, scratch, [8]);
  GLOBAL const NormPiece* piece = p.pieces + t.group.x;
  Squares sum = {0, 0, 0};
  for (uint i = t.id; i < piece->count; i += t.size) {
    const float x = piece->grad[i], size = g_abs(x), up = x * small_scale(),
                down = x * large_scale();
    if (size > 1e12f) sum.large += down * down;
    else if (size < 1e-12f) sum.small += up * up;
    else sum.middle += x * x;   // NaN too
  }
  sum = group_squares(t, scratch, sum);
  if (t.id > 0) return;
  p.squares[3 * t.group.x] = sum.large;
  p.squares[3 * t.group.x + 1] = sum.middle;
  p.squares[3 * t.group.x + 2] = sum.small;
}

KERNEL(global_norm, GlobalNormArgs, 256) {
  Thread t = this_thread();
  SHARED_ARRAY(float, scratch, [8]);
  Squares sum = {0, 0, 0};
  for (uint i = t.id; i < p.count; i += t.size) {
    sum.large += p.squares[3 * i];
    sum.middle += p.squares[3 * i + 1];
    sum.small += p.squares[3 * i + 2];
  }
  sum = group_squares(t, scratch, sum);
  if (t.id == 0) *p.norm = root(sum);
}

// The numbers of a step, in the order of AdamWNumber.
enum : uint { kRate, kBeta1_, kBeta2_, kEps_, kCorrection1_, kCorrection2_, kMaxNorm_ };

KERNEL(adamw, AdamWArgs, 256) {
  Thread t = this_thread();
  const float norm = p.norm ? *p.norm : 0.0f;
  const bool skip = !(norm - norm == 0.0f);   // infinite, or NaN
  if (t.group.x == 0 && t.id == 0 && p.skipped) *p.skipped = skip ? 1 : 0;
  if (skip) return;
  GLOBAL const AdamWPiece* piece = p.pieces + t.group.x;
  formulas::AdamWNumbers<float> n;
  n.learning_rate = p.numbers[kRate];
  n.beta1 = p.numbers[kBeta1_];
  n.beta2 = p.numbers[kBeta2_];
  n.eps = p.numbers[kEps_];
  n.correction1 = p.numbers[kCorrection1_];
  n.correction2 = p.numbers[kCorrection2_];
  n.decay = piece->decay;
  n.clip =
      p.norm && p.numbers[kMaxNorm_] > 0 ? formulas::clip_factor(norm, p.numbers[kMaxNorm_]) : 1.0f;
  for (uint i = t.id; i < piece->count; i += t.size) {
    formulas::AdamWState<float> s;
    s.p = piece->param[i];
    s.m = piece->m[i];
    s.v = piece->v[i];
    s = formulas::adamw_step(s, piece->grad[i], n);
    piece->param[i] = s.p;
    piece->m[i] = s.m;
    piece->v[i] = s.v;
    if (piece->shadow) piece->shadow[i] = to_bf16(s.p);
  }
}

#endif

}   // namespace gpu
}   // namespace glass
