// What the host sees of a GPU: memory, and kernels that are started in order. Three of them: CUDA,
// Metal, the emulator.
#pragma once
#include <cstddef>
#include <memory>

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
  virtual std::byte* allocate(
      std::size_t bytes) = 0;   // an address for kernels; the host must not follow it
  virtual void release(std::byte*, std::size_t bytes) noexcept = 0;
  virtual void upload(std::byte* to, const void* host,
                      std::size_t bytes) = 0;   // in order with launches
  virtual void download(void* host, const std::byte* from,
                        std::size_t bytes) = 0;   // after everything before it
  virtual void launch(const Kernel&, const void* args, Grid) = 0;
  virtual void wait() = 0;
  virtual bool runs_at_once() const { return false; }   // a launch has run when it returns
};

}   // namespace gpu
}   // namespace glass
