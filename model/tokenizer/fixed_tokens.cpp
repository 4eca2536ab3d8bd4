#include "model/tokenizer/fixed_tokens.h"

#include <algorithm>

namespace glass {

FixedTokens::FixedTokens(std::vector<SpecialToken> tokens) : sorted_(std::move(tokens)) {
  std::sort(sorted_.begin(), sorted_.end(),
            [](const SpecialToken& a, const SpecialToken& b) { return a.text < b.text; });
  for (const SpecialToken& token : sorted_) begins_.set(static_cast<unsigned char>(token.text[0]));
}

// Byte by byte, the tokens that begin with what was read so far are a shorter and shorter stretch
// of the sorted list; the one that is over with it stands first in the stretch.
FixedTokens::Found FixedTokens::longest_at(std::string_view text, std::size_t at) const {
  Found found{text.size(), 0, -1};
  auto first = sorted_.begin(), last = sorted_.end();
  for (std::size_t depth = 0; first != last && at + depth < text.size(); ++depth) {
    const auto next = static_cast<unsigned char>(text[at + depth]);
    const auto byte = [&](const SpecialToken& token) {   // -1: it is over
      return depth < token.text.size() ? static_cast<unsigned char>(token.text[depth]) : -1;
    };
    first =
        std::partition_point(first, last, [&](const SpecialToken& t) { return byte(t) < next; });
    last =
        std::partition_point(first, last, [&](const SpecialToken& t) { return byte(t) <= next; });
    if (first != last && first->text.size() == depth + 1) found = {at, depth + 1, first->id};
  }
  return found;
}

FixedTokens::Found FixedTokens::next(std::string_view text, std::size_t from) const {
  for (std::size_t at = from; at < text.size(); ++at) {
    if (!begins_[static_cast<unsigned char>(text[at])]) continue;
    const Found found = longest_at(text, at);
    if (found.id >= 0) return found;
  }
  return {text.size(), 0, -1};
}

}   // namespace glass
