// The one loop of byte-pair encoding. A piece of text is a chain of parts, first one for every
// byte. Of all neighbours that can be glued, the pair of the lowest rank goes first, and among
// equals the leftmost; then its new neighbours are looked at, until nothing can be glued any more.
//
// A short piece, nearly every one, looks through all its pairs each time: they lie in one or two
// lines of the cache. A long one keeps them in a heap, so that a million times the same letter take
// n log n steps, not n².
#pragma once
#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/tokenizer/pair_table.h"

namespace glass {

constexpr std::size_t kLongestScan = 96;   // bytes; where a heap begins to pay

// glue(left id, right id, the bytes of both) says what becomes of two neighbours.
template <class Glue>
void merge_short(std::string_view piece, const std::int32_t* byte_ids, const Glue& glue,
                 std::vector<std::int32_t>& ids) {
  struct Part {
    std::uint32_t begin;
    std::int32_t id;
    Glued with_next;
  };
  Part parts[kLongestScan + 1];
  std::size_t count = piece.size();
  const auto look = [&](std::size_t i) {
    if (i + 1 >= count) return Glued{};
    const std::size_t begin = parts[i].begin, end = parts[i + 2].begin;
    return glue(parts[i].id, parts[i + 1].id, piece.substr(begin, end - begin));
  };
  for (std::size_t i = 0; i < count; ++i)
    parts[i] = {static_cast<std::uint32_t>(i), byte_ids[static_cast<unsigned char>(piece[i])], {}};
  parts[count] = {static_cast<std::uint32_t>(count), -1, {}};   // the end, no part
  for (std::size_t i = 0; i < count; ++i) parts[i].with_next = look(i);
  for (;;) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i)
      if (parts[i].with_next.rank < parts[best].with_next.rank) best = i;
    if (parts[best].with_next.rank == Glued::kNever) break;
    parts[best].id = parts[best].with_next.id;
    std::copy(parts + best + 2, parts + count + 1, parts + best + 1);
    --count;
    parts[best].with_next = look(best);
    if (best > 0) parts[best - 1].with_next = look(best - 1);
  }
  for (std::size_t i = 0; i < count; ++i) ids.push_back(parts[i].id);
}

template <class Glue>
void merge_long(std::string_view piece, const std::int32_t* byte_ids, const Glue& glue,
                std::vector<std::int32_t>& ids) {
  struct Link {
    std::int32_t id;               // -1: glued to the one before
    std::uint32_t before, after;   // where those begin; piece.size(): none
  };
  struct Chance {   // may be out of date: its parts were glued to others meanwhile
    std::uint32_t rank, at;
    std::int32_t left, right, made;
    bool operator<(const Chance& o) const { return rank != o.rank ? rank > o.rank : at > o.at; }
  };
  const auto none = static_cast<std::uint32_t>(piece.size());
  std::vector<Link> chain(piece.size());
  for (std::uint32_t i = 0; i < none; ++i)
    chain[i] = {byte_ids[static_cast<unsigned char>(piece[i])], i == 0 ? none : i - 1, i + 1};
  std::vector<Chance> heap;
  const auto consider = [&](std::uint32_t at) {
    if (at == none || chain[at].after == none) return false;
    const Link& right = chain[chain[at].after];
    const Glued glued = glue(chain[at].id, right.id, piece.substr(at, right.after - at));
    if (glued.rank == Glued::kNever) return false;
    heap.push_back({glued.rank, at, chain[at].id, right.id, glued.id});
    return true;
  };
  const auto consider_later = [&](std::uint32_t at) {
    if (consider(at)) std::push_heap(heap.begin(), heap.end());
  };
  for (std::uint32_t i = 0; i < none; ++i) consider(i);
  std::make_heap(heap.begin(), heap.end());
  while (!heap.empty()) {
    const Chance best = heap.front();
    std::pop_heap(heap.begin(), heap.end());
    heap.pop_back();
    Link& link = chain[best.at];
    if (link.id != best.left || link.after == none || chain[link.after].id != best.right) continue;
    Link& gone = chain[link.after];
    link.id = best.made;
    link.after = gone.after;
    gone.id = -1;   // no chance that names it is good any more
    if (link.after != none) chain[link.after].before = best.at;
    consider_later(link.before);
    consider_later(best.at);
  }
  for (std::uint32_t at = 0; at != none; at = chain[at].after) ids.push_back(chain[at].id);
}

template <class Glue>
void merge_piece(std::string_view piece, const std::int32_t* byte_ids, const Glue& glue,
                 std::vector<std::int32_t>& ids) {
  if (piece.size() <= kLongestScan) merge_short(piece, byte_ids, glue, ids);
  else merge_long(piece, byte_ids, glue, ids);
}

}   // namespace glass
