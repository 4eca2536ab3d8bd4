// From text to tokens: cut it into documents, keep some of them for examination, and encode both
// splits with a tokenizer that was made from this very text, or with one that is given.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/dataset.h"

namespace glass {

// The two splits, as pieces of the text to encode one after the other.
struct SplitText {
  std::vector<std::string_view> train, val;
};

// A text without separator is cut once, after int(letters * (1 - val)) letters, as nanoGPT does. A
// list of documents (`doc_sep` given) is shuffled, always in the same way, and cut after
// int(documents * (1 - val)) of them, but at least one. Line ends around a document do not belong
// to it, and empty ones are left out.
SplitText split_text(std::string_view text, double val, const std::string& doc_sep);

// A tokenizer that learns from all of a text, by its name (see make_tokenizer).
TokenizerPtr tokenizer_for_text(std::string_view text, const std::string& spec,
                                const std::string& doc_sep, const std::string& what,
                                const std::string& ranks = "");

struct EncodedText {
  TokenizerPtr tokenizer;
  std::vector<std::int32_t> train, val;
  std::int64_t train_documents = 0, val_documents = 0;
};

// Behind every document of a list stands the tokenizer's end_of_text or, where it has none, the
// separator as it was written. `what` names the text in messages.
EncodedText encode_text(std::string_view text, const DataOptions& options, const std::string& what);

}   // namespace glass
