// The files in which Hugging Face's programs and llama.cpp keep a tokenizer of pieces: every token
// is written in the letters that GPT-2 shows bytes as (byte_letters.h), and every merge as two such
// tokens with a space between them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/split.h"
#include "model/tokenizer/tokenizer.h"

namespace glass {

// --- what is written -----------------------------------------------------------------------------

// A whole tokenizer in one file, tokenizer.json. Any of ours can be written, and gives the same ids
// in the package `tokenizers`. Two things it cannot say: a letter that a char tokenizer does not
// know is left out there, where ours refuses it; and of a compact tokenizer it also has the pieces
// that were not kept, with ids behind those of the model.
std::string huggingface_tokenizer_json(const Tokenizer& tokenizer);

// The two older files. They know nothing but bytes, merges and GPT-2's way to cut text. What does
// not fit, fits_vocab_json says, and writing it is a ContentError: a char tokenizer with a letter
// of more than one byte, or one that cuts text as cl100k or o200k.
bool fits_vocab_json(const Tokenizer& tokenizer);
std::string vocab_json(const Tokenizer& tokenizer);
std::string merges_txt(const Tokenizer& tokenizer);

// --- what both directions share ------------------------------------------------------------------

// A tokenizer as a GGUF keeps it.
struct MappedVocabulary {
  // By id, as many as the model has. Ordinary tokens in the letters of bytes; special and
  // user_defined ones in their own. "" is a hole: an id that stands for nothing.
  std::vector<std::string> tokens;
  // "left right", the first goes first. A part may be no token (of a compact tokenizer).
  std::vector<std::string> merges;
  std::vector<bool> special;        // by id: a sign between texts, never text
  std::vector<bool> user_defined;   // by id: must be found before any merging, as it is
  std::string pattern = "gpt2";     // how text is cut: gpt2, cl100k or o200k
  bool whole = false;               // a piece that is a token is taken as it is, without merging
};
MappedVocabulary mapped_vocabulary(const Tokenizer& tokenizer);
// ContentError where it contradicts itself.
TokenizerPtr tokenizer_from_mapped(MappedVocabulary vocabulary, const std::string& what);

// --- what is read --------------------------------------------------------------------------------

// What a JSON file is, if it is a tokenizer at all.
enum class JsonFile : std::uint8_t { ours, huggingface, vocabulary };
JsonFile kind_of_json(std::string_view json);

// A tokenizer.json of byte-level BPE. What it asks for and we do not do is refused by name.
TokenizerPtr tokenizer_from_huggingface(std::string_view json, const std::string& what);
// vocab.json and merges.txt.
TokenizerPtr tokenizer_from_vocab_and_merges(std::string_view vocab, std::string_view merges,
                                             const std::string& what);

}   // namespace glass
