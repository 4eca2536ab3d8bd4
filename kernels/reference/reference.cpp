// The reference backend as a device: its name, its types, its memory.
#include "kernels/reference/reference.h"

#include <cstring>

#include "kernels/backends.h"

namespace glass {

std::unique_ptr<Backend> make_reference_backend() { return std::make_unique<ReferenceBackend>(); }

const char* ReferenceBackend::name() const { return "reference"; }

bool ReferenceBackend::supports(DType dtype) const {
  return dtype == DType::f32 || dtype == DType::f64 || dtype == DType::bf16 || dtype == DType::i32;
}

std::byte* ReferenceBackend::allocate(std::size_t bytes) { return memory_.allocate(bytes); }

void ReferenceBackend::release(std::byte* block, std::size_t bytes) noexcept {
  memory_.release(block, bytes);
}

void ReferenceBackend::upload(std::byte* to, const void* host, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, host, bytes);
}

void ReferenceBackend::fetch(const Fetch* pieces, int count) {
  for (const Fetch* f = pieces; f < pieces + count; ++f)
    if (f->bytes > 0) std::memcpy(f->to, f->from, f->bytes);
}

void ReferenceBackend::wait() {}

MemoryUse ReferenceBackend::memory_use() const { return memory_.use(); }

std::size_t ReferenceBackend::chunk_bytes() const { return std::size_t{64} << 20; }

}  // namespace glass
