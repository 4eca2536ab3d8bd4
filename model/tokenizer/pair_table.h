// Which two neighbours may be glued, how early, and what comes of it: a list of merges, made into a
// hash table.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace glass {

// What becomes of two neighbours. Of all that could be glued, the lowest rank goes first.
struct Glued {
  static constexpr std::uint32_t kNever = 0xffffffff;
  std::uint32_t rank = kNever;
  std::int32_t id = -1;
};

class PairTable {
 public:
  // Room for this many pairs.
  explicit PairTable(std::size_t pairs) : slots_(std::bit_ceil(2 * pairs + 2)) {}

  // False where the pair is there already.
  bool insert(std::int32_t left, std::int32_t right, Glued glued) {
    const std::uint64_t key = key_of(left, right);
    Slot& slot = slots_[place_of(key)];
    if (slot.key == key) return false;
    slot = {key, glued};
    return true;
  }

  Glued find(std::int32_t left, std::int32_t right) const {
    const std::uint64_t key = key_of(left, right);
    const Slot& slot = slots_[place_of(key)];
    return slot.key == key ? slot.glued : Glued{};
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};   // ids are not negative
  struct Slot {
    std::uint64_t key = kEmpty;
    Glued glued;
  };
  static std::uint64_t key_of(std::int32_t left, std::int32_t right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 |
           static_cast<std::uint32_t>(right);
  }
  // Of the key, or of the free slot where it belongs.
  std::size_t place_of(std::uint64_t key) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = (key * 0x9e3779b97f4a7c15u >> 32) & mask;
    while (slots_[at].key != key && slots_[at].key != kEmpty) at = (at + 1) & mask;
    return at;
  }

  std::vector<Slot> slots_;
};

}   // namespace glass
