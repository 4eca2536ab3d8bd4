#include "kernels/cpu/cpu_base.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>

#include "kernels/bits.h"
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
bool CpuBase::supports(DType dtype) const { return dtype != DType::f64; }

std::byte* CpuBase::allocate(std::size_t bytes) { return parts_->memory.allocate(bytes); }
void CpuBase::release(std::byte* block, std::size_t bytes) noexcept {
  parts_->memory.release(block, bytes);
}
void CpuBase::upload(std::byte* to, const void* host, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, host, bytes);
}
void CpuBase::fetch(const Fetch* pieces, int count) {
  for (const Fetch* f = pieces; f < pieces + count; ++f)
    if (f->bytes > 0) std::memcpy(f->to, f->from, f->bytes);
}
void CpuBase::wait() {}
MemoryUse CpuBase::memory_use() const { return parts_->memory.use(); }
// 64 MiB of logits are 333 rows of GPT-2's vocabulary. With 20 rows the products of a chunk, which read
// the weight twice and its gradient once, run at half the speed that 256 rows allow.
std::size_t CpuBase::chunk_bytes() const { return std::size_t{64} << 20; }

void refuse_type(const char* kernel, DType got, DType wanted) {
  const char* const names[] = {"f32", "f64", "bf16", "i32"};
  const std::string name = names[static_cast<int>(got)];
  throw std::invalid_argument(std::string(kernel) + ": the cpu backend takes " +
                              names[static_cast<int>(wanted)] + " here, not " + name +
                              (got == DType::f64 ? "; the reference backend computes in f64" : ""));
}

void refuse_id(const char* kernel, std::int64_t id, std::int64_t position, std::int64_t limit) {
  throw std::invalid_argument(std::string(kernel) + ": id " + std::to_string(id) + " at position " +
                              std::to_string(position) + " is not in [0, " + std::to_string(limit) +
                              ")");
}

namespace {

double read(const View& v, std::int64_t offset) {
  if (v.dtype == DType::i32) return reinterpret_cast<const std::int32_t*>(v.data)[offset];
  if (v.dtype == DType::bf16) {
    const std::uint32_t upper = reinterpret_cast<const std::uint16_t*>(v.data)[offset];
    return bit_cast<float>(upper << 16);
  }
  return reinterpret_cast<const float*>(v.data)[offset];
}

std::int32_t to_i32(double value) {
  using Limits = std::numeric_limits<std::int32_t>;
  if (std::isnan(value)) return 0;
  if (value <= Limits::min()) return Limits::min();
  if (value >= Limits::max()) return Limits::max();
  return static_cast<std::int32_t>(value);
}

void write(const View& v, std::int64_t offset, double value) {
  if (v.dtype == DType::i32) {
    reinterpret_cast<std::int32_t*>(v.data)[offset] = to_i32(value);
  } else if (v.dtype == DType::bf16) {   // of an integer: no NaN, and 31 bits in double are exact
    const auto f = static_cast<float>(value);
    std::uint32_t bits = bit_cast<std::uint32_t>(f);
    // An integer that f32 rounded must not be rounded to even a second time.
    if (static_cast<double>(f) != value && (bits & 0xFFFFu) == 0x8000u)
      bits += std::fabs(value) > std::fabs(static_cast<double>(f)) ? 1 : ~std::uint32_t{0};
    reinterpret_cast<std::uint16_t*>(v.data)[offset] =
        static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
  } else {
    reinterpret_cast<float*>(v.data)[offset] = static_cast<float>(value);
  }
}

// Calls body(offset in y, offset in x) for every element of two views of one shape.
template <class Body>
void for_each(const View& y, const View& x, const Body& body) {
  std::int64_t count = 1, index[kMaxRank] = {};
  for (int i = 0; i < y.rank; ++i) count *= y.shape[i];
  for (; count > 0; --count) {
    std::int64_t to = 0, from = 0;
    for (int i = 0; i < y.rank; ++i) to += index[i] * y.stride[i], from += index[i] * x.stride[i];
    body(to, from);
    for (int axis = y.rank - 1; axis >= 0 && ++index[axis] == y.shape[axis]; --axis)
      index[axis] = 0;
  }
}

void require_number(const char* kernel, const View& v) {
  if (v.dtype == DType::f64) refuse_type(kernel, v.dtype, DType::f32);
}

}   // namespace

void fill_ids(const View& y, double c) {
  require_number("fill", y);
  for_each(y, y, [&](std::int64_t to, std::int64_t) { write(y, to, c); });
}

void copy_converted(const Into& y, const View& x) {
  require_number("copy", y.view);
  require_number("copy", x);
  for_each(y.view, x, [&](std::int64_t to, std::int64_t from) {
    write(y.view, to, y.add ? read(y.view, to) + read(x, from) : read(x, from));
  });
}

namespace {

struct Workspace {
  float* data = nullptr;
  std::int64_t floats = 0;
  ~Workspace() { std::free(data); }
};
thread_local Workspace workspaces[static_cast<int>(Scratch::count)];

}   // namespace

float* scratch(Scratch slot, std::int64_t floats) {
  Workspace& w = workspaces[static_cast<int>(slot)];
  if (w.floats < floats) {
    const std::size_t bytes =
        (static_cast<std::size_t>(floats) * sizeof(float) + 4095) / 4096 * 4096;
    std::free(w.data);
    w.data = nullptr, w.floats = 0;
    void* block = std::aligned_alloc(64, bytes);
    if (block == nullptr) throw std::bad_alloc();
    std::memset(block, 0, 64);
    w.data = static_cast<float*>(block);
    w.floats = static_cast<std::int64_t>(bytes / sizeof(float));
  }
  return w.data;
}

}   // namespace glass
