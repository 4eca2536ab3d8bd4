// Cross-entropy of a row of logits: loss = lse - logits[target], with lse = log(sum over the row of
// exp(logits)). A row is as long as a vocabulary, so a group has one, and reads it once: no cache
// holds as many such rows as there are groups at work.
#pragma once
#include "kernels/gpu/faults.h"
#include "kernels/gpu/rows.h"

namespace glass {
namespace gpu {

struct CrossEntropyArgs {
  uint rows, V;
  Array logits, dlogits;             // strides of (n,V)
  uint add;                          // to dlogits
  Array loss, lse, dloss, targets;   // (n)
  int ignore;                        // the target of rows that do not count
  uint ignores;                      // whether there is such a target
  GLOBAL uint* fault;
};

#ifndef GLASS_GPU_HOST

GPU_FN bool counts(CONSTANT CrossEntropyArgs& p, int target) {
  return !(p.ignores && target == p.ignore);
}

// The target of row r; one that is not in the vocabulary is reported, and becomes 0.
GPU_FN uint checked_target(CONSTANT CrossEntropyArgs& p, Thread t, int target) {
  if (target >= 0 && uint(target) < p.V) return uint(target);
  if (t.id == 0) report_fault(p.fault, t.group.x);
  return 0;
}

// Over numbers that come one after the other: the largest, and the sum of exp(x - largest).
struct ExpSum {
  float top, sum;
};
GPU_FN void add(LOCAL ExpSum& s, float x) {
  if (x > s.top) {
    s.sum = s.sum * g_exp(s.top - x) + 1;
    s.top = x;
  } else {
    s.sum += g_exp(x - s.top);
  }
}

KERNEL(cross_entropy, CrossEntropyArgs, 256) {
  Thread t = this_thread();
  SHARED_ARRAY(float, scratch, [8]);
  const uint r = t.group.x, x = r * p.logits.stride[0];
  ExpSum mine = {-3.40282347e38f, 0};   // the lowest number: exp(-infinity - it) is 0
  for (uint v = t.id; v < p.V; v += t.size) add(mine, get(p.logits, x + v * p.logits.stride[1]));
  const float top = group_max(t, scratch, mine.top);
  const float sum = group_sum(t, scratch, mine.sum * g_exp(mine.top - top));
  const float lse = sum == 0 ? minus_infinity() : top + g_log(sum);
  const int target = get_int(p.targets, r * p.targets.stride[0]);
  const bool scored = counts(p, target);
  const uint v = scored ? checked_target(p, t, target) : 0;
  if (t.id > 0) return;
  set(p.lse, r * p.lse.stride[0], lse);
  set(p.loss, r * p.loss.stride[0],
      scored ? lse - get(p.logits, x + v * p.logits.stride[1]) : 0.0f);
}

// dlogits = dloss (softmax(logits) - onehot(target))
KERNEL(cross_entropy_backward, CrossEntropyArgs, 256) {
  Thread t = this_thread();
  const uint r = t.group.x, x = r * p.logits.stride[0], dx = r * p.dlogits.stride[0];
  const float lse = get(p.lse, r * p.lse.stride[0]), dloss = get(p.dloss, r * p.dloss.stride[0]);
  const int target = get_int(p.targets, r * p.targets.stride[0]);
  const bool scored = counts(p, target);
  const uint hot = scored ? checked_target(p, t, target) : 0;
  for (uint v = t.id; v < p.V; v += t.size) {
    const float guess = g_exp(get(p.logits, x + v * p.logits.stride[1]) - lse);
    const float value = scored ? dloss * (guess - (v == hot ? 1.0f : 0.0f)) : 0.0f;
    const uint at = dx + v * p.dlogits.stride[1];
    set(p.dlogits, at, p.add ? get(p.dlogits, at) + value : value);
  }
}

#endif

}   // namespace gpu
}   // namespace glass
