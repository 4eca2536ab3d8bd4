#include "kernels/emulator/emulator_device.h"

#include <atomic>
#include <cstring>
#include <exception>
#include <mutex>
#include <stdexcept>

#include "kernels/poison.h"

namespace glass::emulator {
namespace {

// Fewer GPU threads than this take some ten microseconds: not worth waking anybody.
constexpr std::uint64_t kWorthSharing = 1024;

// A launch whose groups are run by several threads, and the first group that went wrong.
struct Launch {
  const gpu::Kernel& kernel;
  const void* args;
  gpu::Grid grid;
  const Options& options;
  std::atomic<std::int64_t> first_wrong;
  std::mutex lock;
  std::exception_ptr mistake;

  static void run_one(const void* launch, std::int64_t group) {
    static_cast<Launch*>(const_cast<void*>(launch))->run(group);
  }
  void run(std::int64_t group) {
    if (group > first_wrong) return;
    try {
      const std::uint64_t number = static_cast<std::uint64_t>(group);
      run_groups(kernel, args, grid, options, number, number + 1);
    } catch (...) {
      const std::lock_guard hold(lock);
      if (group > first_wrong) return;
      first_wrong = group;
      mistake = std::current_exception();
    }
  }
};

}   // namespace

EmulatorDevice::EmulatorDevice(Options options, Team team)
    : options_(options),
      team_(team),
      name_("emulator, " + (team.threads == 1 ? std::string("one thread")
                                              : std::to_string(team.threads) + " threads")) {}

void EmulatorDevice::release(std::byte* p, std::size_t bytes) noexcept {
  memory_.release(p, bytes);
  memory_.trim();   // no other slab will have just this size
}
void EmulatorDevice::lend(std::byte* p, std::size_t bytes) noexcept {
  unpoison(p, bytes);
  if (!kPoisons) fences_.set_up(p, bytes);
}
void EmulatorDevice::take_back(std::byte* p, std::size_t bytes) noexcept {
  poison(p, bytes);
  fences_.take_down(p);
}

void EmulatorDevice::upload(std::byte* to, const void* host, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, host, bytes);
}
void EmulatorDevice::download(void* host, const std::byte* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(host, from, bytes);
}
void EmulatorDevice::launch(const gpu::Kernel& kernel, const void* args, gpu::Grid grid) {
  try {
    run_all(kernel, args, grid);
  } catch (...) {   // that is what the caller hears of, and nobody else is blamed for its fences
    fences_.mend();
    throw;
  }
  if (const auto bytes = fences_.mend())
    throw std::logic_error("kernel " + std::string(kernel.name) +
                           ": wrote beyond the end of a block of " + std::to_string(*bytes) +
                           " bytes of the device's memory");
}

void EmulatorDevice::run_all(const gpu::Kernel& kernel, const void* args, gpu::Grid grid) {
  const std::uint64_t groups = groups_of(grid);
  if (team_.threads == 1 || groups == 1 || groups * kernel.threads < kWorthSharing) {
    run(kernel, args, grid, options_);
    return;
  }
  const std::int64_t count = static_cast<std::int64_t>(groups);
  Launch launch = {kernel, args, grid, options_, count, {}, nullptr};
  run_chunks(team_, count, Launch::run_one, &launch);
  if (launch.mistake) std::rethrow_exception(launch.mistake);
}

}   // namespace glass::emulator
