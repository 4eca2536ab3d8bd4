// What every CPU backend shares, whatever its instruction set: memory, threads, name and refusals.
// This half is compiled with the plain flags of the machine and may use the standard library and
// throw; the kernels of kernels/cpu/isa/cpu.h may do neither (see kernels/cpu/simd.h).
#pragma once
#include "kernels/backend.h"
#include "kernels/cpu/team.h"

namespace glass {

class CpuBase : public Backend {
 public:
  CpuBase(const char* isa, int threads);   // threads 0: one per physical core
  CpuBase(const CpuBase&) = delete;
  CpuBase& operator=(const CpuBase&) = delete;
  ~CpuBase() override;

  const char* name() const final;
  bool supports(DType) const final;   // f32 and bf16 for numbers, i32 for ids and flags
  std::byte* allocate(std::size_t bytes) final;
  void release(std::byte*, std::size_t bytes) noexcept final;
  void upload(std::byte* to, const void* host, std::size_t bytes) final;
  void fetch(const Fetch* pieces, int count) final;
  void wait() final;   // nothing is ever queued
  MemoryUse memory_use() const final;
  std::size_t chunk_bytes() const final;

 protected:
  Team team_;

 private:
  struct Parts;
  Parts* parts_;
};

// Throws std::invalid_argument: which kernel, which type it got, what to do.
[[noreturn]] void refuse_type(const char* kernel, DType got, DType wanted);

// Throws std::invalid_argument: ids[position] is not in [0, limit).
[[noreturn]] void refuse_id(const char* kernel, std::int64_t id, std::int64_t position,
                            std::int64_t limit);

// The rare cases of fill and copy, element by element: whole numbers, and from one type to another.
// Towards an integer the fraction is cut off, what does not fit becomes the nearest that does, NaN
// becomes 0.
void fill_ids(const View& y, double c);
void copy_converted(const Into& y, const View& x);

// Workspace of the calling thread, 64-byte aligned, that a kernel may use until it returns. Its
// content is whatever the last kernel left; when it had to grow, its first 64 bytes are zero. The
// slots are independent, so that a kernel may hold several at once.
enum class Scratch { partials, pack_a, pack_b, tile, angles, count };
float* scratch(Scratch slot, std::int64_t floats);

}   // namespace glass
