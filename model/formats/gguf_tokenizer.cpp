#include "model/formats/gguf_tokenizer.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/tokenizer/huggingface.h"

namespace glass {
namespace {

constexpr std::size_t kMostTokens = 1'000'000, kMostMerges = 2 * kMostTokens;
enum TokenType : std::int32_t { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

// llama.cpp's names for the patterns that we know, and whether it takes a piece that is a token as
// it is; the first that fits is the one that we write.
struct Pre {
  const char *theirs, *ours;
  bool whole;
};
constexpr Pre kPatterns[] = {{"gpt-2", "gpt2", false},       {"dbrx", "cl100k", false},
                             {"gpt-4o", "o200k", false},     {"phi-2", "gpt2", false},
                             {"roberta-bpe", "gpt2", false}, {"llama-bpe", "cl100k", true},
                             {"llama3", "cl100k", true},     {"llama-v3", "cl100k", true},
                             {"smaug-bpe", "cl100k", false}, {"llama4", "o200k", false}};

const Pre& pattern_of(const GgufFile& file) {
  const std::string name = file.text("tokenizer.ggml.pre").value_or("gpt-2");
  for (const Pre& pre : kPatterns)
    if (name == pre.theirs) return pre;
  std::vector<std::string> known;
  for (const Pre& pre : kPatterns) known.emplace_back(pre.theirs);
  file.refuse("its text is cut by the pattern " + in_quotes(name) + "; known are " +
              list_of(known, "and"));
}

// What each token is; where the file does not say, all are ordinary but the sign at the end.
void read_types(const GgufFile& file, MappedVocabulary& vocabulary) {
  const std::size_t count = vocabulary.tokens.size();
  vocabulary.special.assign(count, false);
  vocabulary.user_defined.assign(count, false);
  const auto types = file.integers("tokenizer.ggml.token_type", kMostTokens);
  if (types && types->size() != count)
    file.refuse("it has " + std::to_string(count) + " tokens and the types of " +
                std::to_string(types->size()));
  for (std::size_t i = 0; types && i < count; ++i) {
    switch ((*types)[i]) {
      case kNormal:
        break;
      case kUnknown:
      case kControl:
        vocabulary.special[i] = true;
        break;
      case kUserDefined:
        vocabulary.user_defined[i] = true;
        break;
      case kUnused:
        vocabulary.tokens[i].clear();
        break;
      default:
        file.refuse("token " + std::to_string(i) + ", " + in_quotes(vocabulary.tokens[i]) +
                    ", is of type " + std::to_string((*types)[i]) + "; 1 to 5 are read");
    }
  }
  const auto end = file.integer("tokenizer.ggml.eos_token_id");
  if (!types && end && *end >= 0 && *end < static_cast<std::int64_t>(count))
    vocabulary.special[static_cast<std::size_t>(*end)] = true;
}

// --- Writing -------------------------------------------------------------------------------------

// llama.cpp takes token 11 for the end of a text where a file names none, and its programs stop
// there. A tokenizer without such a sign lends one that a text hardly ever needs.
std::int64_t end_of_text(const Tokenizer& tokenizer, std::int64_t vocab_size) {
  if (tokenizer.end_of_text() >= 0) return tokenizer.end_of_text();
  if (vocab_size > tokenizer.vocab_size()) return vocab_size - 1;   // one that stands for nothing
  constexpr std::string_view kRare = "\x03\x04\x1c\x01\x02\x7f`^~|\\@#$%{}[]<>=+*_&/\n";
  for (const char letter : kRare)
    for (int id = 0; id < tokenizer.vocab_size(); ++id)
      if (tokenizer.token(id) == std::string_view(&letter, 1)) return id;
  return vocab_size - 1;
}

// What stands for nothing needs a name, too, and no two names may be the same.
std::vector<std::int32_t> name_and_type(MappedVocabulary& vocabulary) {
  std::vector<std::int32_t> types;
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    std::string& token = vocabulary.tokens[i];
    if (token.empty()) {
      token = "[PAD" + std::to_string(i) + "]";
      types.push_back(kUnused);
    } else {
      types.push_back(vocabulary.special[i]        ? kControl
                      : vocabulary.user_defined[i] ? kUserDefined
                                                   : kNormal);
    }
  }
  for (const std::string& token : vocabulary.tokens)
    if (!seen.insert(token).second)
      fail(ContentError("two tokens of this tokenizer are written " + in_quotes(token) +
                        " in a GGUF, where bytes are shown as letters: it cannot hold both."));
  return types;
}

}   // namespace

TokenizerPtr read_gguf_tokenizer(const GgufFile& file) {
  const auto model = file.text("tokenizer.ggml.model");
  if (!model || *model == "none" || *model == "no_vocab") return nullptr;
  if (*model != "gpt2")
    file.refuse("its tokenizer is of the kind " + in_quotes(*model) +
                "; gpt2 (pieces of bytes) is read");
  MappedVocabulary vocabulary;
  auto tokens = file.texts("tokenizer.ggml.tokens", kMostTokens);
  auto merges = file.texts("tokenizer.ggml.merges", kMostMerges);
  if (!tokens) file.refuse("the key 'tokenizer.ggml.tokens' is missing");
  vocabulary.tokens = std::move(*tokens);
  if (merges) vocabulary.merges = std::move(*merges);
  const Pre& pre = pattern_of(file);
  vocabulary.pattern = pre.ours, vocabulary.whole = pre.whole;
  read_types(file, vocabulary);
  while (!vocabulary.tokens.empty() && vocabulary.tokens.back().empty()) {
    vocabulary.tokens.pop_back();
    vocabulary.special.pop_back();
    vocabulary.user_defined.pop_back();
  }
  return tokenizer_from_mapped(std::move(vocabulary), file.source().name() + ": tokenizer.ggml");
}

void write_gguf_tokenizer(GgufWriter& file, const Tokenizer& tokenizer, std::int64_t vocab_size) {
  MappedVocabulary vocabulary = mapped_vocabulary(tokenizer);
  const auto count = static_cast<std::size_t>(vocab_size);
  if (vocabulary.tokens.size() > count)
    fail(ContentError("the tokenizer knows " + std::to_string(vocabulary.tokens.size()) +
                      " tokens, the model only " + std::to_string(count) + "."));
  vocabulary.tokens.resize(count);
  vocabulary.special.resize(count);
  vocabulary.user_defined.resize(count);
  const std::vector<std::int32_t> types = name_and_type(vocabulary);
  const auto* pre = std::find_if(std::begin(kPatterns), std::end(kPatterns), [&](const Pre& p) {
    return vocabulary.pattern == p.ours && vocabulary.whole == p.whole;
  });
  if (pre == std::end(kPatterns))
    fail(ContentError("llama.cpp has no name for the pattern " + in_quotes(vocabulary.pattern) +
                      (vocabulary.whole ? " without merging what is a token" : "") +
                      ", as this tokenizer cuts text."));
  const auto end = static_cast<std::uint32_t>(end_of_text(tokenizer, vocab_size));
  file.text("tokenizer.ggml.model", "gpt2");
  file.text("tokenizer.ggml.pre", pre->theirs);
  file.texts("tokenizer.ggml.tokens", vocabulary.tokens);
  file.i32s("tokenizer.ggml.token_type", types);
  file.texts("tokenizer.ggml.merges", vocabulary.merges);
  file.u32("tokenizer.ggml.bos_token_id", end);
  file.u32("tokenizer.ggml.eos_token_id", end);
  file.boolean("tokenizer.ggml.add_bos_token", false);
}

}   // namespace glass
