// What the host sees of a GPU: memory, and kernels that are started in order. Three of them: CUDA,
// Metal, the emulator.
#pragma once
#include <cstddef>
#include <memory>

#include "kernels/memory.h"

namespace glass {
namespace gpu {

struct Kernel;

// How many groups of threads a launch has.
struct Grid {
  unsigned x = 1, y = 1, z = 1;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual const char* name() const = 0;

  // Slabs, large and few: device_memory.h cuts them into what tensors need. So an address that a
  // Device is given may be any inside of one. std::bad_alloc where there is no such memory left.
  virtual std::byte* allocate(
      std::size_t bytes) = 0;   // an address for kernels; the host must not follow it
  virtual void release(std::byte*, std::size_t bytes) noexcept = 0;   // after a wait
  // Which part of its slabs is in use, for a device that can watch who touches the rest. Behind
  // what it lends are so many bytes that nobody has.
  virtual std::size_t gap() const { return 0; }
  virtual void lend(std::byte*, std::size_t) noexcept {}
  virtual void take_back(std::byte*, std::size_t) noexcept {}

  virtual void upload(std::byte* to, const void* host,
                      std::size_t bytes) = 0;   // in order with launches
  virtual void download(void* host, const std::byte* from,
                        std::size_t bytes) = 0;   // after everything before it
  // Several downloads, of which a device waits for the last only.
  virtual void fetch(const Fetch* pieces, int count) {
    for (int i = 0; i < count; ++i) download(pieces[i].to, pieces[i].from, pieces[i].bytes);
  }
  virtual void launch(const Kernel&, const void* args, Grid) = 0;
  // How many groups a launch may have along the third axis.
  virtual unsigned most_in_depth() const { return 65535; }
  virtual void wait() = 0;
  virtual bool runs_at_once() const { return false; }   // a launch has run when it returns
};

}   // namespace gpu
}   // namespace glass
