// What a kernel asks of memory, counted access by access: a profiler that needs no GPU.
//
// The 32 lanes of a warp read or write together. Device memory answers in sectors of 32 bytes, so a
// request of neighbouring floats takes 4 of them, and one of floats that lie far apart 32. The
// memory of a group has 32 banks, each 4 bytes wide; lanes that want different words of one bank
// wait for each other, a cycle for each word.
//
// It sees the source as the compiler of the host left it, number by number, and no cache.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace glass::test {

struct Requests {
  std::uint64_t count = 0;   // by a warp
  std::uint64_t units = 0;   // sectors or cycles that they took
  std::uint64_t least = 0;   // that so many different bytes take
  double excess() const {
    return least ? static_cast<double>(units) / static_cast<double>(least) : 1;
  }
};

struct Traffic {
  Requests device, group;
  std::uint64_t moved = 0;   // bytes of device memory, 32 for each sector of a request
  std::uint64_t touched =
      0;   // bytes of sectors that were read, and of those that were written: each once a launch
  double repetition() const {
    return touched ? static_cast<double>(moved) / static_cast<double>(touched) : 1;
  }
};

// By kernel, all that the kernels which `run` starts asked for; on an emulator with one thread.
std::map<std::string, Traffic> traffic_of(const std::function<void()>& run);

}   // namespace glass::test
