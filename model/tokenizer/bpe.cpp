#include "model/tokenizer/bpe.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/tokenizer/byte_letters.h"
#include "model/tokenizer/merge.h"

namespace glass {
namespace {

// A chain of merges can double a token's length every time, and a file of a few hundred bytes could
// ask for more memory than there is.
constexpr std::size_t kLongestToken = std::size_t{1} << 24, kMostBytes = std::size_t{1} << 28;

// Of the list of merges that train_bpe found.
BpeDefinition definition_of(std::vector<BpeMerge> merges, const std::string& what) {
  BpeDefinition made;
  made.tokens.push_back(kEndOfText);
  made.special = {{std::string(kEndOfText), kBpeEndOfText}};
  std::string bytes(256, '\0');
  for (std::size_t byte = 0; byte < 256; ++byte)
    bytes[static_cast<std::size_t>(bpe_byte_ids()[byte] - kBpeFirstByte)] = static_cast<char>(byte);
  for (const char& byte : bytes) made.tokens.push_back({&byte, 1});
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const auto [left, right] = merges[i];
    const auto id = made.tokens.size();
    const auto refuse = [&](const char* reason) {
      fail(ContentError(what + " is no list of merges: number " + std::to_string(i) + " (" +
                        std::to_string(merges[i].left) + ", " + std::to_string(merges[i].right) +
                        ") " + reason + "."));
    };
    if (left < kBpeFirstByte || right < kBpeFirstByte || left >= id || right >= id)
      refuse("glues something that is not there yet");
    const std::size_t size = made.tokens[left].size() + made.tokens[right].size();
    if (size > kLongestToken || made.tokens.bytes() + size > kMostBytes)
      refuse("makes a token that is too long");
    made.tokens.push_back(std::string(made.tokens[left]).append(made.tokens[right]));
    made.made.push_back(id);
  }
  made.vocab_size = made.tokens.size();
  made.spec = "bpe:" + std::to_string(made.vocab_size);
  made.merges = std::move(merges);
  return made;
}

}   // namespace

// The ids follow the numbers of the letters that GPT-2 shows bytes as, so the visible bytes come
// first.
const std::array<std::int32_t, 256>& bpe_byte_ids() {
  static const std::array<std::int32_t, 256> ids = [] {
    std::array<std::int32_t, 256> table{};
    int next = kBpeFirstByte;
    for (const bool visible : {true, false})
      for (std::size_t byte = 0; byte < 256; ++byte)
        if ((letter_of_byte(static_cast<unsigned char>(byte)) == byte) == visible)
          table[byte] = next++;
    return table;
  }();
  return ids;
}

BpeTokenizer::BpeTokenizer(std::vector<BpeMerge> merges, const std::string& what)
    : definition_(definition_of(std::move(merges), what)),
      trained_(true),
      byte_ids_(bpe_byte_ids()),
      pairs_(definition_.merges.size()) {
  check(what);
}

BpeTokenizer::BpeTokenizer(BpeDefinition definition, const std::string& what)
    : definition_(std::move(definition)), pairs_(definition_.merges.size()) {
  BpeDefinition& d = definition_;
  std::vector<bool> fixed(static_cast<std::size_t>(d.tokens.size()));
  for (const std::vector<SpecialToken>* list : {&d.special, &d.user_defined}) {
    for (const SpecialToken& token : *list)
      if (token.id >= 0 && token.id < d.tokens.size())
        fixed[static_cast<std::size_t>(token.id)] = true;
  }
  const std::int32_t twice = d.tokens.index(d.by_ranks() ? d.ranks : d.tokens.size(), fixed);
  if (d.by_ranks() && twice >= 0) {
    fail(ContentError(what + " has the token " + in_quotes(d.tokens[twice]) +
                      " twice, the second time with the rank " + std::to_string(twice) + "."));
  }
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    byte_ids_[byte] = d.tokens.find({&c, 1});
    if (d.by_ranks() && byte_ids_[byte] < 0) {
      fail(ContentError(what + format(" has no token for the byte 0x%02x alone; every byte needs "
                                      "one, for any text is made of them.",
                                      static_cast<unsigned>(byte))));
    }
  }
  if (d.by_ranks()) d.whole = true;
  check(what);
}

