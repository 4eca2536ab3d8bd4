// Which tokenizer a name or a JSON text means.
#include "model/tokenizer/tokenizer.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/json_value.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/bytes.h"
#include "model/tokenizer/char.h"
#include "model/tokenizer/compact.h"
#include "model/tokenizer/rank_file.h"

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

namespace {

TokenizerPtr char_from_json(const JsonValue& value, const std::string& what) {
  std::u32string letters;
  decode_utf8(value.at("letters", what).string(what + ": letters"), letters);
  const JsonValue* end = value.find("end_of_text");
  const auto last = static_cast<std::int64_t>(letters.size()) - 1;
  const auto end_of_text =
      end ? static_cast<int>(end->integer(what + ": end_of_text", 0, last)) : -1;
  return std::make_shared<CharTokenizer>(std::move(letters), what, end_of_text);
}

TokenizerPtr trained_from_json(const JsonValue& value, const std::string& what) {
  const std::string& pattern = value.at("pattern", what).string(what + ": pattern");
  if (pattern != "gpt2") {
    fail(ContentError(what + " cuts text by the pattern " + in_quotes(pattern) +
                      ", which this program does not know; it knows gpt2."));
  }
  const JsonValue& list = value.at("merges", what);
  const std::string where = what + ": merges";
  if (list.kind != JsonValue::Kind::array) fail(ContentError(where + " must be a list."));
  std::vector<BpeMerge> merges;
  for (const JsonValue& pair : list.items) {
    if (pair.kind != JsonValue::Kind::array || pair.items.size() != 2)
      fail(ContentError(where + " must be a list of pairs."));
    const auto id = [&](std::size_t k) {
      return static_cast<std::int32_t>(pair.items[k].integer(where, 0, kMostBpeTokens));
    };
    merges.push_back({id(0), id(1)});
  }
  return std::make_shared<BpeTokenizer>(std::move(merges), what);
}

}   // namespace

TokenizerPtr tokenizer_from_json(std::string_view json, const std::string& what) {
  const JsonValue value = parse_json(json, what);
  const std::string& type = value.at("type", what).string(what + ": type");
  if (type == "bytes") return std::make_shared<BytesTokenizer>();
  if (type == "char") return char_from_json(value, what);
  if (type == "bpe") return trained_from_json(value, what);
  if (type == "pieces") return bpe_from_json(value, what);
  fail(ContentError(what + " is of type " + in_quotes(type) +
                    ", which this program does not know; it knows char, bytes, bpe and pieces."));
}

namespace {

// N of bpe:N; 0 where the name is another.
int bpe_size(const std::string& spec) {
  if (spec.compare(0, 4, "bpe:") != 0) return 0;
  std::int64_t size = 0;
  const bool number = parse_integer(spec.substr(4), size) == NumberFault::none;
  if (!number || size < kBpeFirstMerge || size > kMostBpeTokens) {
    fail(UsageError("--tokenizer " + in_quotes(spec) +
                    ": N in bpe:N is the number of tokens, from " + with_commas(kBpeFirstMerge) +
                    " to " + with_commas(kMostBpeTokens) + "."));
  }
  return static_cast<int>(size);
}

}   // namespace

void check_tokenizer_spec(const std::string& spec) {
  if (spec == "char" || spec == "bytes" || bpe_size(spec) > 0 || encoding_of_spec(spec) != nullptr)
    return;
  const std::string near =
      nearest(spec, {"char", "bytes", "bpe:2048", "gpt2", "cl100k", "o200k", "o200k-compact"});
  fail(UsageError("--tokenizer: " + in_quotes(spec) +
                  " is not a tokenizer; use char, bytes, bpe:N, gpt2, cl100k, o200k, one of these "
                  "three with -compact behind it, or the path of a file." +
                  (near.empty() ? "" : " Did you mean " + near + "?")));
}

bool learns_from_text(const std::string& spec) {
  return spec == "char" || spec.compare(0, 4, "bpe:") == 0 || is_compact(spec);
}

TokenizerPtr make_tokenizer(const std::string& spec, std::string_view document,
                            const std::string& what, const std::string& ranks) {
  return make_tokenizer(spec, std::span(&document, 1), what, ranks);
}

namespace {

// The tokens of these documents, and the sign between them where there are several.
TokenizerPtr compact_tokenizer(const Tokenizer& full, std::span<const std::string_view> corpus) {
  std::vector<std::int32_t> all;
  for (const std::string_view document : corpus) {
    const std::vector<std::int32_t> ids = full.encode(document);
    all.insert(all.end(), ids.begin(), ids.end());
  }
  if (corpus.size() > 1 && full.end_of_text() >= 0) all.push_back(full.end_of_text());
  return keep_what_occurs(full, {&all});
}

}   // namespace

TokenizerPtr make_tokenizer(const std::string& spec, std::span<const std::string_view> corpus,
                            const std::string& what, const std::string& ranks) {
  check_tokenizer_spec(spec);
  if (spec == "char") return CharTokenizer::of_corpus(corpus, what);
  if (spec == "bytes") return std::make_shared<BytesTokenizer>();
  if (const KnownEncoding* encoding = encoding_of_spec(spec)) {
    const TokenizerPtr full = open_encoding(*encoding, ranks);
    return is_compact(spec) ? compact_tokenizer(*full, corpus) : full;
  }
  return std::make_shared<BpeTokenizer>(train_bpe(corpus, bpe_size(spec)), what);
}

}   // namespace glass
