// From the names on the command line to a backend, and the sentences for names that lead nowhere.
#include "kernels/backends.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "kernels/cpu/cpu_backend.h"
#ifdef GLASS_HAS_emulator
#include "kernels/emulator/emulator_device.h"
#include "kernels/gpu/gpu_backend.h"
#include "kernels/metal/metal_device.h"
#endif
#ifdef GLASS_HAS_cuda
#include "kernels/cuda/cuda_device.h"
#endif

namespace glass {

namespace {

// One line about a device that not every machine or build has; or "" and why this one lacks it.
std::string describe_optional(const std::string& device, std::string& why) {
#ifdef GLASS_HAS_emulator
  if (device == "emulator")
    return "this processor as a GPU: the kernels of CUDA and Metal, thread by thread";
  if (device == "metal") return metal::describe_metal_device(why);
#endif
#ifdef GLASS_HAS_cuda
  if (device == "cuda") return cuda::describe_cuda_device(why);
#endif
  why = "this program was built without it";
  return "";
}

constexpr const char* kOptionalDevices[] = {"emulator", "cuda", "metal"};

}   // namespace

std::vector<DeviceInfo> list_devices() {
  std::vector<std::string> isas;
  for (const CpuIsa& isa : cpu_isas())
    if (isa.usable) isas.push_back(isa.name);
  std::vector<DeviceInfo> devices = {
      {"cpu", "this processor, vector instructions, several threads, f32", isas},
      {"reference", "this processor, the obvious loops, one thread, f32 and f64", {}},
  };
  for (const char* device : kOptionalDevices) {
    std::string why;
    if (const std::string text = describe_optional(device, why); !text.empty())
      devices.push_back({device, text, {}});
  }
  return devices;
}

std::string why_not(const std::string& device) {
  std::string why;
  return describe_optional(device, why).empty() ? why : "";
}

std::vector<MissingDevice> missing_devices() {
  std::vector<MissingDevice> missing;
  for (const char* device : kOptionalDevices)
    if (const std::string why = why_not(device); !why.empty()) missing.push_back({device, why});
  return missing;
}

namespace {

void require_no_isa(const std::string& device, const std::string& isa) {
  if (isa != "auto")
    throw std::invalid_argument("the " + device + " device has no instruction sets, so '" + isa +
                                "' cannot be chosen; leave it out, or choose device cpu");
}

std::string names_of_devices() {   // "cpu, reference or emulator"
  const std::vector<DeviceInfo> devices = list_devices();
  std::string names;
  for (std::size_t i = 0; i < devices.size(); ++i)
    names += (i == 0 ? "" : i + 1 < devices.size() ? ", " : " or ") + devices[i].name;
  return names;
}

// Throws std::invalid_argument with the sentence of why_not, or what came up behind it.
std::unique_ptr<Backend> open_optional(const std::string& device, int threads) {
  if (const std::string why = why_not(device); !why.empty())
    throw std::invalid_argument("device " + device + " cannot be used: " + why);
#ifdef GLASS_HAS_emulator
  if (device == "emulator")
    return std::make_unique<GpuBackend>(
        std::make_unique<emulator::EmulatorDevice>(emulator::Options{}, make_team(threads)));
  if (device == "metal")
    return std::make_unique<GpuBackend>(std::make_unique<metal::MetalDevice>());
#endif
#ifdef GLASS_HAS_cuda
  if (device == "cuda") return std::make_unique<GpuBackend>(cuda::open_cuda_device());
#endif
  return nullptr;   // why_not has refused it
}

}   // namespace

std::unique_ptr<Backend> make_backend(const std::string& device, const std::string& isa,
                                      int threads) {
  constexpr int kMaxThreads = 1024;
  if (threads < 0 || threads > kMaxThreads)
    throw std::invalid_argument("cannot run on " + std::to_string(threads) +
                                " threads; choose 1 to " + std::to_string(kMaxThreads) +
                                ", or 0 for one per physical core");
  if (device == "auto" || device == "cpu") return make_cpu_backend(isa, threads);
  const bool optional =
      std::count(std::begin(kOptionalDevices), std::end(kOptionalDevices), device);
  if (device == "reference" || optional) require_no_isa(device, isa);
  if (device == "reference") return make_reference_backend();
  try {
    if (optional) return open_optional(device, threads);
    throw std::invalid_argument("there is no device '" + device + "'");
  } catch (const std::invalid_argument& refusal) {
    throw std::invalid_argument(refusal.what() + ("; choose auto, " + names_of_devices()));
  }
}

}   // namespace glass
