// Tables of ranks for tests that must not need anybody's file: the bytes, and pieces found in a
// made text.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/base64.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/rank_file.h"

namespace glass::test {

inline std::string small_text() {
  std::string text;
  for (int i = 0; i < 40; ++i)
    text +=
        "The hedgehog said: 'I'll eat 12 apples' " + std::to_string(i * i) + "\n\n  aaaa\u00e9 ";
  return text;
}

// As many tokens as asked for, if the text has them; no two alike.
inline std::vector<std::string> small_ranks(int tokens, const std::string& text = small_text()) {
  const std::string_view document = text;
  const BpeTokenizer trained(train_bpe(std::span(&document, 1), tokens + 1), "small");
  std::vector<std::string> ranks;
  for (int byte = 0; byte < 256; ++byte) ranks.emplace_back(1, static_cast<char>(byte));
  for (int id = kBpeFirstMerge; id < trained.vocab_size(); ++id) {
    const std::string token(trained.token(id));
    if (std::find(ranks.begin(), ranks.end(), token) == ranks.end()) ranks.push_back(token);
  }
  return ranks;
}

inline std::string rank_file_of(const std::vector<std::string>& ranks) {
  std::string file;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank)
    file += base64(ranks[rank]) + " " + std::to_string(rank) + "\n";
  return file;
}

inline TokenizerPtr small_tokenizer(Pattern pattern = Pattern::o200k) {
  std::vector<std::string> ranks = small_ranks(400);
  const auto n = static_cast<std::int32_t>(ranks.size());
  return tokenizer_from_ranks(std::move(ranks), pattern,
                              {{"<|endoftext|>", n + 1}, {"<|endofprompt|>", n + 5}}, "small",
                              "small");
}

}   // namespace glass::test
