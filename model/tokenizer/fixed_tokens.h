// Tokens that are looked for in a text as they are, before anything is cut or merged: special ones,
// and letters of which a tokenizer has no bytes.
#pragma once
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace glass {

// A token that is a text of its own: "<|endoftext|>".
struct SpecialToken {
  std::string text;
  std::int32_t id;
};

class FixedTokens {
 public:
  FixedTokens() = default;
  explicit FixedTokens(std::vector<SpecialToken> tokens);   // their texts differ, and none is ""

  struct Found {
    std::size_t at, size;
    std::int32_t id;   // -1: none; then `at` is the end of the text
  };
  // The first place at or behind `from` where one stands, and the longest that stands there.
  Found next(std::string_view text, std::size_t from) const;
  bool empty() const { return sorted_.empty(); }

 private:
  Found longest_at(std::string_view text, std::size_t at) const;
  std::vector<SpecialToken> sorted_;
  std::bitset<256> begins_;   // the bytes that one begins with
};

}   // namespace glass
