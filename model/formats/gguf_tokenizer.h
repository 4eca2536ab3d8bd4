// A tokenizer in a GGUF: tokens in the letters that GPT-2 shows bytes as, merges, and the name of
// the pattern that cuts text into pieces.
#pragma once
#include "model/formats/gguf.h"
#include "model/formats/gguf_writer.h"
#include "model/tokenizer/tokenizer.h"

namespace glass {

// Null where the file says nothing about tokens. ContentError for kinds that are not read here.
TokenizerPtr read_gguf_tokenizer(const GgufFile& file);

// The keys tokenizer.ggml.*, for a model of this many tokens: ids that the tokenizer does not know
// get names that never occur in a text. ContentError for a tokenizer that cannot be said.
void write_gguf_tokenizer(GgufWriter& file, const Tokenizer& tokenizer, std::int64_t vocab_size);

}   // namespace glass
