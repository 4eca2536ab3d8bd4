#include "kernels/gpu/gpu_backend.h"

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/gpu/faults.h"
#include "kernels/gpu/kernel_list.h"
#include "kernels/gpu/language/philox.h"

namespace glass {

namespace {

constexpr std::size_t kFaultBytes = gpu::kFaults * sizeof(unsigned);

}   // namespace

GpuBackend::GpuBackend(std::unique_ptr<gpu::Device> device)
    : device_(std::move(device)),
      memory_(*device_),
      faults_(reinterpret_cast<unsigned*>(memory_.allocate(kFaultBytes))),
      now_(reinterpret_cast<unsigned*>(memory_.allocate(sizeof now_there_))) {
  const unsigned none[gpu::kFaults] = {};
  upload(reinterpret_cast<std::byte*>(faults_), none, kFaultBytes);
  upload(reinterpret_cast<std::byte*>(now_), now_there_, sizeof now_there_);
}
GpuBackend::~GpuBackend() {
  norm_parts_.release(*this);
  adamw_parts_.release(*this);
  for (const Turns& known : turns_) release(known.data, known.bytes);
  release(reinterpret_cast<std::byte*>(faults_), kFaultBytes);
  release(reinterpret_cast<std::byte*>(now_), sizeof now_there_);
}

const char* GpuBackend::name() const { return device_->name(); }
bool GpuBackend::supports(DType type) const { return type != DType::f64; }

std::byte* GpuBackend::allocate(std::size_t bytes) { return memory_.allocate(bytes); }
void GpuBackend::release(std::byte* p, std::size_t bytes) noexcept { memory_.release(p, bytes); }
MemoryUse GpuBackend::memory_use() const { return memory_.use(); }
// 1 GiB of logits are 5,342 rows of GPT-2's vocabulary. Their derivative times the weight is 42 x 6
// pieces of 128 x 128, and a large GPU works on 132 at a time.
std::size_t GpuBackend::chunk_bytes() const { return std::size_t{1} << 30; }
void GpuBackend::upload(std::byte* to, const void* host, std::size_t bytes) {
  device_->upload(to, host, bytes);
}

// What kernels found wrong comes home with whatever the host waits for anyway.
void GpuBackend::fetch(const Fetch* pieces, int count) {
  unsigned found[gpu::kFaults];
  std::vector<Fetch> all(pieces, pieces + count);
  all.push_back({found, reinterpret_cast<const std::byte*>(faults_), kFaultBytes});
  device_->fetch(all.data(), count + 1);
  refuse_faults(found);
}
void GpuBackend::wait() { fetch(nullptr, 0); }

// The key of random.h as kernels get it. A step that they draw for is sent when it changes, and
// only if they draw at all; so a backend serves one training at a time.
gpu::Draws GpuBackend::draws_of(const RandomKey& key, double dropped) {
  const std::lock_guard<std::mutex> lock(now_mutex_);
  if (dropped > 0 && (now_there_[0] != key.step || now_there_[1] != key.micro)) {
    now_there_[0] = key.step, now_there_[1] = key.micro;
    upload(reinterpret_cast<std::byte*>(now_), now_there_, sizeof now_there_);
  }
  return {static_cast<unsigned>(key.seed), static_cast<unsigned>(key.seed >> 32), key.site, 0, now_};
}

// Turns what kernels reported into an error, once.
void GpuBackend::refuse_faults(const unsigned* found) {
  constexpr const char* kSentences[gpu::kFaults] = {"gather: the id at position ",
                                                    "scatter_add: the id at position ",
                                                    "cross_entropy: the target of row "};
  for (unsigned which = 0; which < gpu::kFaults; ++which) {
    if (found[which] == 0) continue;
    const unsigned none[gpu::kFaults] = {};
    upload(reinterpret_cast<std::byte*>(faults_), none, kFaultBytes);
    throw std::invalid_argument("gpu: " + std::string(kSentences[which]) +
                                std::to_string(0xffffffffu - found[which]) + " is out of range");
  }
}
void GpuBackend::check_faults_at_once() {
  if (device_->runs_at_once()) wait();
}

// A launch of no groups is nothing to do; kernels need not ask.
void GpuBackend::launch_raw(const char* name, const void* args, std::size_t bytes, gpu::Grid grid) {
  const gpu::Kernel* kernel = gpu::find_kernel(name);
  if (!kernel || kernel->args_bytes != bytes)
    throw std::logic_error(std::string("gpu: there is no kernel ") + name + " with such arguments");
  if (grid.x > 0 && grid.y > 0 && grid.z > 0) device_->launch(*kernel, args, grid);
}

}   // namespace glass
