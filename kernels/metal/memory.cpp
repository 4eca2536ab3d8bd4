#include "kernels/metal/memory.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

namespace glass::metal {
namespace {

constexpr std::size_t kAlignment = 256;
constexpr std::size_t kSlabBytes = std::size_t{16} << 20;
constexpr std::size_t kLargestPiece = kSlabBytes / 4;   // what is larger has a buffer of its own
constexpr unsigned long kSharedWithProcessor = 0;       // MTLResourceStorageModeShared

// Eight sizes from one power of two to the next: few enough that a block is asked for again, and an
// eighth is wasted.
std::size_t size_class(std::size_t bytes) {
  const std::size_t step =
      std::max(kAlignment, std::bit_floor(std::max(bytes, std::size_t{1})) / 8);
  return std::max((bytes + step - 1) / step * step, kAlignment);
}

}   // namespace

std::byte* Memory::allocate(std::size_t bytes) {
  const std::size_t size = size_class(bytes);
  std::vector<std::byte*>& waiting = released_[size];
  if (waiting.empty()) return size > kLargestPiece ? make_buffer(size) : cut(size);
  std::byte* const block = waiting.back();
  waiting.pop_back();
  return block;
}

void Memory::release(std::byte* block, std::size_t bytes) noexcept {
  if (block) released_[size_class(bytes)].push_back(block);
}

std::byte* Memory::cut(std::size_t bytes) {
  if (bytes > slab_left_) {   // what is left of the last slab is lost
    std::byte* const slab = make_buffer(kSlabBytes);
    if (!slab) return nullptr;
    slab_ = slab;
    slab_left_ = kSlabBytes;
  }
  std::byte* const piece = slab_;
  slab_ += bytes;
  slab_left_ -= bytes;
  return piece;
}

std::byte* Memory::make_buffer(std::size_t bytes) {
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

void Memory::trim() {
  for (auto& [size, blocks] : released_) {
    if (size <= kLargestPiece) continue;
    const auto is_released = [&blocks = blocks](const Buffer& b) {
      return std::find(blocks.begin(), blocks.end(), b.address) != blocks.end();
    };
    held_bytes_ -= blocks.size() * size;
    std::erase_if(buffers_, is_released);
    blocks.clear();
  }
}

std::byte* Memory::host_view(const std::byte* address, std::size_t bytes) const {
  const std::less_equal<> at_most;
  for (const Buffer& b : buffers_)
    if (at_most(b.address, address) && at_most(address + bytes, b.address + b.bytes))
      return b.contents + (address - b.address);
  throw std::logic_error("metal: " + std::to_string(bytes) +
                         " bytes are not inside of one buffer of the GPU");
}

}   // namespace glass::metal
