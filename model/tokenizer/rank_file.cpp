#include "model/tokenizer/rank_file.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/tokenizer/bpe.h"

namespace glass {

TokenizerPtr tokenizer_from_ranks(std::vector<std::string> bytes_by_rank, Pattern pattern,
                                  std::vector<SpecialToken> special, const std::string& spec,
                                  const std::string& what) {
  BpeDefinition made;
  made.spec = spec;
  made.pattern = pattern;
  made.ranks = static_cast<std::int32_t>(bytes_by_rank.size());
  for (std::size_t rank = 0; rank < bytes_by_rank.size(); ++rank) {
    if (bytes_by_rank[rank].empty())
      fail(ContentError(what + " has no token of the rank " + std::to_string(rank) + "."));
    made.tokens.push_back(bytes_by_rank[rank]);
  }
  std::sort(special.begin(), special.end(),
            [](const SpecialToken& a, const SpecialToken& b) { return a.id < b.id; });
  for (const SpecialToken& token : special) {
    if (token.id < made.tokens.size() || token.id >= kMostBpeTokens) {
      fail(ContentError(what + ": the special token " + in_quotes(token.text) + " has the id " +
                        std::to_string(token.id) + ", which is not free."));
    }
    while (made.tokens.size() < token.id) made.tokens.push_back("");
    made.tokens.push_back(token.text);
  }
  made.special = std::move(special);
  made.vocab_size = made.tokens.size();
  return std::make_shared<BpeTokenizer>(std::move(made), what);
}

}   // namespace glass
