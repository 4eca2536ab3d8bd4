#include "kernels/cpu/cpu_base.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>

#include "kernels/host_memory.h"

namespace glass {

struct CpuBase::Parts {
  HostMemory memory;
  std::string name;
};

CpuBase::CpuBase(const char* isa, int threads) : team_(make_team(threads)), parts_(new Parts) {
  parts_->name = std::string("cpu ") + isa + ", " + std::to_string(team_.threads) +
                 (team_.threads == 1 ? " thread" : " threads");
}
CpuBase::~CpuBase() { delete parts_; }

const char* CpuBase::name() const { return parts_->name.c_str(); }
bool CpuBase::supports(DType dtype) const { return dtype == DType::f32 || dtype == DType::i32; }

std::byte* CpuBase::allocate(std::size_t bytes) { return parts_->memory.allocate(bytes); }
void CpuBase::release(std::byte* block, std::size_t bytes) noexcept { parts_->memory.release(block, bytes); }
void CpuBase::upload(std::byte* to, const void* host, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, host, bytes);
}
void CpuBase::download(void* host, const std::byte* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(host, from, bytes);
}
void CpuBase::wait() {}

void refuse_type(const char* kernel, DType got, DType wanted) {
  const char* const names[] = {"f32", "f64", "bf16", "i32"};
  const std::string name = names[static_cast<int>(got)];
  throw std::invalid_argument(std::string(kernel) + ": the cpu backend takes " + names[static_cast<int>(wanted)] +
                              " here, not " + name +
                              (got == DType::f64 ? "; the reference backend computes in f64" : ""));
}

namespace {

struct Workspace {
  float* data = nullptr;
  std::int64_t floats = 0;
  ~Workspace() { std::free(data); }
};
thread_local Workspace workspaces[4];

}  // namespace

float* scratch(Scratch slot, std::int64_t floats) {
  Workspace& w = workspaces[static_cast<int>(slot)];
  if (w.floats < floats) {
    const std::size_t bytes = (static_cast<std::size_t>(floats) * sizeof(float) + 4095) / 4096 * 4096;
    std::free(w.data);
    w.data = nullptr, w.floats = 0;
    void* block = std::aligned_alloc(64, bytes);
    if (block == nullptr) throw std::bad_alloc();
    w.data = static_cast<float*>(block);
    w.floats = static_cast<std::int64_t>(bytes / sizeof(float));
  }
  return w.data;
}

}  // namespace glass
