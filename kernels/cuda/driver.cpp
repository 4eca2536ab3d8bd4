#include "kernels/cuda/driver.h"

#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "kernels/cuda/shared_library.h"

namespace glass::cuda {
namespace {

struct Found {
  std::unique_ptr<Driver> driver;
  std::string why;   // there is none
};

Found open_driver(const std::string& name) {
  std::string why;
  void* const library = open_first({name}, why);   // for as long as the program runs
  if (!library) return {nullptr, "the NVIDIA driver cannot be opened (" + why + ")"};
  auto driver = std::make_unique<Driver>();
  std::string missing;
#define GLASS_BIND(function, suffix, arguments) \
  bind(library, #function suffix, driver->function, missing);
  GLASS_CUDA_DRIVER(GLASS_BIND)
#undef GLASS_BIND
  if (!missing.empty())
    return {nullptr, "the NVIDIA driver " + name + " has no " + missing + ", so it is too old"};
  if (const int code = driver->cuInit(0))
    return {nullptr, "the NVIDIA driver does not start (" + driver->meaning(code) + ")"};
  driver->cuDriverGetVersion(&driver->version);
  if (driver->cuDeviceGetCount(&driver->gpus) != kSuccess || driver->gpus == 0)
    return {nullptr, "the NVIDIA driver sees no GPU"};
  return {std::move(driver), ""};
}

}   // namespace

std::string Driver::meaning(int code) const {
  const char* text = nullptr;
  if (cuGetErrorString(code, &text) != kSuccess || !text)
    return "error " + std::to_string(code) + " of the driver";
  return text;
}

const Driver* find_driver(std::string& why) {
  static std::mutex mutex;
  static std::map<std::string, Found> found;   // by the name of the library
  const char* asked = std::getenv("GLASS_CUDA_DRIVER");
  const std::string name = asked && *asked ? asked : "libcuda.so.1";
  const std::lock_guard<std::mutex> lock(mutex);
  const auto [at, fresh] = found.try_emplace(name);
  if (fresh) at->second = open_driver(name);
  why = at->second.why;
  return at->second.driver.get();
}

GpuInfo gpu_info(const Driver& driver, Gpu gpu) {
  GpuInfo info;
  char name[256] = "";
  int major = 0, minor = 0;
  driver.cuDeviceGetName(name, sizeof name - 1, gpu);
  driver.cuDeviceTotalMem(&info.bytes, gpu);
  driver.cuDeviceGetAttribute(&major, kCapabilityMajor, gpu);
  driver.cuDeviceGetAttribute(&minor, kCapabilityMinor, gpu);
  if (int most = 0;
      driver.cuDeviceGetAttribute(&most, kMostGroupsInDepth, gpu) == kSuccess && most > 0)
    info.most_in_depth = most;
  info.name = name;
  info.capability = 10 * major + minor;
  return info;
}

}   // namespace glass::cuda
