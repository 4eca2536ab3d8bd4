// The bytes of every token, one behind the other in one long text, and a hash table that says which
// token a piece of text is. 200,000 tokens are two blocks of memory, not 200,000 strings.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace glass {

// Eight bytes at a time, and the last of them once more where they are no eight. Not for keys that
// an enemy may choose: the tables below live with collisions, they only become slower.
inline std::uint64_t hash_of_bytes(std::string_view bytes) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15u;
  const char* p = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t hash = left * kOdd;
  const auto load = [](const char* from, std::size_t count) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, count);
    return word;
  };
  const auto mix = [&](std::uint64_t word) {
    hash = (hash ^ word) * kOdd;
    hash ^= hash >> 29;
  };
  for (; left > 8; left -= 8, p += 8) mix(load(p, 8));
  if (left == 8) mix(load(p, 8));
  else if (left >= 4) mix(load(p, 4) | load(p + left - 4, 4) << 32);
  else if (left > 0) mix(load(p, 1) | load(p + left / 2, 1) << 8 | load(p + left - 1, 1) << 16);
  return hash ^ hash >> 32;
}

class TokenTable {
 public:
  void push_back(std::string_view bytes);   // "": a hole, an id that stands for nothing
  std::int32_t size() const { return static_cast<std::int32_t>(ends_.size()); }
  std::string_view operator[](std::int32_t id) const {
    const auto i = static_cast<std::size_t>(id);
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }
  std::size_t bytes() const { return bytes_.size(); }   // of all tokens together

  // Makes the tokens 0 .. count-1 known to find(), but for holes and those that are left out.
  // Returns the first token whose bytes an earlier one has too, which find() then says; -1: none.
  std::int32_t index(std::int32_t count, const std::vector<bool>& left_out = {});
  std::int32_t find(std::string_view bytes) const;   // -1: none has these bytes
  std::size_t longest() const { return longest_; }   // of the tokens that find() knows

 private:
  struct Slot {
    std::uint32_t tag;   // the upper half of the hash
    std::int32_t id;     // -1: empty
  };
  std::string bytes_;
  std::vector<std::uint32_t> ends_;   // where each token ends in bytes_
  std::vector<Slot> slots_;
  std::size_t longest_ = 0;
};

}   // namespace glass
