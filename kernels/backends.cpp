// From the names on the command line to a backend, and the sentences for names that lead nowhere.
#include "kernels/backends.h"

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

std::vector<DeviceInfo> list_devices() {
  std::vector<std::string> isas;
  for (const CpuIsa& isa : cpu_isas())
    if (isa.usable) isas.push_back(isa.name);
  std::vector<DeviceInfo> devices = {
      {"cpu", "this processor, vector instructions, several threads, f32", isas},
      {"reference", "this processor, the obvious loops, one thread, f32 and f64", {}},
  };
#ifdef GLASS_HAS_emulator
  devices.push_back(
      {"emulator", "this processor as a GPU: the kernels of CUDA and Metal, thread by thread", {}});
#endif
#ifdef GLASS_HAS_cuda
  std::string why;
  if (std::string gpu = cuda::describe_cuda_device(why); !gpu.empty())
    devices.push_back({"cuda", gpu, {}});
#endif
#ifdef GLASS_HAS_emulator
  if (const metal::Presence gpu = metal::find_gpu(); gpu.why_not.empty())
    devices.push_back({"metal", gpu.name + ", through Metal", {}});
#endif
  return devices;
}

std::string why_no_cuda() {
#ifdef GLASS_HAS_cuda
  std::string why;
  (void)cuda::describe_cuda_device(why);
  return why;
#else
  return "this program was built without device cuda";
#endif
}

std::string why_no_metal() {
#ifdef GLASS_HAS_emulator
  return metal::find_gpu().why_not;
#else
  return "this program was built without device metal";
#endif
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

}   // namespace

std::unique_ptr<Backend> make_backend(const std::string& device, const std::string& isa,
                                      int threads) {
  constexpr int kMaxThreads = 1024;
  if (threads < 0 || threads > kMaxThreads)
    throw std::invalid_argument("cannot run on " + std::to_string(threads) +
                                " threads; choose 1 to " + std::to_string(kMaxThreads) +
                                ", or 0 for one per physical core");
  if (device == "auto" || device == "cpu") return make_cpu_backend(isa, threads);
  if (device == "reference" || device == "emulator" || device == "cuda" || device == "metal")
    require_no_isa(device, isa);
  if (device == "reference") return make_reference_backend();
#ifdef GLASS_HAS_emulator
  if (device == "emulator")
    return std::make_unique<GpuBackend>(
        std::make_unique<emulator::EmulatorDevice>(emulator::Options{}, make_team(threads)));
  if (device == "metal") {
    if (const std::string why_not = why_no_metal(); !why_not.empty())
      throw std::invalid_argument(why_not + "; choose auto, " + names_of_devices());
    return std::make_unique<GpuBackend>(std::make_unique<metal::MetalDevice>());
  }
#endif
#ifdef GLASS_HAS_cuda
  if (device == "cuda") {
    try {
      return std::make_unique<GpuBackend>(cuda::open_cuda_device());
    } catch (const std::invalid_argument& missing) {
      throw std::invalid_argument(missing.what() + std::string("; choose auto, ") +
                                  names_of_devices());
    }
  }
#endif
  const bool known = device == "cuda" || device == "metal" || device == "emulator";
  throw std::invalid_argument((known ? "this program was built without device " + device
                                     : "there is no device '" + device + "'") +
                              "; choose auto, " + names_of_devices());
}

}   // namespace glass
