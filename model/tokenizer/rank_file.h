// A .tiktoken file: every token as base64, and its rank, which is its id too, one line each. Text
// is encoded by gluing, over and over, the two neighbours that together are the token of the lowest
// rank. The file does not say how text is cut before that, nor which ids are special: that is
// agreed on for the well-known ones (known_encodings).
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/fixed_tokens.h"
#include "model/tokenizer/split.h"
#include "model/tokenizer/tokenizer.h"

namespace glass {

// --- the files, whatever is in them --------------------------------------------------------------

// The bytes of every token, by rank. ContentError: `what`, the line, the reason.
std::vector<std::string> read_ranks(std::string_view text, const std::string& what);

// bytes_by_rank[i] is token i. Every single byte must be among them; ids may be left free between
// them and the special ones. `spec` is its name: "gpt2". ContentError where this is no vocabulary.
TokenizerPtr tokenizer_from_ranks(std::vector<std::string> bytes_by_rank, Pattern pattern,
                                  std::vector<SpecialToken> special, const std::string& spec,
                                  const std::string& what);

// --- those that everybody knows ------------------------------------------------------------------

struct KnownEncoding {
  std::string_view name;   // "cl100k"; its pattern has the same name
  Pattern pattern;
  std::vector<std::string_view> files;   // what its file is called
  std::string_view sha256;               // of the file
  std::string_view fetch;                // its name in public_files()
  std::vector<SpecialToken> special;
};
std::span<const KnownEncoding> known_encodings();   // gpt2, cl100k, o200k
const KnownEncoding* find_encoding(std::string_view name);

// "o200k" or "o200k-compact": the encoding, or null.
const KnownEncoding* encoding_of_spec(std::string_view spec);
bool is_compact(std::string_view spec);

// Its file is looked for in `folder` ("" for none), in $GLASS_DATA, and where `glass data fetch`
// puts things. SystemError where it is in none, with the command that gets it; ContentError where
// it is not the file that everybody means.
TokenizerPtr open_encoding(const KnownEncoding& encoding, const std::string& folder);

// The known encoding that has these tokens by rank and these special ones; null: none.
const KnownEncoding* find_encoding(std::span<const std::string> bytes_by_rank,
                                   std::vector<SpecialToken> special);

// A .tiktoken by its path. A known one is known by its SHA-256. Of another one, the name must say
// the pattern ("mine.cl100k.tiktoken"), and it has no special tokens.
TokenizerPtr tokenizer_from_rank_file(std::string_view text, const std::string& path);

}   // namespace glass
