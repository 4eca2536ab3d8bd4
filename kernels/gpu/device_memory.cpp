#include "kernels/gpu/device_memory.h"

#include <algorithm>
#include <cstdio>
#include <memory>
namespace glass {
namespace gpu {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kUnit = 256;   // a line of memory for a warp, on every GPU there is
// Small blocks come from slabs of their own. Some of them stay for the whole of a training (a bias,
// its moments), and one of those in the middle of a large slab would keep it in two pieces.
constexpr std::size_t kSmallBlock = kMiB, kSmallSlab = 2 * kMiB;
constexpr std::size_t kLargest = std::size_t{1} << 47;

std::size_t rounded(std::size_t bytes, std::size_t unit) {
  return std::max(unit, (bytes + unit - 1) / unit * unit);
}

std::string in_mib(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", bytes / static_cast<double>(kMiB));
  return text;
}

}   // namespace

DeviceMemory::~DeviceMemory() {
  try {
    trim();
  } catch (...) {   // a device that failed has nothing left to give back
  }
}

std::byte* DeviceMemory::allocate(std::size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  refusal_.clear();
  if (bytes > kLargest) throw OutOfDeviceMemory(full(bytes));
  const std::size_t size = rounded(bytes + device_.gap(), kUnit);
  const bool small = size <= kSmallBlock;
  Block* block = take_free(size, small);
  if (!block) block = new_slab(size, small);
  cut(*block, size);
  block->free = false;
  used_[block->data] = block;
  use_.used_bytes += static_cast<std::int64_t>(size);
  use_.most_used_bytes = std::max(use_.most_used_bytes, use_.used_bytes);
  device_.lend(block->data, bytes);
  return block->data;
}

void DeviceMemory::release(std::byte* data, std::size_t) noexcept {
  if (!data) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = used_.find(data);
  if (found == used_.end()) return;
  Block* block = found->second;
  used_.erase(found);
  use_.used_bytes -= static_cast<std::int64_t>(block->bytes);
  device_.take_back(data, block->bytes);
  block->free = true;
  if (block->after && block->after->free) join(*block, *block->after);
  if (block->before && block->before->free) {
    block = block->before;
    free_like(*block).erase(block);   // its size, by which it is found there, changes
    join(*block, *block->after);
  }
  free_like(*block).insert(block);
}

// A free block that is large enough, taken from among the free ones; or nullptr.
DeviceMemory::Block* DeviceMemory::take_free(std::size_t bytes, bool small) {
  FreeBlocks& blocks = small ? small_ : large_;
  Block wanted{nullptr, bytes, nullptr, nullptr, true, small};
  const auto found = blocks.lower_bound(&wanted);
  if (found == blocks.end()) return nullptr;
  Block* block = *found;
  blocks.erase(found);
  return block;
}

// The rest of a block behind its first bytes becomes a free block.
void DeviceMemory::cut(Block& block, std::size_t bytes) {
  if (block.bytes == bytes) return;
  Block* rest =
      new Block{block.data + bytes, block.bytes - bytes, &block, block.after, true, block.small};
  if (rest->after) rest->after->before = rest;
  block.after = rest;
  block.bytes = bytes;
  free_like(*rest).insert(rest);
}

// Two neighbours become one, which is not among the free ones.
void DeviceMemory::join(Block& first, Block& second) {
  free_like(second).erase(&second);
  first.bytes += second.bytes;
  first.after = second.after;
  if (first.after) first.after->before = &first;
  delete &second;
}

// A slab is as large as a quarter of what is held, so there are few of them, and at most a quarter
// is held in vain. Where the device has not as much, what was asked for must do.
DeviceMemory::Block* DeviceMemory::new_slab(std::size_t bytes, bool small) {
  const std::size_t quarter = static_cast<std::size_t>(use_.held_bytes) / 4;
  std::size_t size = small ? kSmallSlab : rounded(std::max(bytes, quarter), 2 * kMiB);
  std::byte* data = ask_device(size, rounded(bytes, kUnit));
  device_.take_back(data, size);   // nobody has it yet
  ++slabs_;
  use_.held_bytes += static_cast<std::int64_t>(size);
  use_.most_held_bytes = std::max(use_.most_held_bytes, use_.held_bytes);
  return new Block{data, size, nullptr, nullptr, true, small};
}

// `bytes` is what was asked for, and becomes what was given: `least` at least.
std::byte* DeviceMemory::ask_device(std::size_t& bytes, std::size_t least) {
  if (std::byte* slab = try_device(bytes)) return slab;
  trim_locked();   // what lies unused in slabs of other sizes may be enough
  if (std::byte* slab = try_device(bytes)) return slab;
  bytes = least;
  if (std::byte* slab = try_device(least)) return slab;
  throw OutOfDeviceMemory(full(least));
}

std::byte* DeviceMemory::try_device(std::size_t bytes) {
  ++use_.requests;
  try {
    return device_.allocate(bytes);
  } catch (const OutOfDeviceMemory& refusal) {
    refusal_ = refusal.what();
  } catch (const std::bad_alloc&) { refusal_ = ""; }
  return nullptr;
}

void DeviceMemory::trim() {
  const std::lock_guard<std::mutex> lock(mutex_);
  trim_locked();
}

void DeviceMemory::trim_locked() {
  bool waited = false;
  for (FreeBlocks* blocks : {&small_, &large_}) {
    for (auto i = blocks->begin(); i != blocks->end();) {
      Block* block = *i;
      if (block->before || block->after) {
        ++i;
        continue;
      }
      if (!waited) device_.wait();   // kernels that use it may not have run yet
      waited = true;
      i = blocks->erase(i);
      forget(block);
    }
  }
}

void DeviceMemory::forget(Block* whole) {
  use_.held_bytes -= static_cast<std::int64_t>(whole->bytes);
  --slabs_;
  device_.release(whole->data, whole->bytes);
  delete whole;
}

MemoryUse DeviceMemory::use() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return use_;
}

std::size_t DeviceMemory::slabs() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return slabs_;
}

std::size_t DeviceMemory::largest_free_block() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::size_t most = 0;
  for (const FreeBlocks* blocks : {&small_, &large_})
    if (!blocks->empty()) most = std::max(most, (*blocks->rbegin())->bytes);
  return most;
}

std::string DeviceMemory::full(std::size_t bytes) const {
  const double used = static_cast<double>(use_.used_bytes),
               held = static_cast<double>(use_.held_bytes);
  const std::string wanted = std::string(device_.name()) + ": out of memory: " +
                             in_mib(static_cast<double>(bytes)) + " are wanted";
  return (refusal_.empty() ? wanted : refusal_) + ", " + in_mib(used) + " are in use, and of " +
         in_mib(held - used) + " more that this program holds no piece is large enough";
}

}   // namespace gpu
}   // namespace glass
