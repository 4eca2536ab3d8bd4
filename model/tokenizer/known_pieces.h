// What became of pieces of text before. Most text is made of few pieces, so most of encoding is to
// look one up. Each piece has one place, by its hash, and the last one that came there stays; the
// table grows while pieces drive each other out.
#pragma once
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "model/tokenizer/token_table.h"

namespace glass {

class KnownPieces {
 public:
  static constexpr std::size_t kFirst = 1 << 9, kMost = 1 << 16;   // entries: 4 MiB at most
  explicit KnownPieces(std::size_t entries = kFirst) : entries_(entries) {}

  struct alignas(64) Entry {   // one line of the cache
    char piece[31];
    std::uint8_t size = 0;   // of the piece; 0: nothing is here
    std::int32_t ids[7];
    std::uint8_t count;

    std::span<const std::int32_t> tokens() const { return {ids, count}; }
    bool is(std::string_view other) const {
      return size == other.size() && same_bytes(piece, other.data(), size);
    }
  };

  // Where a piece is, or would be; null for one that is too long.
  Entry* place_of(std::string_view piece) {
    if (piece.size() > sizeof(Entry::piece)) return nullptr;
    return &entries_[hash_of_bytes(piece) & (entries_.size() - 1)];
  }

  // `at` is place_of(piece). Not kept where there are too many tokens.
  void keep(Entry* at, std::string_view piece, std::span<const std::int32_t> ids) {
    if (at == nullptr || ids.size() > std::size(at->ids)) return;
    const bool drives_out = at->size != 0;
    std::memcpy(at->piece, piece.data(), piece.size());
    at->size = static_cast<std::uint8_t>(piece.size());
    std::copy(ids.begin(), ids.end(), at->ids);
    at->count = static_cast<std::uint8_t>(ids.size());
    if (drives_out && ++driven_out_ > entries_.size() / 4 && entries_.size() < kMost) grow();
  }

 private:
  static bool same_bytes(const char* a, const char* b, std::size_t count) {
    const auto differ = [&](std::size_t at, auto word) {
      auto other = word;
      std::memcpy(&word, a + at, sizeof word);
      std::memcpy(&other, b + at, sizeof other);
      return word != other;
    };
    if (count >= 8) {
      for (std::size_t at = 0; at + 8 < count; at += 8)
        if (differ(at, std::uint64_t{})) return false;
      return !differ(count - 8, std::uint64_t{});
    }
    if (count >= 4) return !differ(0, std::uint32_t{}) && !differ(count - 4, std::uint32_t{});
    for (std::size_t at = 0; at < count; ++at)
      if (a[at] != b[at]) return false;
    return true;
  }

  void grow() {
    const std::vector<Entry> old = std::move(entries_);
    entries_.assign(old.size() * 4, {});
    for (const Entry& entry : old)
      if (entry.size != 0) *place_of({entry.piece, entry.size}) = entry;
    driven_out_ = 0;
  }

  std::vector<Entry> entries_;   // 2^n of them
  std::size_t driven_out_ = 0;   // since it last grew
};

}   // namespace glass
