// Memory of a device for tensors: a few slabs, cut into blocks.
//
// A driver takes as long over a request for memory as over many kernels, and before it takes some
// back it waits for all of them. So slabs are asked for, and seldom: of each the smallest free
// block that is large enough is cut to size, and blocks that are given back join their free
// neighbours.
//
// Kernels run in the order of their launches. So a block that is given back can be lent again at
// once, although kernels that use it may not have run yet: whoever gets it comes behind them.
#pragma once
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>

#include "kernels/device_memory.h"
#include "kernels/gpu/device.h"
#include "kernels/memory.h"

namespace glass {
namespace gpu {

class DeviceMemory {
 public:
  explicit DeviceMemory(Device& device) : device_(device) {}
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory();   // blocks that are still in use then are not given back

  // At a multiple of 256 bytes, contents unspecified; 0 bytes give a block too. Throws
  // OutOfDeviceMemory: how much was wanted, and where all of it is.
  std::byte* allocate(std::size_t bytes);
  // bytes as in allocate. nullptr is allowed.
  void release(std::byte* block, std::size_t bytes) noexcept;
  // Gives the slabs of which no part is in use back to the device, for which it waits.
  void trim();

  MemoryUse use() const;
  std::size_t slabs() const;
  std::size_t largest_free_block() const;

 private:
  // What lies between two cuts of a slab.
  struct Block {
    std::byte* data;
    std::size_t bytes;
    Block *before, *after;   // in the same slab; nullptr at its ends
    bool free;
    bool small;   // of a slab for small blocks
  };
  struct Smaller {   // the smallest that is enough, and of equals the lowest
    bool operator()(const Block* a, const Block* b) const {
      return a->bytes != b->bytes ? a->bytes < b->bytes : a->data < b->data;
    }
  };
  using FreeBlocks = std::set<Block*, Smaller>;

  FreeBlocks& free_like(const Block& block) { return block.small ? small_ : large_; }
  Block* take_free(std::size_t bytes, bool small);
  Block* new_slab(std::size_t bytes, bool small);
  std::byte* ask_device(std::size_t& bytes, std::size_t least);
  std::byte* try_device(std::size_t bytes);
  void cut(Block& block, std::size_t bytes);
  void join(Block& first, Block& second);
  void trim_locked();
  void forget(Block* whole);
  std::string full(std::size_t bytes) const;

  Device& device_;
  mutable std::mutex mutex_;
  FreeBlocks small_, large_;
  std::unordered_map<const std::byte*, Block*> used_;
  std::size_t slabs_ = 0;
  MemoryUse use_{};
  std::string refusal_;   // what the device said last
};

}   // namespace gpu
}   // namespace glass
