// A GPU as a host meets it: launches are put into a queue and run when somebody waits, and memory
// that the host follows an address into is not there. It counts what a host asks of it. The kernels
// themselves are the emulator's.
#pragma once
#include <sys/mman.h>

#include <cstring>
#include <functional>
#include <new>
#include <vector>

#include "kernels/emulator/group.h"
#include "kernels/gpu/device.h"

namespace glass::test {

struct Asked {
  int launches = 0, uploads = 0, waits = 0;   // waits: also for what is downloaded
  int allocations = 0;                        // of slabs
  std::int64_t downloaded_bytes = 0;
};

class QueuedDevice final : public gpu::Device {
 public:
  // What is asked is counted in `asked`, which outlives the device; `bytes`: how much memory there
  // is.
  QueuedDevice(Asked& asked, std::size_t bytes) : asked_(asked), bytes_(bytes) {
    void* all = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) throw std::bad_alloc();
    memory_ = static_cast<std::byte*>(all);
  }
  ~QueuedDevice() override { munmap(memory_, bytes_); }

  const char* name() const override { return "a queued device"; }
  std::byte* allocate(std::size_t bytes) override {   // one slab behind the other
    ++asked_.allocations;
    if (bytes > bytes_ - used_) throw std::bad_alloc();
    std::byte* slab = memory_ + used_;
    used_ += (bytes + 4095) / 4096 * 4096;
    return slab;
  }
  void release(std::byte*, std::size_t) noexcept override {}
  void upload(std::byte* to, const void* host, std::size_t bytes) override {
    ++asked_.uploads;
    const std::byte* first = static_cast<const std::byte*>(host);
    const std::vector<std::byte> copy(first, first + bytes);
    queue_.push_back([=] { std::memcpy(to, copy.data(), copy.size()); });
  }
  void download(void* host, const std::byte* from, std::size_t bytes) override {
    const Fetch piece{host, from, bytes};
    fetch(&piece, 1);
  }
  void fetch(const Fetch* pieces, int count) override {
    ++asked_.waits;
    for (const Fetch* f = pieces; f < pieces + count; ++f) {
      asked_.downloaded_bytes += static_cast<std::int64_t>(f->bytes);
      const Fetch piece = *f;
      queue_.push_back([=] { std::memcpy(piece.to, piece.from, piece.bytes); });
    }
    run_queue();
  }
  void launch(const gpu::Kernel& kernel, const void* args, gpu::Grid grid) override {
    ++asked_.launches;
    if (on_launch) on_launch(kernel, args, grid);
    const std::byte* first = static_cast<const std::byte*>(args);
    const std::vector<std::byte> copy(first, first + kernel.args_bytes);
    const gpu::Kernel* which = &kernel;
    queue_.push_back([=] { emulator::run(*which, copy.data(), grid, {}); });
  }
  void wait() override {
    ++asked_.waits;
    run_queue();
  }

  std::function<void(const gpu::Kernel&, const void* args, gpu::Grid)> on_launch;

 private:
  void run_queue() {
    mprotect(memory_, bytes_, PROT_READ | PROT_WRITE);
    for (const auto& next : queue_) next();
    queue_.clear();
    mprotect(memory_, bytes_, PROT_NONE);
  }

  Asked& asked_;
  std::size_t bytes_, used_ = 0;
  std::byte* memory_;
  std::vector<std::function<void()>> queue_;
};

}   // namespace glass::test
