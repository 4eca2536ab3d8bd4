// Registers of PTX are without number: nvcc gives every value a new one. Those that are never
// needed at the same time share a place here, so that the registers of a warp stay in the
// processor's cache.
#pragma once
#include <cstdint>
#include <vector>

namespace glass::test::ptx {

struct Access {   // the registers of one instruction, by number
  std::vector<std::uint32_t> reads, writes;
  std::int64_t target = -1;   // where it may jump
  bool ends = false;          // does not go on to the next
};

// For each register its first unit; registers of 64 bits take two. `units` becomes how many there
// are.
std::vector<std::uint32_t> share_slots(const std::vector<Access>& code,
                                       const std::vector<bool>& wide, std::uint32_t& units);

}   // namespace glass::test::ptx
