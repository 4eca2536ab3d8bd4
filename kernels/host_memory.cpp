// Size classes: multiples of 64 bytes up to 1 KiB, then eight steps to every doubling, so that a block is at most an
// eighth larger than what was asked for (and the pages of that eighth are never touched).
// Under AddressSanitizer the unused end of a block and every cached block are poisoned: without that the sanitizer
// would take an overrun for an access to memory that is allocated, which it is.
#include "kernels/host_memory.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "kernels/poison.h"

namespace glass {
namespace {

constexpr std::size_t kUnit = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kLargest = std::size_t{1}
                                 << (sizeof(std::size_t) > 4 ? 47 : 31);   // all addresses there are

struct SizeClass {
  int index;
  std::size_t size;
};

SizeClass size_class(std::size_t bytes) {
  const std::size_t last =
      bytes <= kUnit ? 0 : (bytes - 1) / kUnit;   // the number of units, less one
  int shift = 0;
  while ((last >> shift) >= 16) ++shift;
  const std::size_t step = last >> shift;
  return {shift * 8 + static_cast<int>(step), ((step + 1) << shift) * kUnit};
}

}  // namespace

HostMemory::~HostMemory() { trim_locked(); }

std::byte* HostMemory::allocate(std::size_t bytes) {
  if (bytes > kLargest) throw std::bad_alloc();
  const SizeClass c = size_class(bytes);
  std::byte* block = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    Free*& head = free_[static_cast<std::size_t>(c.index)];
    if (head) {
      block = reinterpret_cast<std::byte*>(head);
      unpoison(block, sizeof(Free));
      head = head->next;
    } else {
      block = take_from_system(c.size);
      ++counters_.allocations;
      counters_.held_bytes += static_cast<std::int64_t>(c.size);
    }
    counters_.used_bytes += static_cast<std::int64_t>(c.size);
    ++counters_.used_blocks;
    counters_.most_held_bytes = std::max(counters_.most_held_bytes, counters_.held_bytes);
    counters_.most_used_bytes = std::max(counters_.most_used_bytes, counters_.used_bytes);
  }
  poison(block, c.size);
  unpoison(block, bytes);
  return block;
}

void HostMemory::release(std::byte* block, std::size_t bytes) noexcept {
  if (!block) return;
  const SizeClass c = size_class(bytes);
  unpoison(block, c.size);
  const std::lock_guard<std::mutex> lock(mutex_);
  Free*& head = free_[static_cast<std::size_t>(c.index)];
  head = new (block) Free{head};
  poison(block, c.size);
  counters_.used_bytes -= static_cast<std::int64_t>(c.size);
  --counters_.used_blocks;
}

void HostMemory::trim() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  trim_locked();
}

HostMemory::Counters HostMemory::counters() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return counters_;
}

MemoryUse HostMemory::use() const {
  const Counters c = counters();
  return {c.used_bytes, c.most_used_bytes, c.held_bytes, c.most_held_bytes, c.allocations};
}

std::byte* HostMemory::take_from_system(std::size_t size) {
  // A block of 2 MiB and more starts on a huge page and asks for huge pages: one entry of the TLB instead of 512.
  const std::size_t alignment = size >= kHugePage ? kHugePage : kUnit;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* block = std::aligned_alloc(alignment, rounded);
  if (!block) {
    trim_locked();   // what lies unused in other size classes may be enough
    block = std::aligned_alloc(alignment, rounded);
  }
  if (!block) throw std::bad_alloc();
#if defined(__linux__)
  if (size >= kHugePage) madvise(block, rounded, MADV_HUGEPAGE);
#endif
  return static_cast<std::byte*>(block);
}

void HostMemory::trim_locked() noexcept {
  for (Free*& head : free_) {
    while (head) {
      std::byte* block = reinterpret_cast<std::byte*>(head);
      unpoison(block, sizeof(Free));
      Free* next = head->next;
      const std::size_t index = static_cast<std::size_t>(&head - free_.data());
      const std::size_t shift = index < 16 ? 0 : index / 8 - 1, step = index - shift * 8;
      const std::size_t size = ((step + 1) << shift) * kUnit;
      counters_.held_bytes -= static_cast<std::int64_t>(size);
      unpoison(block, size);
      std::free(block);
      head = next;
    }
  }
}

}  // namespace glass
