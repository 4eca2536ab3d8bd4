// A tokenizer turns text into numbers and back. A model never sees text: it sees a row of token
// ids 0 .. vocab_size-1, and what one id stands for is a few bytes that the tokenizer knows.
//
// Every tokenizer can be written as JSON, which travels inside a checkpoint, so that a model can
// always say what its numbers mean.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace glass {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual std::string spec() const = 0;   // "char", "bytes", "bpe:2048"
  virtual int vocab_size() const = 0;
  virtual std::vector<std::int32_t> encode(
      std::string_view text) const = 0;   // ContentError names what it cannot say
  // The same, but text that looks like a special token, <|endoftext|>, becomes that token.
  virtual std::vector<std::int32_t> encode_special(std::string_view text) const {
    return encode(text);
  }
  // Its bytes; 0 <= id < vocab_size(). "" where the id stands for nothing.
  virtual std::string_view token(int id) const = 0;
  virtual int end_of_text() const { return -1; }   // the token between two documents; -1: none
  virtual std::string to_json() const = 0;         // what tokenizer_from_json reads

  std::string decode(std::span<const std::int32_t> ids) const;   // ContentError for an unknown id
};

using TokenizerPtr = std::shared_ptr<const Tokenizer>;

// What to_json wrote. `what` names the place in messages: "the tokenizer in out/names".
TokenizerPtr tokenizer_from_json(std::string_view json, const std::string& what);

// A tokenizer by the name that `--tokenizer` takes: char, bytes, bpe:N, gpt2, cl100k, o200k, and
// these three with -compact. Those that learn (char its letters, bpe its pieces, compact ones which
// tokens to keep) learn from the documents of `corpus`; `what` names them in messages. The files of
// ranks are looked for in `ranks` first (rank_file.h). UsageError for a name that is none.
TokenizerPtr make_tokenizer(const std::string& spec, std::span<const std::string_view> corpus,
                            const std::string& what, const std::string& ranks = "");
TokenizerPtr make_tokenizer(const std::string& spec, std::string_view document,
                            const std::string& what, const std::string& ranks = "");
// Does it learn from a text? The others are the same for every text.
bool learns_from_text(const std::string& spec);
// UsageError where make_tokenizer would find the name wrong; nothing is learned.
void check_tokenizer_spec(const std::string& spec);

}   // namespace glass
