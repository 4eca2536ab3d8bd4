// The loops behind peak_dot_gflops: dot products of short numbers, which are instructions of their
// own beside an instruction set (kernels/cpu/peak.h).
#pragma once
#include <cstdint>

#include "kernels/cpu/peak.h"

namespace glass {

// `rounds` times some chains of such instructions; returns how many operations that is.
using DotBurst = double (*)(std::int64_t rounds, float* sink);
DotBurst dot_burst(ShortDot kind);   // null where this processor or build has none

}   // namespace glass
