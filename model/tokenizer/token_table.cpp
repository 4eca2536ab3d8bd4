#include "model/tokenizer/token_table.h"

#include <algorithm>
#include <bit>

namespace glass {

void TokenTable::push_back(std::string_view bytes) {
  bytes_ += bytes;
  ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
}

std::int32_t TokenTable::index(std::int32_t count, const std::vector<bool>& left_out) {
  const std::size_t size = std::bit_ceil(2 * static_cast<std::size_t>(count) + 2);
  slots_.assign(size, {0, -1});
  longest_ = 0;
  std::int32_t twice = -1;
  for (std::int32_t id = 0; id < count; ++id) {
    const std::string_view bytes = (*this)[id];
    const bool is_left_out = !left_out.empty() && left_out[static_cast<std::size_t>(id)];
    if (bytes.empty() || is_left_out) continue;
    const std::uint64_t hash = hash_of_bytes(bytes);
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    std::size_t at = hash & (size - 1);
    for (; slots_[at].id >= 0; at = (at + 1) & (size - 1))
      if (slots_[at].tag == tag && (*this)[slots_[at].id] == bytes) break;
    if (slots_[at].id >= 0) {
      if (twice < 0) twice = id;
      continue;
    }
    slots_[at] = {tag, id};
    longest_ = std::max(longest_, bytes.size());
  }
  return twice;
}

std::int32_t TokenTable::find(std::string_view bytes) const {
  if (bytes.size() > longest_) return -1;
  const std::uint64_t hash = hash_of_bytes(bytes);
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.id < 0) return -1;
    if (slot.tag == tag && (*this)[slot.id] == bytes) return slot.id;
  }
}

}   // namespace glass
