#include "model/tokenizer/compact.h"

#include <string>

#include "engine/base/error.h"
#include "model/tokenizer/bpe.h"

namespace glass {

TokenizerPtr keep_what_occurs(const Tokenizer& full,
                              const std::vector<std::vector<std::int32_t>*>& rows) {
  const auto* pieces = dynamic_cast<const BpeTokenizer*>(&full);
  if (pieces == nullptr) {
    fail(UsageError("the tokenizer " + full.spec() +
                    " cannot be made compact: only a tokenizer of pieces has more tokens than a "
                    "text needs, as gpt2, cl100k, o200k and bpe:N are."));
  }
  std::vector<std::int32_t> number(static_cast<std::size_t>(full.vocab_size()), -1);
  for (const std::vector<std::int32_t>* row : rows)
    for (const std::int32_t id : *row) number[static_cast<std::size_t>(id)] = 0;
  std::vector<std::int32_t> kept;
  for (std::size_t id = 0; id < number.size(); ++id) {
    if (number[id] < 0) continue;
    number[id] = static_cast<std::int32_t>(kept.size());
    kept.push_back(static_cast<std::int32_t>(id));
  }
  if (kept.empty()) fail(ContentError("there is no text, so there are no tokens to keep."));
  for (std::vector<std::int32_t>* row : rows)
    for (std::int32_t& id : *row) id = number[static_cast<std::size_t>(id)];
  return pieces->keeping(kept);
}

TokenizerPtr with_first_tokens(const TokenizerPtr& full, std::int64_t vocab_size) {
  const auto* pieces = dynamic_cast<const BpeTokenizer*>(full.get());
  if (pieces == nullptr || full->vocab_size() <= vocab_size || vocab_size < 1) return full;
  BpeDefinition definition = pieces->definition();
  if (!definition.kept.empty()) return full;
  definition.vocab_size = static_cast<std::int32_t>(vocab_size);
  definition.spec = "pieces:" + std::to_string(vocab_size);
  return std::make_shared<BpeTokenizer>(std::move(definition), full->spec());
}

}   // namespace glass
