// Every access to memory that a kernel makes, as it makes it. Kernels are compiled with
// -fsanitize=thread, which makes the compiler call a function before every access; the functions
// are ours (watch.cpp), and the sanitizer's own are not linked.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/emulator/group.h"

namespace glass::test {

struct MemoryAccess {
  std::uintptr_t address;
  std::size_t bytes;
  bool writes, atomic;
  const void* instruction;   // of the program; the same for all threads
  emulator::Standing by;
};

// Who is told of them, as long as this lives. The memory of the group and of the device counts, and
// neither what a thread has for itself nor what the kernel was given.
using Watcher = void (*)(const MemoryAccess&);
class Watch {
 public:
  explicit Watch(Watcher);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
};

// How many accesses somebody was told of so far: none would mean that nothing was watched.
std::uint64_t watched_accesses();

}   // namespace glass::test
