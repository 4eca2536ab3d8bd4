// What a launch asks of the GPU's memory, in sectors of 32 bytes.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace glass::test::ptx {

constexpr std::uint64_t kSector = 32;

struct Bytes {
  // moved: asked for, once by each request of a warp; touched: of these, those that the launch had
  // not asked for before. A cache makes the first as few as the second at best.
  std::uint64_t moved = 0, touched = 0;
};

class Traffic {
 public:
  // Of memory that lies in [begin, end).
  Traffic(std::uint64_t begin, std::uint64_t end)
      : begin_(begin / kSector), seen_(static_cast<std::size_t>(end / kSector - begin_ + 1)) {}

  // One lane after the other: what it wants of the sector that its neighbour wanted is moved once.
  void note(std::uint64_t address, unsigned bytes, bool writes) {
    for (std::uint64_t s = address / kSector; s <= (address + bytes - 1) / kSector; ++s) {
      if (s == last_) continue;
      last_ = s;
      Bytes& to = writes ? written : read;
      to.moved += kSector;
      const std::uint8_t bit = writes ? 2 : 1;
      if (s < begin_ || s - begin_ >= seen_.size() || seen_[s - begin_] & bit) continue;
      seen_[s - begin_] |= bit;
      to.touched += kSector;
    }
  }
  void next_request() { last_ = 0; }

  Bytes read, written;

 private:
  std::uint64_t begin_, last_ = 0;
  std::vector<std::uint8_t> seen_;   // 1: read, 2: written
};

}   // namespace glass::test::ptx
