#include "model/dataset.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <unordered_map>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/batches.h"
#include "model/corpora/corpora.h"
#include "model/corpus.h"
#include "model/random_repeats.h"
#include "model/source.h"
#include "model/token_cache.h"
#include "model/token_folder.h"
#include "model/tokenizer/open.h"
#include "model/tokenizer/rank_file.h"

namespace glass {
namespace {

namespace fs = std::filesystem;

// The tokens of a text: from the cache, or made now.
Dataset from_text(std::string_view text, const DataOptions& options, const std::string& what) {
  const TokenCache cache(text, options);
  if (std::optional<Dataset> kept = cache.find(options)) return *std::move(kept);
  const EncodedText encoded = encode_text(text, options, what);
  cache.keep(encoded, options.source);
  // Mapped files need no memory of ours, and the first run then takes the same way as the second.
  if (std::optional<Dataset> kept = cache.find(options)) return *std::move(kept);
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

// ---- data that are made while they are asked for ------------------------------------------------

constexpr const char* kInduction = "induction";

std::unique_ptr<Samples> make_repeats(Split split, std::int64_t B, std::int64_t T,
                                      std::uint64_t seed) {
  if (split == Split::val) return std::make_unique<HeldOutRepeats>(B, T);
  return std::make_unique<RandomRepeats>(B, T, seed);
}

// Some samples as one row of tokens, for whoever wants a text.
Tokens some_of(const Dataset& data, Split split, std::int64_t samples) {
  constexpr std::int64_t T = 64;
  std::vector<std::int32_t> ids(static_cast<std::size_t>(samples * T)), targets(ids.size());
  data.made(split, samples, T, 0)->fill(0, ids, targets);
  return Tokens(ids);
}

Dataset open_made(const DataOptions& options) {
  Dataset data;
  data.name = options.source;
  data.origin = std::string(find_corpus(options.source)->what);
  data.tokenizer = repeat_tokenizer();
  data.vocab_size = data.tokenizer->vocab_size();
  data.made = make_repeats;
  data.train = some_of(data, Split::train, 4096);
  data.val = some_of(data, Split::val, HeldOutRepeats::kCount);
  look_through(data);   // samples follow from the seed: all are the same where these are
  if (options.use && options.use->to_json() != data.tokenizer->to_json())
    fail(ContentError("the tokens of " + data.name +
                      " are drawn by chance and have letters of "
                      "their own; this model learned others (" +
                      options.use->spec() + ")."));
  if (options.tokenizer != "char")
    fail(UsageError("the tokens of " + data.name +
                    " are drawn by chance, each with a letter of its "
                    "own; leave --tokenizer out."));
  return data;
}

}   // namespace

bool is_made(const std::string& source) { return source == kInduction; }

std::unique_ptr<Samples> samples_of(const Dataset& data, Split split, std::int64_t B,
                                    std::int64_t T, std::uint64_t seed) {
  if (data.made) return data.made(split, B, T, seed);
  const Tokens& tokens = split == Split::train ? data.train : data.val;
  if (split == Split::val && tokens.size() <= T) return nullptr;
  return std::make_unique<Batches>(tokens, B, T, seed);
}

Dataset open_dataset(const DataOptions& wanted) {
  DataOptions options = wanted;
  if (!(options.val >= 0 && options.val < 1))
    fail(UsageError("--val is a share from 0 to less than 1, not " + shortest(options.val) + "."));
  if (is_made(options.source)) return open_made(options);
  if (options.use == nullptr) {
    if (is_tokenizer_path(options.tokenizer)) options.use = open_tokenizer(options.tokenizer);
    else check_tokenizer_spec(options.tokenizer);
    if (encoding_of_spec(options.tokenizer) != nullptr && !is_compact(options.tokenizer))
      options.use = make_tokenizer(options.tokenizer, "", "", options.ranks);
  }
  std::error_code fault;
  const bool by_name = find_corpus(options.source) != nullptr;
  if (!by_name && fs::is_directory(options.source, fault))
    return open_token_folder(options.source, options);
  const SourceText source = read_source(options.source);
  if (options.doc_sep.empty()) options.doc_sep = source.separator;
  Dataset data = from_text(source.text, options, in_quotes(options.source));
  data.name = source.name;
  data.separator = options.doc_sep;
  data.origin = source.origin;
  return data;
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

CorpusEntropy corpus_entropy(const Dataset& data) {
  return corpus_entropy(data.train, data.vocab_size);
}

}   // namespace glass
