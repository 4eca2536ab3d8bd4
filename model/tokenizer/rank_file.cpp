#include "model/tokenizer/rank_file.h"

#include <algorithm>

#include "engine/base/base64.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/tokenizer/bpe.h"

namespace glass {
namespace {

constexpr std::size_t kLongestLine = 4096, kLongestToken = 1024;

std::size_t count_lines(std::string_view text) {
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool begins = at == 0 || text[at - 1] == '\n';
    lines += begins && text[at] != '\n' && text[at] != '\r';
  }
  return lines;
}

}   // namespace

std::vector<std::string> read_ranks(std::string_view text, const std::string& what) {
  std::size_t number = 0;
  const auto refuse = [&](const std::string& reason) {
    fail(ContentError(what + ": line " + std::to_string(number) + " " + reason + "."));
  };
  const std::size_t tokens = count_lines(text);
  if (tokens == 0) fail(ContentError(what + " has no tokens in it."));
  if (tokens > static_cast<std::size_t>(kMostBpeTokens)) {
    fail(ContentError(what + " has " + with_commas(static_cast<std::int64_t>(tokens)) +
                      " tokens; there may be " + with_commas(kMostBpeTokens) + "."));
  }
  std::vector<std::string> by_rank(tokens);
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    if (line.size() > kLongestLine)
      refuse("has " + std::to_string(line.size()) + " bytes, more than any token takes");
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) refuse("has no space between a token and its rank");
    bytes.clear();
    if (!from_base64(line.substr(0, space), bytes))
      refuse("does not begin with base64, but with " + in_quotes(line.substr(0, space)));
    if (bytes.empty() || bytes.size() > kLongestToken)
      refuse("has a token of " + std::to_string(bytes.size()) + " bytes; 1 to 1,024 are possible");
    std::int64_t rank = 0;
    const std::string_view digits = line.substr(space + 1);
    if (parse_integer(digits, rank) != NumberFault::none || rank < 0)
      refuse("has the rank " + in_quotes(digits) + ", which is no number from 0 on");
    if (rank >= static_cast<std::int64_t>(tokens)) {
      refuse("has the rank " + std::to_string(rank) + ", but there are only " +
             with_commas(static_cast<std::int64_t>(tokens)) + " tokens, with the ranks from 0 on");
    }
    std::string& place = by_rank[static_cast<std::size_t>(rank)];
    if (!place.empty()) refuse("has the rank " + std::to_string(rank) + " for the second time");
    place = bytes;
  }
  return by_rank;   // as many ranks as lines, each once: none is missing
}

TokenizerPtr tokenizer_from_ranks(std::vector<std::string> bytes_by_rank, Pattern pattern,
                                  std::vector<SpecialToken> special, const std::string& spec,
                                  const std::string& what) {
  BpeDefinition made;
  made.spec = spec;
  made.pattern = pattern;
  made.ranks = static_cast<std::int32_t>(bytes_by_rank.size());
  if (bytes_by_rank.empty()) fail(ContentError(what + " has no tokens in it."));
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
    while (made.tokens.size() < token.id) made.tokens.push_back("");   // holes
    made.tokens.push_back(token.text);
  }
  made.special = std::move(special);
  made.vocab_size = made.tokens.size();
  return std::make_shared<BpeTokenizer>(std::move(made), what);
}

}   // namespace glass
