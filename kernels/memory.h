// What passes between the host and the memory of a machine, and what a machine knows of that
// memory.
#pragma once
#include <cstddef>
#include <cstdint>

namespace glass {

// A piece of a machine's memory on its way to the host.
struct Fetch {
  void* to;
  const std::byte* from;
  std::size_t bytes;
};

// Memory that a machine gave out. "Held" is what it took from the system or the driver, in use and
// kept for the next request.
struct MemoryUse {
  std::int64_t used_bytes, most_used_bytes;
  std::int64_t held_bytes, most_held_bytes;
  std::int64_t requests;   // how often the system or the driver was asked
};

}   // namespace glass
