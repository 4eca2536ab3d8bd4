// What happens to parameters after backward: the norm of all gradients, and a step of AdamW. All
// parameters at once: each is cut into pieces, a group has one, and a table on the device says
// whose piece it is. So a step of 150 tensors is one launch.
#pragma once
#include "kernels/gpu/rows.h"

namespace glass {
namespace gpu {

enum : uint { kNormPiece = 16384, kAdamWPiece = 4096 };

struct NormPart {   // a gradient
  GLOBAL const float* grad;
  uint first, count;   // its first piece; how many elements
};
struct GlobalNormArgs {
  GLOBAL const NormPart* parts;
  GLOBAL float* squares;   // three for each piece
  GLOBAL float* norm;
  uint part_count, count;   // count: of pieces
};

struct AdamWPart {   // a parameter
  GLOBAL float* param;
  GLOBAL const float* grad;
  GLOBAL float* m;
  GLOBAL float* v;
  GLOBAL bf16* shadow;   // or nullptr
  uint first, count;     // its first piece; how many elements
  float decay;
  uint gap;   // 0: the host compares tables byte by byte
};
struct AdamWArgs {
  GLOBAL const AdamWPart* parts;
  uint part_count;
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

// The part whose piece this is: the last that begins at it or before. Parts without elements have
// no piece, and are never the last.
template <class Part>
GPU_FN uint part_of(GLOBAL const Part* parts, uint count, uint piece) {
  uint low = 0, high = count;
  while (high - low > 1) {
    const uint middle = (low + high) / 2;
    if (parts[middle].first <= piece) low = middle;
    else high = middle;
  }
  return low;
}
// Where a piece ends in its part.
GPU_FN uint piece_end(uint begin, uint size, uint count) {
  return count - begin < size ? count : begin + size;
}

KERNEL(sum_squares, GlobalNormArgs, 256) {
  Thread t = this_thread();
  SHARED_ARRAY(float, scratch, [8]);
  GLOBAL const NormPart* part = p.parts + part_of(p.parts, p.part_count, t.group.x);
  const uint begin = (t.group.x - part->first) * kNormPiece,
             end = piece_end(begin, kNormPiece, part->count);
  GLOBAL const float* grad = part->grad;
  Squares sum = {0, 0, 0};
  for (uint i = begin + t.id; i < end; i += t.size) {
    const float x = grad[i], size = g_abs(x), up = x * small_scale(), down = x * large_scale();
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
  if (skip || p.part_count == 0) return;
  GLOBAL const AdamWPart* part = p.parts + part_of(p.parts, p.part_count, t.group.x);
  const uint begin = (t.group.x - part->first) * kAdamWPiece,
             end = piece_end(begin, kAdamWPiece, part->count);
  formulas::AdamWNumbers<float> n;
  n.learning_rate = p.numbers[kRate];
  n.beta1 = p.numbers[kBeta1_];
  n.beta2 = p.numbers[kBeta2_];
  n.eps = p.numbers[kEps_];
  n.correction1 = p.numbers[kCorrection1_];
  n.correction2 = p.numbers[kCorrection2_];
  n.decay = part->decay;
  n.clip =
      p.norm && p.numbers[kMaxNorm_] > 0 ? formulas::clip_factor(norm, p.numbers[kMaxNorm_]) : 1.0f;
  GLOBAL float *param = part->param, *m = part->m, *v = part->v;
  GLOBAL const float* grad = part->grad;
  GLOBAL bf16* shadow = part->shadow;
  for (uint i = begin + t.id; i < end; i += t.size) {
    formulas::AdamWState<float> s;
    s.p = param[i];
    s.m = m[i];
    s.v = v[i];
    s = formulas::adamw_step(s, grad[i], n);
    param[i] = s.p;
    m[i] = s.m;
    v[i] = s.v;
    if (shadow) shadow[i] = to_bf16(s.p);
  }
}

#endif

}   // namespace gpu
}   // namespace glass
