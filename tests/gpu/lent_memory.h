// The emulator, and which of its memory is lent: find_races (races.h) ends a launch that touches
// the rest. The emulator itself sees who writes there, by what was written; who reads there is seen
// only by somebody who watches.
#pragma once
#include "kernels/emulator/emulator_device.h"
#include "tests/gpu/watch.h"

namespace glass::test {

class WatchedDevice final : public emulator::EmulatorDevice {
 public:
  using EmulatorDevice::EmulatorDevice;
  std::byte* allocate(std::size_t bytes) override;
  void release(std::byte*, std::size_t bytes) noexcept override;
  void lend(std::byte*, std::size_t bytes) noexcept override;
  void take_back(std::byte*, std::size_t bytes) noexcept override;
};

// Memory of a WatchedDevice, not all of which is lent?
bool is_lent_to_nobody(const MemoryAccess&);

}   // namespace glass::test