// What must hold for every definition, and what follows from it.
void BpeTokenizer::check(const std::string& what) {
  const BpeDefinition& d = definition_;
  const std::int32_t size = d.tokens.size();
  const auto is_token = [&](std::int32_t id) { return id >= 0 && id < size; };
  for (std::size_t i = 0; i < d.merges.size(); ++i) {
    const auto refuse = [&](const std::string& reason) {
      fail(ContentError(what + " is no list of merges: number " + std::to_string(i) + " (" +
                        std::to_string(d.merges[i].left) + ", " +
                        std::to_string(d.merges[i].right) + ") " + reason + "."));
    };
    const auto [left, right] = d.merges[i];
    if (!is_token(left) || !is_token(right) || i >= d.made.size() || !is_token(d.made[i]))
      refuse("names a token that is not there");
    const std::string_view l = d.tokens[left], r = d.tokens[right], both = d.tokens[d.made[i]];
    if (both.size() != l.size() + r.size() || both.substr(0, l.size()) != l ||
        both.substr(l.size()) != r)
      refuse("makes a token of other bytes than those two");
    if (!pairs_.insert(left, right, {static_cast<std::uint32_t>(i), d.made[i]}))
      refuse("comes twice");
  }
  std::vector<SpecialToken> fixed = d.user_defined;
  fixed.insert(fixed.end(), d.special.begin(), d.special.end());
  std::vector<std::string_view> texts;
  for (const SpecialToken& token : fixed) {
    if (!is_token(token.id) || token.text.empty() || d.tokens[token.id] != token.text) {
      fail(ContentError(what + ": the special token " + in_quotes(token.text) +
                        " has no place of its own at the id " + std::to_string(token.id) + "."));
    }
    texts.push_back(token.text);
  }
  std::sort(texts.begin(), texts.end());
  if (const auto twice = std::adjacent_find(texts.begin(), texts.end()); twice != texts.end())
    fail(ContentError(what + " has the special token " + in_quotes(*twice) + " twice."));
  for (std::size_t i = 0; i < d.kept.size(); ++i) {
    if (!is_token(d.kept[i]) || (i > 0 && d.kept[i] <= d.kept[i - 1]))
      fail(ContentError(what + ": the tokens that were kept are not ascending ids of tokens."));
  }
  const std::int32_t most = d.kept.empty() ? size : static_cast<std::int32_t>(d.kept.size());
  if (d.vocab_size < 1 || d.vocab_size > most || (!d.kept.empty() && d.vocab_size != most) ||
      size > kMostBpeTokens) {
    fail(ContentError(what + " promises " + with_commas(d.vocab_size) + " tokens and has " +
                      with_commas(most) + "; there may be 1 to " + with_commas(kMostBpeTokens) +
                      "."));
  }
  if (!d.kept.empty() || d.vocab_size < size) {
    outer_.assign(static_cast<std::size_t>(size), -1);
    for (std::int32_t id = 0; id < d.vocab_size; ++id)
      outer_[static_cast<std::size_t>(inner(id))] = id;
    const auto is_lost = [&](const SpecialToken& token) { return outer(token.id) < 0; };
    fixed.erase(std::remove_if(fixed.begin(), fixed.end(), is_lost), fixed.end());
  }
  for (const SpecialToken& token : d.special) {
    if (token.text == kEndOfText) end_of_text_ = outer(token.id);
  }
  user_defined_ = FixedTokens(d.user_defined);
  all_fixed_ = FixedTokens(std::move(fixed));
}

void BpeTokenizer::merge(std::string_view piece, std::vector<std::int32_t>& ids) const {
  if (piece.size() >= 0xffffffff)
    fail(ContentError("the text has a piece of more than 4 GiB without a place to cut it."));
  const BpeDefinition& d = definition_;
  if (d.by_ranks()) {
    merge_piece(
        piece, byte_ids_.data(),
        [&](std::int32_t, std::int32_t, std::string_view both) {
          const std::int32_t id = d.tokens.find(both);
          return id < 0 ? Glued{} : Glued{static_cast<std::uint32_t>(id), id};
        },
        ids);
    return;
  }
  for (const char c : piece) {
    if (byte_ids_[static_cast<unsigned char>(c)] < 0) {
      fail(ContentError("the tokenizer " + spec() + " cannot say " + in_quotes(piece) +
                        format(": it has no token for the byte 0x%02x.",
                               static_cast<unsigned>(static_cast<unsigned char>(c)))));
    }
  }
  merge_piece(
      piece, byte_ids_.data(),
      [&](std::int32_t left, std::int32_t right, std::string_view) {
        return pairs_.find(left, right);
      },
      ids);
}

