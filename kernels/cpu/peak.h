// What this machine can do at best: multiply-adds per second from registers, bytes per second from
// and to memory. Every speed we print stands beside these, measured in the same run: a fraction of
// the peak means the same on every machine, a GFLOP/s does not.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace glass {

// Billions of floating-point operations a second (a fused multiply-add counts two) with the vectors
// of `isa` (a usable one of cpu_isas(); "auto": the best) on `threads` threads at once (0: one per
// physical core). Takes about 0.1 s; the best of many short bursts, so that other programs on the
// machine disturb little.
double peak_gflops(const std::string& isa, int threads);

// The same for the dot products of short numbers that some processors have: pairs of bf16 summed in
// f32 (vdpbf16ps), fours of int8 summed in int32 (vpdpbusd). 0 where `isa` or this processor has no
// such instruction.
enum class ShortDot { bf16, int8 };
double peak_dot_gflops(const std::string& isa, ShortDot kind, int threads);

// Billions of bytes a second, in memory far larger than any cache and in huge pages where the
// system gives them. Both together take about half a second. Other programs, also those of other
// tenants of the machine, take their share; nine in ten short bursts were no faster than this.
struct Bandwidth {
  double read;   // bytes read
  double copy;   // bytes read plus bytes written, by the C library's memcpy
};
Bandwidth memory_bandwidth(int threads);

// The same for reading a block again and again that fits a cache, every thread one of its own.
struct CacheRead {
  std::string name;    // "L2"
  std::size_t bytes;   // of the blocks of all threads together
  double gbps;
};
// One for each level of caches that the system tells about, nearest first.
std::vector<CacheRead> cache_bandwidth(int threads);

}   // namespace glass
