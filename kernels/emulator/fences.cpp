#include "kernels/emulator/fences.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace glass::emulator {
namespace {

using Fence = std::array<unsigned char, Fences::kBytes>;
constexpr Fence kWhole = [] {
  Fence whole{};
  whole.fill(0xdb);   // no number that kernels write over and over: neither 0 nor 1 nor NaN
  return whole;
}();

}   // namespace

void Fences::set_up(std::byte* block, std::size_t bytes) {
  const std::lock_guard hold(mutex_);
  std::memcpy(block + bytes, kWhole.data(), kBytes);
  blocks_.push_back({block, bytes});
}

// Who came last goes first, nearly always.
void Fences::take_down(const std::byte* block) {
  const std::lock_guard hold(mutex_);
  const auto found = std::find_if(blocks_.rbegin(), blocks_.rend(),
                                  [=](const Block& one) { return one.data == block; });
  if (found != blocks_.rend()) blocks_.erase(std::next(found).base());
}

std::optional<std::size_t> Fences::mend() {
  const std::lock_guard hold(mutex_);
  std::optional<std::size_t> broken;
  for (const Block& block : blocks_) {
    std::byte* const fence = block.data + block.bytes;
    if (std::memcmp(fence, kWhole.data(), kBytes) == 0) continue;
    if (!broken) broken = block.bytes;
    std::memcpy(fence, kWhole.data(), kBytes);
  }
  return broken;
}

}   // namespace glass::emulator
