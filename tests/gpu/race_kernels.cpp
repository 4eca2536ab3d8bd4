// Kernels with and without races, for race_test.cpp. Every access to memory in this file is
// watched.
#define GLASS_EMULATED 1
#include "tests/gpu/race_kernels.h"

namespace glass {
namespace gpu {
namespace {

KERNEL(race_none, RaceArgs, 64) {
  Thread t = this_thread();
  SHARED_ARRAY(float, numbers, [64]);
  numbers[t.id] = float(t.id);
  barrier(t);
  p.x[t.group.x * 64 + t.id] = numbers[63 - t.id];
}
KERNEL(race_reads_too_soon, RaceArgs, 64) {   // the last thread to write sees what it should
  Thread t = this_thread();
  SHARED_ARRAY(float, numbers, [64]);
  numbers[t.id] = float(t.id);
  p.x[t.group.x * 64 + t.id] = t.id == 63 ? numbers[0] : 0.0f;
}
KERNEL(race_writes_too_soon, RaceArgs, 64) {
  Thread t = this_thread();
  SHARED_ARRAY(float, numbers, [64]);
  numbers[t.id] = float(t.id);
  barrier(t);
  p.x[t.group.x * 64 + t.id] = numbers[63 - t.id];
  numbers[t.id] = 0;
}
KERNEL(race_two_groups_add, RaceArgs, 64) {
  Thread t = this_thread();
  if (t.id == 0) p.x[0] += 1;
}
KERNEL(race_two_groups_add_atomically, RaceArgs, 64) {
  Thread t = this_thread();
  atomic_largest(p.n, t.id);
}
KERNEL(race_writes_what_others_read, RaceArgs, 64) {
  Thread t = this_thread();
  const float seen = p.x[0];
  p.x[1 + t.group.x * 64 + t.id] = seen;
  if (t.group.x == 2 && t.id == 63) p.x[0] = 0;
}
KERNEL(race_within_a_warp, RaceArgs, 32) {
  Thread t = this_thread();
  p.x[t.group.x * 64 + t.id] = float(t.id);
  p.x[t.group.x * 64 + 32 + t.id] = warp_sum(t, t.id == 31 ? p.x[t.group.x * 64] : 0.0f);
}
KERNEL(race_not_within_a_warp, RaceArgs, 32) {
  Thread t = this_thread();
  p.x[t.group.x * 64 + t.id] = float(t.id);
  warp_barrier(t);
  p.x[t.group.x * 64 + 32 + t.id] = p.x[t.group.x * 64 + 31 - t.id];
}
KERNEL(race_a_warp_barrier_is_not_enough, RaceArgs, 64) {
  Thread t = this_thread();
  SHARED_ARRAY(float, numbers, [64]);
  numbers[t.id] = float(t.id);
  warp_barrier(t);
  p.x[t.group.x * 64 + t.id] = t.warp == 1 ? numbers[t.id - 32] : 0.0f;
}
// Half of a number each: neighbours in one word of 32 bits do not disturb each other.
KERNEL(race_not_between_halves, RaceArgs, 64) {
  Thread t = this_thread();
  ((GLOBAL bf16*)p.x)[t.group.x * 64 + t.id] = to_bf16(1.0f);
}
KERNEL(race_none_but_reads_the_next, RaceArgs, 64) {
  Thread t = this_thread();
  if (p.x[t.id + 1] == 7) atomic_largest(p.n, t.id);
}
// For traffic_test.cpp: a thread has a row of 32 floats of device memory, and writes down a column
// of the group's.
KERNEL(traffic_of_columns, RaceArgs, 64) {
  Thread t = this_thread();
  SHARED_ARRAY(float, numbers, [32 * 64]);
  numbers[t.id * 32] = 1;
  barrier(t);
  p.x[t.id * 32] = numbers[0];
}

}   // namespace
}   // namespace gpu
}   // namespace glass
