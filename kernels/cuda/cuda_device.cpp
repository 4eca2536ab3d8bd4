#include "kernels/cuda/cuda_device.h"

#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "kernels/cuda/kernel_image.h"
#include "kernels/device_memory.h"
#include "kernels/gpu/kernel_list.h"

namespace glass::cuda {
namespace {

void check(const Driver& driver, int code, const std::string& what) {
  if (code != kSuccess) throw std::runtime_error("cuda: " + what + ": " + driver.meaning(code));
}

std::string gigabytes(std::size_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GB", static_cast<double>(bytes) * 1e-9);
  return text;
}

Address address(const std::byte* p) { return reinterpret_cast<Address>(p); }

// "9.0"
std::string version_text(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

}   // namespace

OwnContext::OwnContext(const Driver& driver_of_gpu, Gpu gpu_of_driver)
    : driver(driver_of_gpu), gpu(gpu_of_driver) {
  check(driver, driver.cuDevicePrimaryCtxRetain(&context, gpu), "the GPU cannot be opened");
  if (const int code = driver.cuCtxSetCurrent(context)) {
    driver.cuDevicePrimaryCtxRelease(gpu);
    check(driver, code, "the GPU cannot be used by this thread");
  }
}
OwnContext::~OwnContext() { driver.cuDevicePrimaryCtxRelease(gpu); }

OwnModule::OwnModule(const Driver& driver_of_gpu, const std::string& ptx) : driver(driver_of_gpu) {
  constexpr int kErrorLog = 5, kErrorLogBytes = 6;   // CUjit_option
  std::vector<char> log(4096, '\0');
  int options[] = {kErrorLog, kErrorLogBytes};
  void* values[] = {log.data(), reinterpret_cast<void*>(log.size() - 1)};
  const int code = driver.cuModuleLoadDataEx(&module, ptx.c_str(), 2, options, values);
  const std::string said = log.data();
  check(driver, code,
        "the driver does not take the kernels" +
            (said.empty() ? "" : " (" + said.substr(0, said.find('\n')) + ")"));
}
OwnModule::~OwnModule() { driver.cuModuleUnload(module); }

OwnStream::OwnStream(const Driver& driver_of_gpu) : driver(driver_of_gpu) {
  constexpr unsigned kNonBlocking = 1;   // CU_STREAM_NON_BLOCKING: waits for no other stream
  check(driver, driver.cuStreamCreate(&stream, kNonBlocking), "no stream can be made");
}
OwnStream::~OwnStream() {
  driver.cuStreamSynchronize(stream);
  driver.cuStreamDestroy(stream);
}

OwnStaging::OwnStaging(const Driver& driver_of_gpu) : driver(driver_of_gpu) {
  check(driver, driver.cuMemAllocHost(&memory, kBytes), "no memory of the host can be reserved");
}
OwnStaging::~OwnStaging() { driver.cuMemFreeHost(memory); }

CudaDevice::CudaDevice(const Driver& driver, Gpu gpu, const std::string& ptx)
    : driver_(driver),
      name_("cuda, " + gpu_info(driver, gpu).name),
      most_in_depth_(static_cast<unsigned>(gpu_info(driver, gpu).most_in_depth)),
      context_(driver, gpu),
      module_(driver, ptx),
      stream_(driver),
      launches_(driver, stream_.stream),
      staging_(driver) {}

CudaDevice::~CudaDevice() {
  driver_.cuCtxSetCurrent(context_.context);
  driver_.cuStreamSynchronize(stream_.stream);   // nothing may still read the staging memory
}

// The driver keeps for each thread of the host which GPU it means.
void CudaDevice::enter() const {
  check(driver_, driver_.cuCtxSetCurrent(context_.context),
        "the GPU cannot be used by this thread");
}

// For what comes behind the launches so far.
void CudaDevice::enter_after_launches() {
  enter();
  launches_.start();
}

std::byte* CudaDevice::allocate(std::size_t bytes) {
  enter();
  Address at = 0;
  const int code =
      driver_.cuMemAlloc(&at, bytes > 0 ? bytes : 1);   // it gives no memory for nothing
  if (code == kOutOfMemory) {
    std::size_t left = 0, all = 0;
    driver_.cuMemGetInfo(&left, &all);
    throw OutOfDeviceMemory("out of memory on the GPU: " + gigabytes(bytes) +
                            " more were wanted, " + gigabytes(left) + " of its " + gigabytes(all) +
                            " are free");
  }
  check(driver_, code, "no memory can be had");
  return reinterpret_cast<std::byte*>(at);
}

void CudaDevice::release(std::byte* p, std::size_t) noexcept {
  if (!p) return;
  driver_.cuCtxSetCurrent(context_.context);
  driver_.cuStreamSynchronize(stream_.stream);   // nothing in flight may still use it
  driver_.cuMemFree(address(p));
}

void CudaDevice::upload(std::byte* to, const void* host, std::size_t bytes) {
  if (bytes == 0) return;
  enter_after_launches();
  const bool fits = bytes <= OwnStaging::kBytes;
  const void* from = host;
  if (fits) {
    if (staging_.used + bytes > OwnStaging::kBytes) wait();   // and begins again
    from = static_cast<std::byte*>(staging_.memory) + staging_.used;
    std::memcpy(static_cast<std::byte*>(staging_.memory) + staging_.used, host, bytes);
    staging_.used += bytes;
  }
  check(driver_, driver_.cuMemcpyHtoDAsync(address(to), from, bytes, stream_.stream),
        "a copy to the GPU");
  if (!fits) wait();   // the caller may reuse its memory at once
}

void CudaDevice::download(void* host, const std::byte* from, std::size_t bytes) {
  if (bytes > 0) {
    enter_after_launches();
    check(driver_, driver_.cuMemcpyDtoHAsync(host, address(from), bytes, stream_.stream),
          "a copy from the GPU");
  }
  wait();
}

// Into memory of the host that the GPU can write while the host goes on: into any other, the driver
// copies one piece, waits, and copies the next.
void CudaDevice::fetch(const Fetch* pieces, int count) {
  std::size_t bytes = 0;
  for (int i = 0; i < count; ++i) bytes += pieces[i].bytes;
  if (bytes > OwnStaging::kBytes - staging_.used) return gpu::Device::fetch(pieces, count);
  enter_after_launches();
  std::byte* const first = static_cast<std::byte*>(staging_.memory) + staging_.used;
  std::byte* to = first;
  for (int i = 0; i < count; to += pieces[i++].bytes)
    if (pieces[i].bytes > 0)
      check(driver_,
            driver_.cuMemcpyDtoHAsync(to, address(pieces[i].from), pieces[i].bytes, stream_.stream),
            "a copy from the GPU");
  wait();
  const std::byte* from = first;
  for (int i = 0; i < count; from += pieces[i++].bytes)
    if (pieces[i].bytes > 0) std::memcpy(pieces[i].to, from, pieces[i].bytes);
}

Function CudaDevice::function_of(const gpu::Kernel& kernel) {
  Function& function = functions_[&kernel];
  if (function) return function;
  Function found = nullptr;
  check(driver_, driver_.cuModuleGetFunction(&found, module_.module, kernel.name),
        std::string("there is no kernel ") + kernel.name);
  // More memory for a group than every GPU has must be asked for once.
  constexpr std::size_t kOrdinaryBytes = 48 << 10;
  if (kernel.block_bytes > kOrdinaryBytes)
    check(driver_,
          driver_.cuFuncSetAttribute(found, kMostDynamicSharedBytes,
                                     static_cast<int>(kernel.block_bytes)),
          std::string("kernel ") + kernel.name + " needs " + std::to_string(kernel.block_bytes) +
              " bytes of memory for each group, more than this GPU has");
  return function = found;
}

void CudaDevice::launch(const gpu::Kernel& kernel, const void* args, gpu::Grid grid) {
  constexpr unsigned kMostBelow = 65535;   // along the second axis
  if (grid.y > kMostBelow || grid.z > most_in_depth_)
    throw std::invalid_argument("cuda: " + std::string(kernel.name) + " would need " +
                                std::to_string(grid.x) + " x " + std::to_string(grid.y) + " x " +
                                std::to_string(grid.z) +
                                " groups of threads; this GPU starts at most 65535 along the "
                                "second and " +
                                std::to_string(most_in_depth_) + " along the third axis");
  enter();
  launches_.add(
      {function_of(kernel), kernel.name, grid, static_cast<unsigned>(kernel.threads),
       static_cast<unsigned>(kernel.block_bytes), static_cast<unsigned>(kernel.args_bytes)},
      args);
}

void CudaDevice::wait() {
  enter_after_launches();
  check(driver_, driver_.cuStreamSynchronize(stream_.stream), "a kernel or a copy failed");
  staging_.used = 0;
}

namespace {

// The driver and the first GPU, where these kernels run on it.
const Driver* find_gpu(GpuInfo& info, std::string& why) {
  const Driver* driver = find_driver(why);
  if (!driver) return nullptr;
  info = gpu_info(*driver, 0);
  if (info.capability >= kLeastCapability) return driver;
  why = info.name + " has compute capability " + version_text(info.capability) +
        ", and the kernels need " + version_text(kLeastCapability);
  return nullptr;
}

}   // namespace

std::unique_ptr<gpu::Device> open_cuda_device() {
  GpuInfo info;
  std::string why;
  const Driver* driver = find_gpu(info, why);
  const std::string ptx = driver ? kernel_image(info.capability, why) : "";
  if (ptx.empty()) throw std::invalid_argument("device cuda cannot be used: " + why);
  return std::make_unique<CudaDevice>(*driver, 0, ptx);
}

std::string describe_cuda_device(std::string& why) {
  GpuInfo info;
  const Driver* driver = find_gpu(info, why);
  if (!driver || !can_have_image(why)) return "";
  std::string more = driver->gpus > 1 ? ", the first of " + std::to_string(driver->gpus) : "";
  return info.name + more + ", " + gigabytes(info.bytes) + ", compute capability " +
         version_text(info.capability) + ", driver for CUDA " +
         std::to_string(driver->version / 1000) + "." + std::to_string(driver->version % 1000 / 10);
}

}   // namespace glass::cuda
