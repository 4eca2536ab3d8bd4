// An NVIDIA GPU as a device: one stream, on which copies and launches follow one another while the
// host goes on.
#pragma once
#include <memory>
#include <string>
#include <unordered_map>

#include "kernels/cuda/driver.h"
#include "kernels/cuda/launch_queue.h"
#include "kernels/gpu/device.h"

namespace glass::cuda {

// What of the driver belongs to a device, given back in the opposite order. Giving back never
// throws: after a kernel has crashed the driver answers every call with that error.
struct OwnContext {
  OwnContext(const Driver&, Gpu);
  ~OwnContext();
  OwnContext(const OwnContext&) = delete;
  OwnContext& operator=(const OwnContext&) = delete;
  const Driver& driver;
  Gpu gpu = 0;
  Context context = nullptr;
};
struct OwnModule {
  OwnModule(const Driver&, const std::string& ptx);
  ~OwnModule();
  OwnModule(const OwnModule&) = delete;
  OwnModule& operator=(const OwnModule&) = delete;
  const Driver& driver;
  Module module = nullptr;
};
struct OwnStream {
  explicit OwnStream(const Driver&);
  ~OwnStream();
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;
  const Driver& driver;
  Stream stream = nullptr;
};
// Memory of the host that the GPU can read while the host goes on. Uploads pass through it, one
// behind the other; at its end they wait for the GPU and begin again.
struct OwnStaging {
  explicit OwnStaging(const Driver&);
  ~OwnStaging();
  OwnStaging(const OwnStaging&) = delete;
  OwnStaging& operator=(const OwnStaging&) = delete;
  static constexpr std::size_t kBytes = std::size_t{1} << 20;
  const Driver& driver;
  void* memory = nullptr;
  std::size_t used = 0;
};

class CudaDevice final : public gpu::Device {
 public:
  // ptx: all kernels. Throws std::runtime_error with one sentence.
  CudaDevice(const Driver&, Gpu, const std::string& ptx);
  ~CudaDevice() override;

  const char* name() const override { return name_.c_str(); }
  std::byte* allocate(std::size_t bytes) override;
  void release(std::byte*, std::size_t bytes) noexcept override;
  void upload(std::byte* to, const void* host, std::size_t bytes) override;
  void download(void* host, const std::byte* from, std::size_t bytes) override;
  void fetch(const Fetch* pieces, int count) override;
  void launch(const gpu::Kernel&, const void* args, gpu::Grid) override;
  unsigned most_in_depth() const override { return most_in_depth_; }
  void wait() override;

 private:
  void enter() const;
  void enter_after_launches();
  Function function_of(const gpu::Kernel&);

  const Driver& driver_;
  std::string name_;
  unsigned most_in_depth_;
  OwnContext context_;
  OwnModule module_;
  OwnStream stream_;
  LaunchQueue launches_;
  OwnStaging staging_;
  std::unordered_map<const gpu::Kernel*, Function> functions_;
};

// The first GPU of the driver that GLASS_CUDA_DRIVER names. Throws std::invalid_argument with one
// sentence where there is none, or none that these kernels run on.
std::unique_ptr<gpu::Device> open_cuda_device();

// One line for people about the GPU that open_cuda_device would open; or "" and why it would not.
std::string describe_cuda_device(std::string& why);

}   // namespace glass::cuda
