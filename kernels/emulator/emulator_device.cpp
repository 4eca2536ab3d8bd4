#include "kernels/emulator/emulator_device.h"

#include <cstring>

namespace glass::emulator {

void EmulatorDevice::upload(std::byte* to, const void* host, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, host, bytes);
}
void EmulatorDevice::download(void* host, const std::byte* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(host, from, bytes);
}
void EmulatorDevice::launch(const gpu::Kernel& kernel, const void* args, gpu::Grid grid) {
  run(kernel, args, grid, options_);
}

}   // namespace glass::emulator
