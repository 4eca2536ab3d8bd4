// A list of the host that kernels read: sent to the device when it changed, which in training is
// once.
#pragma once
#include <cstring>
#include <vector>

#include "kernels/gpu/device.h"

namespace glass {
namespace gpu {

class DeviceTable {
 public:
  DeviceTable() = default;
  DeviceTable(const DeviceTable&) = delete;
  DeviceTable& operator=(const DeviceTable&) = delete;

  // Where `items` lie on the device; until the next call.
  template <class T>
  const T* on_device(Device& device, const std::vector<T>& items) {
    return reinterpret_cast<const T*>(send(device, items.data(), items.size() * sizeof(T)));
  }
  void release(Device& device) noexcept {
    if (data_) device.release(data_, bytes_.size());
    data_ = nullptr;
  }

 private:
  const std::byte* send(Device& device, const void* items, std::size_t bytes);

  std::vector<std::byte> bytes_;   // what is there
  std::byte* data_ = nullptr;
};

}   // namespace gpu
}   // namespace glass
