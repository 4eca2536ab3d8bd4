// Memory of the device for the length of a call: floats, or nothing where none are asked for.
#pragma once
#include "kernels/backend.h"

namespace glass {
namespace gpu {

class Workspace {
 public:
  Workspace(Backend& backend, std::size_t floats)
      : backend_(backend), bytes_(floats * sizeof(float)) {
    if (bytes_ > 0) data_ = backend_.allocate(bytes_);
  }
  ~Workspace() {
    if (data_) backend_.release(data_, bytes_);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  float* data() const { return reinterpret_cast<float*>(data_); }

 private:
  Backend& backend_;
  std::size_t bytes_;
  std::byte* data_ = nullptr;
};

}   // namespace gpu
}   // namespace glass
