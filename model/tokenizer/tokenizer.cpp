// Which tokenizer a name or a JSON text means.
#include "model/tokenizer/tokenizer.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/json_value.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "model/tokenizer/bytes.h"
#include "model/tokenizer/char.h"

namespace glass {

std::string Tokenizer::decode(std::span<const std::int32_t> ids) const {
  std::string text;
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= vocab_size()) {
      fail(ContentError("there is no token " + std::to_string(id) + ": the tokenizer " + spec() +
                        " has the tokens 0 to " + std::to_string(vocab_size() - 1) + "."));
    }
    text += token(id);
  }
  return text;
}

TokenizerPtr tokenizer_from_json(std::string_view json, const std::string& what) {
  const JsonValue value = parse_json(json, what);
  const std::string& type = value.at("type", what).string(what + ": type");
  if (type == "bytes") return std::make_shared<BytesTokenizer>();
  if (type == "char") {
    std::u32string letters;
    decode_utf8(value.at("letters", what).string(what + ": letters"), letters);
    return std::make_shared<CharTokenizer>(std::move(letters), what);
  }
  fail(ContentError(what + " is of type " + in_quotes(type) +
                    ", which this program does not know; it knows char and bytes."));
}

namespace {

// Tokenizers that need a file of ranks, which this program does not carry.
bool needs_rank_file(std::string_view spec) {
  const std::string_view known[] = {"gpt2", "cl100k", "o200k", "o200k-compact"};
  return std::find(std::begin(known), std::end(known), spec) != std::end(known);
}

}   // namespace

void check_tokenizer_spec(const std::string& spec) {
  if (spec == "char" || spec == "bytes") return;
  if (needs_rank_file(spec)) {
    fail(UsageError("--tokenizer " + spec +
                    " is not part of this version, which has char, bytes and bpe:N."));
  }
  const std::string near = nearest(spec, {"char", "bytes"});
  fail(UsageError("--tokenizer: " + in_quotes(spec) + " is not a tokenizer; use char or bytes." +
                  (near.empty() ? "" : " Did you mean " + near + "?")));
}

TokenizerPtr make_tokenizer(const std::string& spec, std::string_view document,
                            const std::string& what) {
  return make_tokenizer(spec, std::span(&document, 1), what);
}

TokenizerPtr make_tokenizer(const std::string& spec, std::span<const std::string_view> corpus,
                            const std::string& what) {
  check_tokenizer_spec(spec);
  if (spec == "char") return CharTokenizer::of_corpus(corpus, what);
  return std::make_shared<BytesTokenizer>();
}

}   // namespace glass
