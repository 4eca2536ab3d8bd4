// A list of the host that kernels read: sent to the device when it changed, which in training is
// once.
#pragma once
#include <vector>

#include "kernels/backend.h"

namespace glass {
namespace gpu {

class DeviceTable {
 public:
  DeviceTable() = default;
  DeviceTable(const DeviceTable&) = delete;
  DeviceTable& operator=(const DeviceTable&) = delete;

  // Where `items` lie on the device; until the next call.
  template <class T>
  const T* on_device(Backend& backend, const std::vector<T>& items) {
    return reinterpret_cast<const T*>(send(backend, items.data(), items.size() * sizeof(T)));
  }
  void release(Backend& backend) noexcept {
    if (data_) backend.release(data_, bytes_.size());
    data_ = nullptr;
  }

 private:
  const std::byte* send(Backend& backend, const void* items, std::size_t bytes);

  std::vector<std::byte> bytes_;   // what is there
  std::byte* data_ = nullptr;
};

}   // namespace gpu
}   // namespace glass
