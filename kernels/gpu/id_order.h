// In which order to visit numbers so that equal ones are neighbours, and stand as they stood: a
// stable sort by counting, eight bits at a time, from the lowest. Whoever adds up what has the same
// number then reads only that, in one order on every machine, and needs no atomic.
//
// A warp has a segment of the numbers. It counts how often each of 256 digits occurs
// (count_digits); one group adds the counts up, digit after digit and segment after segment
// (place_digits), which is where the first of each goes; then every warp puts its numbers there
// (move_by_digit).
#pragma once
#include "kernels/gpu/language/gpu.h"

namespace glass {
namespace gpu {

enum : uint { kDigits = 256, kDigitBits = 8, kIdsOfWarp = 512, kIdWarps = 8 };

struct IdOrderArgs {
  Walk walk;
  Array ids;                 // as many as the walk counts
  GLOBAL const uint* from;   // the order so far; nullptr: 0, 1, 2, ...
  GLOBAL uint* to;
  GLOBAL uint* counts;   // (segments, 256)
  uint segments, shift;
};

#ifndef GLASS_GPU_HOST

GPU_FN uint ones_of(uint bits) {
  uint ones = 0;
  for (; bits != 0; bits &= bits - 1) ++ones;
  return ones;
}

// Which lanes of the warp, of those that have a number, have this digit.
GPU_FN uint lanes_with(Thread t, uint digit, bool there) {
  uint lanes = warp_ballot(t, there);
  for (uint bit = 0; bit < kDigitBits; ++bit) {
    const bool one = digit >> bit & 1;
    const uint ones = warp_ballot(t, one);
    lanes &= one ? ones : ~ones;
  }
  return lanes;
}

// The segment of this warp, 32 numbers at a time: counters[d] grows by how often digit d occurs.
// `move`: where a counter stands is where the next number of this digit goes.
GPU_FN void walk_segment(CONSTANT IdOrderArgs& p, Thread t, SHARED uint* counters, uint segment,
                         bool move) {
  const uint begin = segment * kIdsOfWarp;
  warp_barrier(t);   // the counters are set
  for (uint first = begin; first < begin + kIdsOfWarp && first < p.walk.count; first += 32) {
    const uint i = first + t.lane;
    const bool there = i < p.walk.count;
    const uint which = !there ? 0 : p.from ? p.from[i] : i;
    const uint digit = uint(get_int(p.ids, place(p.walk, p.ids, which))) >> p.shift & (kDigits - 1);
    const uint lanes = lanes_with(t, digit, there), before = ones_of(lanes & ((1u << t.lane) - 1));
    if (there && move) p.to[counters[digit] + before] = which;
    warp_barrier(t);   // everybody has read
    if (there && before == 0) counters[digit] += ones_of(lanes);
    warp_barrier(t);
  }
}

KERNEL(count_digits, IdOrderArgs, 256) {
  Thread t = this_thread();
  SHARED_ARRAY(uint, counters, [kIdWarps][kDigits]);
  const uint segment = t.group.x * kIdWarps + t.warp;
  if (segment >= p.segments) return;
  for (uint d = t.lane; d < kDigits; d += 32) counters[t.warp][d] = 0;
  walk_segment(p, t, counters[t.warp], segment, false);
  for (uint d = t.lane; d < kDigits; d += 32) p.counts[segment * kDigits + d] = counters[t.warp][d];
}

KERNEL(place_digits, IdOrderArgs, 256) {   // a thread has a digit
  Thread t = this_thread();
  SHARED_ARRAY(uint, totals, [kDigits]);
  uint total = 0;
  for (uint s = 0; s < p.segments; ++s) total += p.counts[s * kDigits + t.id];
  totals[t.id] = total;
  barrier(t);
  uint next = 0;
  for (uint d = 0; d < t.id; ++d) next += totals[d];
  for (uint s = 0; s < p.segments; ++s) {
    const uint count = p.counts[s * kDigits + t.id];
    p.counts[s * kDigits + t.id] = next;
    next += count;
  }
}

KERNEL(move_by_digit, IdOrderArgs, 256) {
  Thread t = this_thread();
  SHARED_ARRAY(uint, counters, [kIdWarps][kDigits]);
  const uint segment = t.group.x * kIdWarps + t.warp;
  if (segment >= p.segments) return;
  for (uint d = t.lane; d < kDigits; d += 32) counters[t.warp][d] = p.counts[segment * kDigits + d];
  walk_segment(p, t, counters[t.warp], segment, true);
}

#endif

}   // namespace gpu
}   // namespace glass
