#include "model/dataset.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <unordered_map>

#include "engine/base/error.h"
#include "engine/base/file_ops.h"
#include "engine/base/files.h"
#include "engine/base/text.h"
#include "model/corpora/corpora.h"
#include "model/corpus.h"
#include "model/token_cache.h"
#include "model/token_folder.h"

namespace glass {
namespace {

namespace fs = std::filesystem;

// "texts/book.txt" -> "book"
std::string stem_of(const std::string& path) {
  const std::string name = split_path(path).name;
  const std::size_t dot = name.rfind('.');
  return dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
}

// The tokens of a text: from the cache, or made now.
Dataset from_text(std::string_view text, const DataOptions& options, const std::string& what) {
  const TokenCache cache(text, options);
  if (std::optional<Dataset> kept = cache.find(options)) return *std::move(kept);
  const EncodedText encoded = encode_text(text, options, what);
  cache.keep(encoded, options.source);
  Dataset data;
  data.train = Tokens(encoded.train);
  data.val = Tokens(encoded.val);
  data.tokenizer = encoded.tokenizer;
  data.vocab_size = encoded.tokenizer->vocab_size();
  data.train_documents = encoded.train_documents;
  data.val_documents = encoded.val_documents;
  look_through(data);
  return data;
}

Dataset from_corpus(const Corpus& corpus, DataOptions options) {
  if (options.doc_sep.empty()) options.doc_sep = corpus.separator;
  const std::string text = make_corpus(corpus, corpus.documents, kCorpusSeed);
  Dataset data = from_text(text, options, "the " + options.source);
  data.name = options.source;
  data.separator = options.doc_sep;
  data.origin = std::string(corpus.what);
  return data;
}

Dataset from_file(const DataOptions& options) {
  const std::string text = read_text_file(options.source, "the text to learn from");
  Dataset data = from_text(text, options, in_quotes(options.source));
  data.name = stem_of(options.source);
  data.separator = options.doc_sep;
  data.origin = options.source;
  return data;
}

[[noreturn]] void refuse_source(const std::string& source) {
  std::vector<std::string> names;
  for (const DatasetName& known : dataset_names()) names.push_back(known.name);
  const std::string near = nearest(source, names);
  fail(SystemError("there is no file " + in_quotes(source) + " and no data set of this name" +
                   (near.empty() ? "; the data sets are " + list_of(names, "and") + "."
                                 : "; did you mean " + near + "?")));
}

}   // namespace

Dataset open_dataset(const DataOptions& options) {
  if (!(options.val >= 0 && options.val < 1))
    fail(UsageError("--val is a share from 0 to less than 1, not " + shortest(options.val) + "."));
  if (options.use == nullptr) check_tokenizer_spec(options.tokenizer);
  if (const Corpus* corpus = find_corpus(options.source)) return from_corpus(*corpus, options);
  std::error_code fault;
  const fs::file_status status = fs::status(options.source, fault);
  if (status.type() == fs::file_type::not_found) refuse_source(options.source);
  if (status.type() == fs::file_type::directory) return open_token_folder(options.source, options);
  return from_file(options);
}

std::vector<DatasetName> dataset_names() {
  std::vector<DatasetName> names;
  for (const Corpus& corpus : corpora())
    names.push_back({std::string(corpus.name), std::string(corpus.what)});
  return names;
}

namespace {

// n ln n, and nothing for nothing.
double n_log_n(std::int64_t n) {
  const auto x = static_cast<double>(n);
  return n > 0 ? x * std::log(x) : 0;
}

}   // namespace

CorpusEntropy corpus_entropy(const Tokens& tokens, int vocab_size, std::int64_t most) {
  // With n(x) of N: -sum n(x)/N ln(n(x)/N) = (N ln N - sum n(x) ln n(x)) / N. Of the next token y
  // after x, in the same way: (sum n(x) ln n(x) - sum n(x,y) ln n(x,y)) / N, where x is every token
  // that has a next one.
  CorpusEntropy entropy{std::log(static_cast<double>(vocab_size)), 0, 0};
  const std::int64_t N = std::min(tokens.size(), most);
  if (N == 0) return entropy;
  std::vector<std::int64_t> counts(static_cast<std::size_t>(vocab_size));
  std::unordered_map<std::uint64_t, std::int64_t> pairs;
  std::int32_t before = -1;
  for_each_piece(tokens, N, [&](std::int64_t, std::span<const std::int32_t> ids) {
    for (const std::int32_t id : ids) {
      ++counts.at(static_cast<std::size_t>(id));
      if (before >= 0) ++pairs[std::uint64_t(before) << 32 | std::uint32_t(id)];
      before = id;
    }
  });
  double of_tokens = 0, of_firsts = 0, of_pairs = 0;
  for (std::size_t x = 0; x < counts.size(); ++x) {
    of_tokens += n_log_n(counts[x]);
    of_firsts += n_log_n(counts[x] - (static_cast<std::int32_t>(x) == before));
  }
  // Summed in the order of the counts, which no hash table decides.
  std::vector<std::int64_t> sorted;
  for (const auto& [pair, count] : pairs) sorted.push_back(count);
  std::sort(sorted.begin(), sorted.end());
  for (const std::int64_t count : sorted) of_pairs += n_log_n(count);
  entropy.unigram = (n_log_n(N) - of_tokens) / static_cast<double>(N);
  if (N > 1) entropy.bigram = (of_firsts - of_pairs) / static_cast<double>(N - 1);
  return entropy;
}

}   // namespace glass
