#include "kernels/metal/memory.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

namespace glass::metal {

constexpr unsigned long kSharedWithProcessor = 0;   // MTLResourceStorageModeShared

std::byte* Memory::allocate(std::size_t bytes) {
  Buffer b;
  b.object = Ref(objc_, objc_.send<Id>(gpu_, "newBufferWithLength:options:",
                                       static_cast<unsigned long>(bytes), kSharedWithProcessor));
  if (!b.object) return nullptr;
  b.address = reinterpret_cast<std::byte*>(b.object.send<std::uint64_t>("gpuAddress"));
  b.contents = static_cast<std::byte*>(b.object.send<void*>("contents"));
  b.bytes = bytes;
  held_bytes_ += bytes;
  buffers_.push_back(std::move(b));
  return buffers_.back().address;
}

void Memory::release(std::byte* address) noexcept {
  const auto is_it = [address](const Buffer& b) { return b.address == address; };
  const auto found = std::find_if(buffers_.begin(), buffers_.end(), is_it);
  if (found == buffers_.end()) return;
  held_bytes_ -= found->bytes;
  buffers_.erase(found);
}

Memory::Place Memory::place_of(const std::byte* address, std::size_t bytes) const {
  const std::less_equal<> at_most;
  for (const Buffer& b : buffers_) {
    if (!at_most(b.address, address) || !at_most(address + bytes, b.address + b.bytes)) continue;
    const auto offset = address - b.address;
    return {b.object.id(), static_cast<unsigned long>(offset), b.contents + offset};
  }
  throw std::logic_error("metal: " + std::to_string(bytes) +
                         " bytes are not inside of one buffer of the GPU");
}

}   // namespace glass::metal
