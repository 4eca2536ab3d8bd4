#include "tests/gpu/lent_memory.h"

#include <map>

namespace glass::test {
namespace {

using Address = std::uintptr_t;
using Pieces = std::map<Address, Address>;   // from where to where
Pieces slabs, blocks;                        // of all devices; blocks are parts of slabs

void insert(Pieces& pieces, const std::byte* p, std::size_t bytes) {
  const Address begin = reinterpret_cast<Address>(p);
  pieces[begin] = begin + bytes;
}
void erase(Pieces& pieces, const std::byte* p) { pieces.erase(reinterpret_cast<Address>(p)); }

// The end of the piece that has this address; 0: none has it.
Address end_of(const Pieces& pieces, Address address) {
  const auto behind = pieces.upper_bound(address);
  if (behind == pieces.begin()) return 0;
  const Address end = std::prev(behind)->second;
  return address < end ? end : 0;
}

}   // namespace

std::byte* WatchedDevice::allocate(std::size_t bytes) {
  std::byte* const slab = EmulatorDevice::allocate(bytes);
  insert(slabs, slab, bytes);
  return slab;
}
void WatchedDevice::release(std::byte* slab, std::size_t bytes) noexcept {
  erase(slabs, slab);
  EmulatorDevice::release(slab, bytes);
}
void WatchedDevice::lend(std::byte* block, std::size_t bytes) noexcept {
  insert(blocks, block, bytes);
  EmulatorDevice::lend(block, bytes);
}
void WatchedDevice::take_back(std::byte* block, std::size_t bytes) noexcept {
  erase(blocks, block);
  EmulatorDevice::take_back(block, bytes);
}

bool is_lent_to_nobody(const MemoryAccess& access) {
  return end_of(slabs, access.address) != 0 &&
         end_of(blocks, access.address) < access.address + access.bytes;
}

}   // namespace glass::test