// From the ids of the definition to those of the world.
void BpeTokenizer::renumber(std::string_view piece, std::vector<std::int32_t>& ids,
                            std::size_t from) const {
  for (std::size_t i = from; i < ids.size(); ++i) {
    const std::int32_t id = outer(ids[i]);
    if (id < 0) {
      fail(ContentError(
          "the tokenizer " + spec() + " did not keep the token " +
          in_quotes(definition_.tokens[ids[i]]) + " of " + in_quotes(piece) + ": it has only the " +
          with_commas(vocab_size()) +
          " tokens of the text that it was made for; write it with words of that text, or make the "
          "tokenizer without keeping some tokens only."));
    }
    ids[i] = id;
  }
}

void BpeTokenizer::encode_piece(std::string_view piece, std::vector<std::int32_t>& ids) const {
  const std::size_t from = ids.size();
  const std::int32_t whole = definition_.whole ? definition_.tokens.find(piece) : -1;
  if (whole >= 0) ids.push_back(whole);
  else merge(piece, ids);
  if (!outer_.empty()) renumber(piece, ids, from);
}

void BpeTokenizer::encode_plain(std::string_view text, KnownPieces& known,
                                std::vector<std::int32_t>& ids) const {
  for (std::size_t at = 0, end = 0; at < text.size(); at = end) {
    end = end_of_piece(definition_.pattern, text, at);
    const std::string_view piece = text.substr(at, end - at);
    KnownPieces::Entry* const place = known.place_of(piece);
    if (place != nullptr && place->is(piece)) {
      for (const std::int32_t id : place->tokens()) ids.push_back(id);
      continue;
    }
    const std::size_t from = ids.size();
    encode_piece(piece, ids);
    known.keep(place, piece, std::span(ids).subspan(from));
  }
}

std::vector<std::int32_t> BpeTokenizer::encode_around(std::string_view text,
                                                      const FixedTokens& fixed) const {
  // Of several threads at once, one has the pieces that are known, the others learn their own.
  const std::unique_lock<std::mutex> lock(guards_known_, std::try_to_lock);
  KnownPieces fresh(lock ? 0 : KnownPieces::kFirst);
  KnownPieces& known = lock ? known_ : fresh;
  std::vector<std::int32_t> ids;
  ids.reserve(text.size() / 4 + 1);
  if (fixed.empty()) {
    encode_plain(text, known, ids);
    return ids;
  }
  for (std::size_t at = 0; at < text.size();) {
    const FixedTokens::Found found = fixed.next(text, at);
    encode_plain(text.substr(at, found.at - at), known, ids);
    if (found.id >= 0) {
      ids.push_back(found.id);
      if (!outer_.empty()) renumber(text.substr(found.at, found.size), ids, ids.size() - 1);
    }
    at = found.at + found.size;
  }
  return ids;
}

std::vector<std::int32_t> BpeTokenizer::encode(std::string_view text) const {
  return encode_around(text, user_defined_);
}

std::vector<std::int32_t> BpeTokenizer::encode_special(std::string_view text) const {
  return encode_around(text, all_fixed_);
}

std::shared_ptr<const BpeTokenizer> BpeTokenizer::keeping(
    const std::vector<std::int32_t>& ids) const {
  BpeDefinition fewer = definition_;
  fewer.kept.clear();
  for (const std::int32_t id : ids) fewer.kept.push_back(inner(id));
  fewer.vocab_size = static_cast<std::int32_t>(ids.size());
  if (definition_.kept.empty()) fewer.spec += "-compact";
  return std::make_shared<BpeTokenizer>(std::move(fewer), spec());
}

std::vector<BpeMerge> BpeTokenizer::all_merges() const {
  const BpeDefinition& d = definition_;
  if (!d.by_ranks()) return d.merges;
  std::vector<BpeMerge> merges;
  std::vector<std::int32_t> parts;
  for (std::int32_t token = 0; token < d.ranks; ++token) {
    if (d.tokens[token].size() < 2) continue;
    parts.clear();
    merge_piece(
        d.tokens[token], byte_ids_.data(),
        [&](std::int32_t, std::int32_t, std::string_view both) {
          const std::int32_t id = d.tokens.find(both);
          return id < 0 || id >= token ? Glued{} : Glued{static_cast<std::uint32_t>(id), id};
        },
        parts);
    // A token that lower ranks do not leave in two is one that merging never makes.
    if (parts.size() == 2) merges.push_back({parts[0], parts[1]});
  }
  return merges;
}

}   // namespace glass
