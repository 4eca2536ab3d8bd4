#include "tests/gpu/cuda/device_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace glass::test {
namespace {

constexpr std::size_t kReserved = std::size_t{1} << 37;   // addresses, not memory
constexpr std::size_t kPage = 4096;

std::size_t pages(std::size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }
void* pointer(std::uint64_t address) { return reinterpret_cast<void*>(address); }

}   // namespace

DeviceMemory::DeviceMemory() {
  void* all =
      mmap(nullptr, kReserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (all == MAP_FAILED) throw std::runtime_error("no addresses are left for the memory of a GPU");
  begin_ = next_ = top_ = reinterpret_cast<std::uint64_t>(all);
  end_ = begin_ + kReserved;
}
DeviceMemory::~DeviceMemory() { munmap(pointer(begin_), kReserved); }

std::uint64_t DeviceMemory::allocate(std::size_t bytes, std::size_t limit) {
  if (bytes > limit || used_ > limit - bytes) return 0;
  const std::size_t size = pages(bytes);
  if (next_ + size > end_) {   // once around: the first gap that is wide enough
    next_ = begin_;
    for (const auto& [at, taken] : live_)
      if (next_ + size > at) next_ = at + pages(taken);
    if (next_ + size > end_) return 0;
  }
  const std::uint64_t at = next_;
  if (mprotect(pointer(at), size, PROT_READ | PROT_WRITE) != 0) return 0;
  if (watches_) {
    std::memset(pointer(at), 0xff, size);
    mprotect(pointer(at), size, PROT_NONE);
  }
  next_ += size;
  top_ = std::max(top_, next_);
  live_[at] = bytes;
  used_ += bytes;
  changed_ = true;
  return at;
}

bool DeviceMemory::release(std::uint64_t at) {
  const auto found = live_.find(at);
  if (found == live_.end()) return false;
  madvise(pointer(at), pages(found->second), MADV_DONTNEED);
  used_ -= found->second;
  live_.erase(found);
  changed_ = true;
  return true;
}

bool DeviceMemory::holds(std::uint64_t address, std::size_t bytes) const {
  const auto after = live_.upper_bound(address);
  if (after == live_.begin()) return false;
  const auto& [at, size] = *std::prev(after);
  return address + bytes <= at + size;
}

const std::vector<ptx::Range>& DeviceMemory::ranges() {
  if (changed_) {
    ranges_.clear();
    for (const auto& [at, bytes] : live_) ranges_.push_back({at, at + bytes});
    changed_ = false;
  }
  return ranges_;
}

void DeviceMemory::open(bool yes) {
  if (live_.empty() || !watches_) return;
  const std::uint64_t first = live_.begin()->first, last = live_.rbegin()->first;
  mprotect(pointer(first), last + pages(live_.rbegin()->second) - first,
           yes ? PROT_READ | PROT_WRITE : PROT_NONE);
}

}   // namespace glass::test
