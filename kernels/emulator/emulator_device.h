// The emulator as a device: memory of the host, kernels run at once. The groups of a launch are
// shared out to a team of threads, where there is one; they know nothing of each other, so the
// results are the same.
#pragma once
#include <string>

#include "kernels/cpu/team.h"
#include "kernels/emulator/fences.h"
#include "kernels/emulator/group.h"
#include "kernels/gpu/device.h"
#include "kernels/host_memory.h"

namespace glass::emulator {

class EmulatorDevice : public gpu::Device {
 public:
  explicit EmulatorDevice(Options options = {}, Team team = {1});
  const char* name() const override { return name_.c_str(); }
  std::byte* allocate(std::size_t bytes) override { return memory_.allocate(bytes); }
  void release(std::byte* p, std::size_t bytes) noexcept override;
  // A kernel that writes beyond what is lent breaks a fence (fences.h) and is named when it has
  // run. AddressSanitizer sees who touches what is not lent, at once, and needs no fence.
  std::size_t gap() const override { return Fences::kBytes; }
  void lend(std::byte*, std::size_t) noexcept override;
  void take_back(std::byte*, std::size_t) noexcept override;
  void upload(std::byte* to, const void* host, std::size_t bytes) override;
  void download(void* host, const std::byte* from, std::size_t bytes) override;
  // What a kernel does wrong is told as if the groups had run in order: of the first that does. But
  // groups behind it may have run, too.
  void launch(const gpu::Kernel&, const void* args, gpu::Grid) override;
  unsigned most_in_depth() const override { return options_.most_in_depth; }
  void wait() override {}
  bool runs_at_once() const override { return true; }

 private:
  void run_all(const gpu::Kernel&, const void* args, gpu::Grid);

  Options options_;
  Team team_;
  std::string name_;
  HostMemory memory_;
  Fences fences_;
};

}   // namespace glass::emulator
