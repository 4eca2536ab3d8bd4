// Operands for a backend with a memory of its own: what lies in the host's memory is sent there,
// and fetched when the kernel has run, with all that surrounds it. For a backend that computes in
// the host's memory nothing moves.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "kernels/backend.h"

namespace glass::test {

// The name of a backend on a GPU begins with the device's.
inline bool has_memory_of_its_own(const Backend& backend) {
  const std::string name = backend.name();
  return name.rfind("cuda", 0) == 0 || name.rfind("metal", 0) == 0;
}

class DeviceCopies {
 public:
  explicit DeviceCopies(Backend& backend)
      : backend_(backend), moves_(has_memory_of_its_own(backend)) {}
  ~DeviceCopies() {
    for (const Copy& c : copies_) backend_.release(c.there, c.bytes);
  }
  DeviceCopies(const DeviceCopies&) = delete;
  DeviceCopies& operator=(const DeviceCopies&) = delete;

  // Sends [low, high), and says where a kernel finds what lies at `data` here.
  std::byte* send(void* low, void* high, std::byte* data) {
    std::byte* const first = static_cast<std::byte*>(low);
    const std::size_t bytes = static_cast<std::size_t>(static_cast<std::byte*>(high) - first);
    if (!moves_ || !data || bytes == 0) return data;
    copies_.push_back({first, backend_.allocate(bytes), bytes});
    backend_.upload(copies_.back().there, first, bytes);
    return copies_.back().there + (data - first);
  }
  // The same for a view without gaps.
  View send(View v) {
    std::size_t bytes = v.dtype == DType::bf16 ? 2 : v.dtype == DType::f64 ? 8 : 4;
    for (int axis = 0; axis < v.rank; ++axis) bytes *= static_cast<std::size_t>(v.shape[axis]);
    v.data = send(v.data, v.data + bytes, v.data);
    return v;
  }
  // What was sent is here as it is there now.
  void fetch() {
    for (const Copy& c : copies_) backend_.download(c.here, c.there, c.bytes);
  }

 private:
  struct Copy {
    std::byte *here, *there;
    std::size_t bytes;
  };
  Backend& backend_;
  bool moves_;
  std::vector<Copy> copies_;
};

}   // namespace glass::test
