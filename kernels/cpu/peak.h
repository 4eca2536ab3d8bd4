// What this machine can do at best: multiply-adds per second from registers, bytes per second from
// and to memory. Every speed we print stands beside these, measured in the same run: a fraction of
// the peak means the same on every machine, a GFLOP/s does not.
#pragma once
#include <string>

namespace glass {

// Billions of floating-point operations a second (a fused multiply-add counts two) with the vectors
// of `isa` (a usable one of cpu_isas(); "auto": the best) on `threads` threads at once (0: one per
// physical core). Takes about 0.1 s; the best of many short bursts, so that other programs on the
// machine disturb little.
double peak_gflops(const std::string& isa, int threads);

// Billions of bytes a second, in memory far larger than any cache. Both together take about half a
// second.
struct Bandwidth {
  double read;   // bytes read
  double copy;   // bytes read plus bytes written, by the C library's memcpy
};
Bandwidth memory_bandwidth(int threads);

}   // namespace glass
