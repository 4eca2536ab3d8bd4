// Memory for the backends that run on the host: a cache of blocks. A training step asks for the same sizes as the step
// before, so from the second step on every request is met by a block that was released, and the system is not asked.
// Fresh pages are what makes a step slow: the kernel must zero each one.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "kernels/memory.h"

namespace glass {

class HostMemory {
 public:
  HostMemory() = default;
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;
  ~HostMemory();   // blocks that are still in use then are not freed

  // 64-byte aligned, contents unspecified; 0 bytes give a block too. Throws std::bad_alloc.
  std::byte* allocate(std::size_t bytes);
  // bytes as in allocate. nullptr is allowed.
  void release(std::byte* block, std::size_t bytes) noexcept;
  // Gives every cached block back to the system.
  void trim() noexcept;

  struct Counters {
    std::int64_t allocations;   // how often the system was asked since the beginning
    std::int64_t held_bytes;    // taken from the system: in use and cached
    std::int64_t used_bytes;    // in use, rounded up to size classes
    std::int64_t used_blocks;
    std::int64_t most_held_bytes, most_used_bytes;   // at any time so far
  };
  Counters counters() const;
  MemoryUse use() const;

 private:
  // A released block holds the address of the next one of its size class.
  struct Free {
    Free* next;
  };
  static constexpr int kClasses = 448;

  std::byte* take_from_system(std::size_t size);
  void trim_locked() noexcept;

  mutable std::mutex mutex_;
  std::array<Free*, kClasses> free_{};
  Counters counters_{};
};

}  // namespace glass
