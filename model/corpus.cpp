#include "model/corpus.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "engine/random.h"
#include "model/permutation.h"
#include "model/tokenizer/char.h"
#include "model/tokenizer/compact.h"
#include "model/tokenizer/rank_file.h"

namespace glass {
namespace {

// Where letter number `letters` begins.
std::size_t byte_of_letter(std::string_view text, std::int64_t letters) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (begins_letter(text[i]) && letters-- == 0) return i;
  return text.size();
}

// int(n * 0.9) of nanoGPT: 1 - 0.1 and 0.9 are the same double.
std::int64_t train_share(std::int64_t n, double val) {
  return static_cast<std::int64_t>(static_cast<double>(n) * (1 - val));
}

std::string_view without_line_ends(std::string_view text) {
  const auto is_end = [](char c) { return c == '\n' || c == '\r'; };
  while (!text.empty() && is_end(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_end(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> documents_of(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> documents;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    const std::string_view document = without_line_ends(text.substr(begin, end - begin));
    if (!document.empty()) documents.push_back(document);
    begin = end + separator.size();
  }
  return documents;
}

}   // namespace

SplitText split_text(std::string_view text, double val, const std::string& doc_sep) {
  SplitText split;
  if (doc_sep.empty()) {
    const std::size_t cut = byte_of_letter(text, train_share(count_letters(text), val));
    split.train.push_back(text.substr(0, cut));
    split.val.push_back(text.substr(cut));
    return split;
  }
  const std::vector<std::string_view> documents = documents_of(text, doc_sep);
  const auto n = static_cast<std::int64_t>(documents.size());
  if (n == 0) return split;
  // The seed is none of the user's: two runs must be examined on the same documents.
  const Permutation shuffled(n, 0, site("corpus", "documents"), 0);
  const std::int64_t cut = std::max<std::int64_t>(1, train_share(n, val));
  for (std::int64_t i = 0; i < n; ++i) {
    std::vector<std::string_view>& side = i < cut ? split.train : split.val;
    side.push_back(documents[static_cast<std::size_t>(shuffled(i))]);
  }
  return split;
}

TokenizerPtr tokenizer_for_text(std::string_view text, const std::string& spec,
                                const std::string& doc_sep, const std::string& what,
                                const std::string& ranks) {
  if (doc_sep.empty() || spec == "char") return make_tokenizer(spec, text, what, ranks);
  return make_tokenizer(spec, documents_of(text, doc_sep), what, ranks);
}

namespace {

TokenizerPtr tokenizer_for(const SplitText& split, const DataOptions& options,
                           const std::string& what) {
  if (options.use != nullptr) return options.use;
  // All of it first; what is kept is decided when the text is encoded.
  if (is_compact(options.tokenizer))
    return open_encoding(*encoding_of_spec(options.tokenizer), options.ranks);
  // The letters of all of it, as nanoGPT has it: one that occurs in the examination alone must
  // still have a number. Pieces are learned from what may be learned from.
  std::vector<std::string_view> corpus = split.train;
  if (options.tokenizer == "char") {
    corpus.insert(corpus.end(), split.val.begin(), split.val.end());
    corpus.push_back(options.doc_mark);
    if (!options.doc_sep.empty()) corpus.push_back(options.doc_sep);
  }
  return make_tokenizer(options.tokenizer, corpus, what, options.ranks);
}

std::vector<std::int32_t> encode_split(const std::vector<std::string_view>& pieces,
                                       const Tokenizer& tokenizer, const DataOptions& options) {
  if (options.doc_sep.empty()) return tokenizer.encode(pieces[0]);   // one piece, as it is
  const int end = tokenizer.end_of_text();
  std::vector<std::int32_t> ids;
  for (const std::string_view piece : pieces) {
    std::string text = options.doc_mark;
    text += piece;
    if (end < 0) text += options.doc_sep;
    const std::vector<std::int32_t> more = tokenizer.encode(text);
    ids.insert(ids.end(), more.begin(), more.end());
    if (end >= 0) ids.push_back(end);
  }
  return ids;
}

}   // namespace

EncodedText encode_text(std::string_view text, const DataOptions& options,
                        const std::string& what) {
  const bool list = !options.doc_sep.empty();
  if (!options.doc_mark.empty() && !list) {
    fail(UsageError("--doc-mark goes with --doc-sep, which says where the documents begin."));
  }
  // Said now, where the place is one in the whole text.
  if (options.use == nullptr && options.tokenizer == "char") require_letters(text, what);
  const SplitText split = split_text(text, options.val, options.doc_sep);
  if (split.train.empty()) {
    fail(ContentError(what + " has no documents: there is nothing but " +
                      in_quotes(options.doc_sep) + " in it."));
  }
  EncodedText encoded;
  encoded.tokenizer = tokenizer_for(split, options, what);
  encoded.train = encode_split(split.train, *encoded.tokenizer, options);
  encoded.val = encode_split(split.val, *encoded.tokenizer, options);
  if (options.use == nullptr && is_compact(options.tokenizer))
    encoded.tokenizer = keep_what_occurs(*encoded.tokenizer, {&encoded.train, &encoded.val});
  encoded.train_documents = list ? static_cast<std::int64_t>(split.train.size()) : 0;
  encoded.val_documents = list ? static_cast<std::int64_t>(split.val.size()) : 0;
  return encoded;
}

}   // namespace glass
