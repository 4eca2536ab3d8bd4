// The emulator as a device: memory of the host, kernels run at once.
#pragma once
#include "kernels/emulator/group.h"
#include "kernels/gpu/device.h"
#include "kernels/host_memory.h"

namespace glass::emulator {

class EmulatorDevice final : public gpu::Device {
 public:
  explicit EmulatorDevice(Options options = {}) : options_(options) {}
  const char* name() const override { return "emulator, one thread"; }
  std::byte* allocate(std::size_t bytes) override { return memory_.allocate(bytes); }
  void release(std::byte* p, std::size_t bytes) noexcept override { memory_.release(p, bytes); }
  void upload(std::byte* to, const void* host, std::size_t bytes) override;
  void download(void* host, const std::byte* from, std::size_t bytes) override;
  void launch(const gpu::Kernel&, const void* args, gpu::Grid) override;
  void wait() override {}
  bool runs_at_once() const override { return true; }

 private:
  Options options_;
  HostMemory memory_;
};

}   // namespace glass::emulator
