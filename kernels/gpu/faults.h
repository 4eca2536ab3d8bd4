// What a kernel found wrong with its data. A kernel cannot throw: it says which element, and the
// host asks when it next waits for the device.
#pragma once
#include "kernels/gpu/language/gpu.h"

namespace glass {
namespace gpu {

enum Fault : uint { kBadGatherId, kBadScatterId, kBadTarget, kFaults };

#ifndef GLASS_GPU_HOST

// The first of all bad elements is what remains: the largest of 2^32 - 1 - i. 0 says that there is
// none.
GPU_FN void report_fault(GLOBAL uint* fault, uint i) { atomic_largest(fault, 0xffffffffu - i); }

#endif

}   // namespace gpu
}   // namespace glass
