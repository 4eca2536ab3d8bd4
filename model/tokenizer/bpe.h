// Byte-pair encoding: the tokens are the 256 bytes and pieces of text that were found by gluing,
// over and over, the two neighbours that stand side by side most often. The list of these gluings
// (merges), in the order in which they were found, is all there is to it: text is encoded by
// applying them in the same order.
//
// There are two ways to write it down, and one encoder for both. GPT-2's files list the merges.
// Its successors list only the tokens, by rank: two neighbours may be glued where their bytes
// together are a token, and the lowest rank goes first.
#pragma once
#include <array>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/fixed_tokens.h"
#include "model/tokenizer/known_pieces.h"
#include "model/tokenizer/pair_table.h"
#include "model/tokenizer/split.h"
#include "model/tokenizer/token_table.h"
#include "model/tokenizer/tokenizer.h"

namespace glass {

struct JsonValue;

struct BpeMerge {
  std::int32_t left, right;   // ids
};

constexpr int kMostBpeTokens = 1'000'000;
constexpr std::string_view kEndOfText = "<|endoftext|>";

// What a tokenizer of pieces is made of.
struct BpeDefinition {
  std::string spec;   // what it is called: "gpt2", "bpe:2048"
  Pattern pattern = Pattern::gpt2;
  // The bytes of every token. Special ones have the bytes of their text; "" is a hole.
  TokenTable tokens;
  // Where it is written as merges: those, in their order, and the token that each makes.
  std::vector<BpeMerge> merges;
  std::vector<std::int32_t> made;
  // Where it is written as ranks: tokens 0 .. ranks-1 are what two neighbours may become.
  std::int32_t ranks = 0;
  bool whole = false;   // a piece that is a token is taken as it is; of ranks always true
  // Signs between texts, and tokens that are found in a text before it is cut.
  std::vector<SpecialToken> special, user_defined;
  // The ids that the world sees. Without `kept`: the same, and those from vocab_size on are steps
  // on the way to others. With it (ascending): token i of the world is kept[i] of `tokens`.
  std::int32_t vocab_size = 0;
  std::vector<std::int32_t> kept;

  bool by_ranks() const { return ranks > 0; }
};

class BpeTokenizer final : public Tokenizer {
 public:
  // ContentError, with `what` in it, where the definition contradicts itself.
  BpeTokenizer(BpeDefinition definition, const std::string& what);
  // Of merges that train_bpe found.
  BpeTokenizer(std::vector<BpeMerge> merges, const std::string& what);

  std::string spec() const override { return definition_.spec; }
  int vocab_size() const override { return definition_.vocab_size; }
  std::vector<std::int32_t> encode(std::string_view text) const override;
  std::vector<std::int32_t> encode_special(std::string_view text) const override;
  std::string_view token(int id) const override { return definition_.tokens[inner(id)]; }
  int end_of_text() const override { return end_of_text_; }
  std::string to_json() const override;

  const BpeDefinition& definition() const { return definition_; }
  const std::vector<BpeMerge>& merges() const { return definition_.merges; }
  // The id that the world sees of one of definition().tokens; -1: none.
  std::int32_t outer(std::int32_t id) const {
    return outer_.empty() ? id : outer_[static_cast<std::size_t>(id)];
  }

  // The same, but with these tokens only (of this vocabulary, ascending), renumbered from 0.
  std::shared_ptr<const BpeTokenizer> keeping(const std::vector<std::int32_t>& ids) const;
  // The list of merges, also of ranks: the two tokens that each token was glued of, the lowest rank
  // first. Ids of definition().tokens.
  std::vector<BpeMerge> all_merges() const;

 private:
  void check(const std::string& what);
  std::int32_t inner(int id) const {
    return definition_.kept.empty() ? id : definition_.kept.at(static_cast<std::size_t>(id));
  }
  // Appends the tokens of one piece.
  void merge(std::string_view piece, std::vector<std::int32_t>& ids) const;
  void encode_piece(std::string_view piece, std::vector<std::int32_t>& ids) const;
  void encode_plain(std::string_view text, KnownPieces& known,
                    std::vector<std::int32_t>& ids) const;
  std::vector<std::int32_t> encode_around(std::string_view text, const FixedTokens& fixed) const;
  void renumber(std::string_view piece, std::vector<std::int32_t>& ids, std::size_t from) const;

  BpeDefinition definition_;
  bool trained_ = false;
  std::array<std::int32_t, 256> byte_ids_{};
  PairTable pairs_;
  FixedTokens user_defined_, all_fixed_;
  std::vector<std::int32_t> outer_;   // of every token, -1: not kept; empty: no renumbering
  int end_of_text_ = -1;
  mutable KnownPieces known_;
  mutable std::mutex guards_known_;
};

// --- tokenizers that are trained here: bpe:N -----------------------------------------------------

// Id 0 is <|endoftext|>, the sign between documents; then come the 256 bytes, in the order that
// GPT-2 and its successors use; then one id for every merge.
constexpr int kBpeEndOfText = 0;
constexpr int kBpeFirstByte = 1;                       // the id of the first of the 256 bytes
constexpr int kBpeFirstMerge = kBpeFirstByte + 256;    // the id that merge 0 makes
const std::array<std::int32_t, 256>& bpe_byte_ids();   // of each byte

// The merges that make a vocabulary of this size from these documents: each glues the pair of
// neighbours that occurs most often, and among equals the one with the smallest ids. Fewer where no
// pair occurs twice any more.
std::vector<BpeMerge> train_bpe(std::span<const std::string_view> documents, int vocab_size);

// What BpeTokenizer::to_json wrote, but for the bpe:N's, which are lists of merges.
TokenizerPtr bpe_from_json(const JsonValue& value, const std::string& what);

}   // namespace glass
