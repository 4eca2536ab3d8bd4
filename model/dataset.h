// What a model learns from: two rows of tokens, one to learn and one to be examined on, and the
// tokenizer that says what they mean. open_dataset makes one of nearly anything a user points at.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/samples.h"
#include "model/tokenizer/tokenizer.h"
#include "model/tokens.h"

namespace glass {

enum class Split : std::uint8_t { train, val };

// Where the samples of a data set come from that is not stored anywhere (random_repeats.h). Those
// of `val` are the same for every seed.
using MakeSamples = std::unique_ptr<Samples> (*)(Split, std::int64_t B, std::int64_t T,
                                                 std::uint64_t seed);

struct Dataset {
  std::string name;         // "tinyshakespeare": good for naming a folder
  std::string origin;       // where it came from, for people: "tinyshakespeare.txt"
  Tokens train, val;        // val may be empty
  MakeSamples made = nullptr;   // where it is given, both are only some of them
  TokenizerPtr tokenizer;   // null: token files that come without one
  int vocab_size = 0;
  // How much text the tokens stand for, so that a loss per token becomes bits per byte or per
  // letter. 0 where there is no tokenizer to ask.
  std::int64_t train_bytes = 0, val_bytes = 0;
  std::int64_t train_letters = 0, val_letters = 0;
  std::int64_t train_documents = 0, val_documents = 0;   // 0: one long text
  std::string separator;      // the text between documents, where there are any
  std::uint64_t digest = 0;   // of the tokens: two data sets with the same one are the same
};

struct DataOptions {
  // A text file; a folder with train.bin and val.bin (nanoGPT's, llm.c's shards, or ours); or the
  // name of a data set (corpora() in model/corpora/corpora.h).
  std::string source = {};
  std::string tokenizer = "char";   // a name that make_tokenizer knows, or a path; for texts
  TokenizerPtr use = nullptr;       // if given, this one instead: of a model that learns further
  std::string ranks = {};           // a folder with files of ranks
  double val = 0.1;                 // the share that is kept for examination, 0 <= val < 1
  // Where it is given the text is a list of documents with this between them. Each document goes to
  // one split as a whole, and both splits come in an order of their own, since documents do not
  // follow from each other while their list (names from a to z) may have an order.
  std::string doc_sep = {};
  std::string doc_mark = {};   // a letter to put in front of every document
  // Where prepared tokens are kept for the next time: "" for the user's cache folder
  // ($XDG_CACHE_HOME/glass or ~/.cache/glass), "off" for nowhere.
  std::string cache = {};
};

Dataset open_dataset(const DataOptions& options);

// Is this the name of a data set that is made while it is asked for?
bool is_made(const std::string& source);

// What a model learns from or is examined on, B samples of T tokens at a time. Null where nothing,
// or less than a window, is held out.
std::unique_ptr<Samples> samples_of(const Dataset& data, Split split, std::int64_t B,
                                    std::int64_t T, std::uint64_t seed);

// Three lines to compare a loss with, in nats a token.
struct CorpusEntropy {
  double uniform;   // ln V: a model that knows nothing
  double unigram;   // one that knows how often each token occurs
  double bigram;    // one that also sees the token before
};
// Of at most the first `most` tokens: pairs of tokens are many.
CorpusEntropy corpus_entropy(const Tokens& tokens, int vocab_size,
                             std::int64_t most = std::int64_t{1} << 24);
// Of what there is to learn from.
CorpusEntropy corpus_entropy(const Dataset& data);

}   // namespace glass
