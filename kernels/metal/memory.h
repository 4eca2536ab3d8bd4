// Memory of an Apple GPU, which is the computer's own: the processor sees a buffer at one address,
// kernels at another.
//
// Before a kernel may follow an address into a buffer, the encoder that starts it has to be told of
// the buffer. So there are few of them and large: small blocks are cut from slabs, and what is
// released waits for the next who asks for as much. Kernels run in the order in which they are
// started, so a block may change hands while kernels still wait for their turn.
#pragma once
#include <cstddef>
#include <map>
#include <vector>

#include "kernels/metal/objective_c.h"

namespace glass::metal {

class Memory {
 public:
  Memory(const ObjectiveC& objc, Id gpu) : objc_(objc), gpu_(gpu) {}

  // An address for kernels, a multiple of 256; its contents are unspecified. nullptr where the GPU
  // has no more.
  std::byte* allocate(std::size_t bytes);
  void release(std::byte* block, std::size_t bytes) noexcept;
  // Gives buffers back that hold one block each, released ones. No kernel may be waiting.
  void trim();

  // Where the processor reads and writes these bytes. Throws std::logic_error where they are not
  // inside of one buffer.
  std::byte* host_view(const std::byte* address, std::size_t bytes) const;

  // All buffers in the order in which they were made; trim() changes it.
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

  std::byte* make_buffer(std::size_t bytes);
  std::byte* cut(std::size_t bytes);

  const ObjectiveC& objc_;
  Id gpu_;
  std::vector<Buffer> buffers_;
  std::map<std::size_t, std::vector<std::byte*>> released_;   // by size
  std::byte* slab_ = nullptr;                                 // the one that is cut, from here on
  std::size_t slab_left_ = 0;
  std::size_t held_bytes_ = 0;
};

}   // namespace glass::metal
