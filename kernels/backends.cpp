// From the names on the command line to a backend, and the sentences for names that lead nowhere.
#include "kernels/backends.h"

#include <stdexcept>

#include "kernels/cpu/cpu_backend.h"

namespace glass {

std::vector<DeviceInfo> list_devices() {
  std::vector<std::string> isas;
  for (const CpuIsa& isa : cpu_isas())
    if (isa.usable) isas.push_back(isa.name);
  return {
      {"cpu", "this processor, vector instructions, several threads, f32", isas},
      {"reference", "this processor, the obvious loops, one thread, f32 and f64", {}},
  };
}

std::unique_ptr<Backend> make_backend(const std::string& device, const std::string& isa,
                                      int threads) {
  constexpr int kMaxThreads = 1024;
  if (threads < 0 || threads > kMaxThreads)
    throw std::invalid_argument("cannot run on " + std::to_string(threads) +
                                " threads; choose 1 to " + std::to_string(kMaxThreads) +
                                ", or 0 for one per physical core");
  if (device == "auto" || device == "cpu") return make_cpu_backend(isa, threads);
  if (device == "reference") {
    if (isa != "auto")
      throw std::invalid_argument("the reference device has no instruction sets, so '" + isa +
                                  "' cannot be chosen; leave it out, or choose device cpu");
    return make_reference_backend();
  }
  const bool known = device == "cuda" || device == "metal" || device == "emulator";
  throw std::invalid_argument((known ? "this program was built without device " + device
                                     : "there is no device '" + device + "'") +
                              "; choose auto, cpu or reference");
}

}  // namespace glass
