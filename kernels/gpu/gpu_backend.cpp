#include "kernels/gpu/gpu_backend.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "kernels/gpu/faults.h"
#include "kernels/gpu/kernel_list.h"

namespace glass {

namespace {

constexpr std::size_t kFaultBytes = gpu::kFaults * sizeof(unsigned);

}   // namespace

GpuBackend::GpuBackend(std::unique_ptr<gpu::Device> device)
    : device_(std::move(device)),
      faults_(reinterpret_cast<unsigned*>(device_->allocate(kFaultBytes))) {
  const unsigned none[gpu::kFaults] = {};
  upload(reinterpret_cast<std::byte*>(faults_), none, kFaultBytes);
}
GpuBackend::~GpuBackend() {
  norm_pieces_.release(*device_);
  adamw_pieces_.release(*device_);
  device_->release(reinterpret_cast<std::byte*>(faults_), kFaultBytes);
}

const char* GpuBackend::name() const { return device_->name(); }
bool GpuBackend::supports(DType type) const { return type != DType::f64; }

std::byte* GpuBackend::allocate(std::size_t bytes) { return device_->allocate(bytes); }
void GpuBackend::release(std::byte* p, std::size_t bytes) noexcept { device_->release(p, bytes); }
void GpuBackend::upload(std::byte* to, const void* host, std::size_t bytes) {
  device_->upload(to, host, bytes);
}
void GpuBackend::download(void* host, const std::byte* from, std::size_t bytes) {
  device_->download(host, from, bytes);
  check_faults();
}
void GpuBackend::wait() {
  device_->wait();
  check_faults();
}

// Turns what kernels reported into an error, once.
void GpuBackend::check_faults() {
  constexpr const char* kSentences[gpu::kFaults] = {"gather: the id at position ",
                                                    "scatter_add: the id at position ",
                                                    "cross_entropy: the target of row "};
  unsigned found[gpu::kFaults];
  std::byte* const faults = reinterpret_cast<std::byte*>(faults_);
  device_->download(found, faults, kFaultBytes);
  for (unsigned which = 0; which < gpu::kFaults; ++which) {
    if (found[which] == 0) continue;
    const unsigned none[gpu::kFaults] = {};
    device_->upload(faults, none, kFaultBytes);
    throw std::invalid_argument("gpu: " + std::string(kSentences[which]) +
                                std::to_string(0xffffffffu - found[which]) + " is out of range");
  }
}
void GpuBackend::check_faults_at_once() {
  if (device_->runs_at_once()) check_faults();
}

// A launch of no groups is nothing to do; kernels need not ask.
void GpuBackend::launch_raw(const char* name, const void* args, std::size_t bytes, gpu::Grid grid) {
  const gpu::Kernel* kernel = gpu::find_kernel(name);
  if (!kernel || kernel->args_bytes != bytes)
    throw std::logic_error(std::string("gpu: there is no kernel ") + name + " with such arguments");
  if (grid.x > 0 && grid.y > 0 && grid.z > 0) device_->launch(*kernel, args, grid);
}

}   // namespace glass
