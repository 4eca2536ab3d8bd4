// The memory of a GPU that is not there. The host cannot touch it but while the GPU works, so that
// a pointer that strays ends the program at once; no address is given twice before all have been
// given.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "tests/gpu/cuda/ptx/group.h"

namespace glass::test {

class DeviceMemory {
 public:
  DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory();

  // 0 where `limit` bytes would be exceeded. Full of 0xff, which is NaN.
  std::uint64_t allocate(std::size_t bytes, std::size_t limit);
  bool release(std::uint64_t);   // false: nothing was allocated there
  bool holds(std::uint64_t address, std::size_t bytes) const;
  std::size_t used() const { return used_; }
  std::size_t blocks() const { return live_.size(); }
  // In order.
  const std::vector<ptx::Range>& ranges();
  void open(bool yes);   // for the GPU that works
  // What costs time is left out: memory is full of zeros, and the host can touch it.
  void watch_nothing() { watches_ = false; }

 private:
  std::uint64_t begin_ = 0, end_ = 0, next_ = 0,
                top_ = 0;   // top_: the end of all that was ever given
  std::size_t used_ = 0;
  std::map<std::uint64_t, std::size_t> live_;
  std::vector<ptx::Range> ranges_;
  bool changed_ = false, watches_ = true;
};

}   // namespace glass::test
