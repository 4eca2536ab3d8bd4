// A large vocabulary for a small text: of the 200,000 tokens of o200k, a book has a few thousand. A
// compact tokenizer cuts and merges as the whole one does, keeps the ids that occur, and numbers
// them from 0 in the same order. What it did not keep it cannot say, and says so.
#pragma once
#include <cstdint>
#include <vector>

#include "model/tokenizer/tokenizer.h"

namespace glass {

// The tokens that occur in these rows of ids of `full`, which are renumbered where they are.
// UsageError where `full` is no tokenizer of pieces.
TokenizerPtr keep_what_occurs(const Tokenizer& full,
                              const std::vector<std::vector<std::int32_t>*>& rows);

// A tokenizer with the ids of a model, 0 .. vocab_size-1: what it has behind them are steps on the
// way to others (huggingface.h writes compact ones so), and no text may end in one. Others stay.
TokenizerPtr with_first_tokens(const TokenizerPtr& full, std::int64_t vocab_size);

}   // namespace glass
