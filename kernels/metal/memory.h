// Memory of an Apple GPU, which is the computer's own: the processor sees a buffer at one address,
// kernels at another.
//
// Before a kernel may follow an address into a buffer, the encoder that starts it has to be told of
// the buffer. So they should be few and large: they are the slabs that gpu/device_memory.h cuts
// into blocks.
#pragma once
#include <cstddef>
#include <vector>

#include "kernels/metal/objective_c.h"

namespace glass::metal {

class Memory {
 public:
  Memory(const ObjectiveC& objc, Id gpu) : objc_(objc), gpu_(gpu) {}

  // A buffer's address for kernels; its contents are unspecified. nullptr where the GPU has no
  // more.
  std::byte* allocate(std::size_t bytes);
  // No kernel may be waiting. nullptr is allowed.
  void release(std::byte* address) noexcept;

  // Where these bytes are: for Metal, and for the processor, which reads and writes them at
  // `contents`. Throws std::logic_error where they are not inside of one buffer.
  struct Place {
    Id buffer;
    unsigned long offset;
    std::byte* contents;
  };
  Place place_of(const std::byte* address, std::size_t bytes) const;

  // All buffers in the order in which they were made; release() changes it.
  std::size_t buffers() const { return buffers_.size(); }
  Id buffer(std::size_t i) const { return buffers_[i].object.id(); }
  std::size_t held_bytes() const { return held_bytes_; }

 private:
  struct Buffer {
    Ref object;
    std::byte* address = nullptr;    // of kernels
    std::byte* contents = nullptr;   // the processor's
    std::size_t bytes = 0;
  };

  const ObjectiveC& objc_;
  Id gpu_;
  std::vector<Buffer> buffers_;
  std::size_t held_bytes_ = 0;
};

}   // namespace glass::metal
