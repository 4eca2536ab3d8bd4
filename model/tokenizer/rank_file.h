// A .tiktoken file: every token as base64, and its rank, which is its id too. Text is encoded by
// gluing, over and over, the two neighbours that together are the token of the lowest rank.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/fixed_tokens.h"
#include "model/tokenizer/split.h"
#include "model/tokenizer/tokenizer.h"

namespace glass {

// bytes_by_rank[i] is token i. Every single byte must be among them; ids may be left free between
// them and the special ones. `spec` is its name: "gpt2". ContentError where this is no vocabulary.
TokenizerPtr tokenizer_from_ranks(std::vector<std::string> bytes_by_rank, Pattern pattern,
                                  std::vector<SpecialToken> special, const std::string& spec,
                                  const std::string& what);

}   // namespace glass
