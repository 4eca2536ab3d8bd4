// Byte-pair encoding: the tokens are the 256 bytes and pieces of text that were found by gluing,
// over and over, the two neighbours that stand side by side most often. The list of these gluings
// (merges), in the order in which they were found, is all there is to it: text is encoded by
// applying them in the same order.
//
// Ids: 0 is <|endoftext|>, the sign between documents; then come the 256 bytes, in the order that
// GPT-2 and its successors use; then one id for every merge.
#pragma once
#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/tokenizer/tokenizer.h"

namespace glass {

struct BpeMerge {
  std::int32_t left, right;   // ids
};

constexpr int kBpeEndOfText = 0;
constexpr int kBpeFirstByte = 1;                      // the id of the first of the 256 bytes
constexpr int kBpeFirstMerge = kBpeFirstByte + 256;   // the id that merge 0 makes
constexpr int kMostBpeTokens = 1'000'000;
const std::array<std::int32_t, 256>& bpe_byte_ids();   // of each byte

class BpeTokenizer final : public Tokenizer {
 public:
  // ContentError for a merge of ids that are not there yet, or one that comes twice.
  BpeTokenizer(std::vector<BpeMerge> merges, const std::string& what);

  std::string spec() const override { return "bpe:" + std::to_string(vocab_size()); }
  int vocab_size() const override { return static_cast<int>(bytes_.size()); }
  std::vector<std::int32_t> encode(std::string_view text) const override;
  std::string_view token(int id) const override { return bytes_.at(static_cast<std::size_t>(id)); }
  int end_of_text() const override { return kBpeEndOfText; }
  std::string to_json() const override;
  const std::vector<BpeMerge>& merges() const { return merges_; }

 private:
  std::vector<std::int32_t> encode_piece(std::string_view piece) const;
  int merged(std::int32_t left, std::int32_t right) const;   // -1: these two are never glued

  std::vector<BpeMerge> merges_;
  std::vector<std::string> bytes_;                         // of each token
  std::unordered_map<std::uint64_t, std::int32_t> made_;   // by the pair that makes it
  // Most text is made of few pieces. What encode_piece said is kept, for short ones.
  mutable std::unordered_map<std::string, std::vector<std::int32_t>> known_;
  mutable std::mutex guards_known_;
};

// The merges that make a vocabulary of this size from these documents: each glues the pair of
// neighbours that occurs most often, and among equals the one with the smallest ids. Fewer where no
// pair occurs twice any more.
std::vector<BpeMerge> train_bpe(std::span<const std::string_view> documents, int vocab_size);

}   // namespace glass
