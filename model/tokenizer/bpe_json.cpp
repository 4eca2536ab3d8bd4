// A tokenizer of pieces as JSON, which travels in every checkpoint. One that was trained here is
// its list of merges, which a person can read. The large ones of others are hundreds of thousands
// of tokens: their bytes, one behind the other, as one base64 text, which is read in milliseconds.
#include <algorithm>

#include "engine/base/base64.h"
#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/json_value.h"
#include "engine/base/text.h"
#include "model/tokenizer/bpe.h"

namespace glass {
namespace {

// Numbers in a row of bytes: seven bits at a time, the lowest first, and the eighth bit says that
// more follows.
void put_number(std::string& bytes, std::uint32_t number) {
  for (; number >= 128; number >>= 7) bytes += static_cast<char>(number | 128);
  bytes += static_cast<char>(number);
}

class Numbers {
 public:
  Numbers(const JsonValue& value, std::string what) : what_(std::move(what)) {
    if (!from_base64(value.string(what_), bytes_)) fail(ContentError(what_ + " is not base64."));
  }
  bool more() const { return at_ < bytes_.size(); }
  std::uint32_t number() {
    std::uint64_t number = 0;
    for (int shift = 0; shift <= 28; shift += 7) {
      if (!more()) break;
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      number |= std::uint64_t{byte & 127u} << shift;
      if (byte < 128 && number <= 0x7fffffff) return static_cast<std::uint32_t>(number);
      if (byte < 128) break;
    }
    fail(ContentError(what_ + " ends in the middle of a number, or has one that is too large."));
  }
  std::int32_t id() { return static_cast<std::int32_t>(number()); }
  std::string_view take(std::size_t count) {
    if (count > bytes_.size() - at_)
      fail(ContentError(what_ + " has a token that is longer than what is left of it."));
    at_ += count;
    return std::string_view(bytes_).substr(at_ - count, count);
  }

 private:
  std::string what_, bytes_;
  std::size_t at_ = 0;
};

void write_special(Json& json, const char* name, const std::vector<SpecialToken>& tokens) {
  if (tokens.empty()) return;
  json.key(name).array();
  for (const SpecialToken& token : tokens) json.array().value(token.text).value(token.id).end();
  json.end();
}

std::vector<SpecialToken> read_special(const JsonValue& value, const char* name,
                                       const std::string& what) {
  std::vector<SpecialToken> tokens;
  const JsonValue* list = value.find(name);
  if (list == nullptr) return tokens;
  const std::string where = what + ": " + name;
  if (list->kind != JsonValue::Kind::array) fail(ContentError(where + " must be a list."));
  for (const JsonValue& pair : list->items) {
    if (pair.items.size() != 2) fail(ContentError(where + " must be a list of texts with an id."));
    tokens.push_back({pair.items[0].string(where),
                      static_cast<std::int32_t>(pair.items[1].integer(where, 0, kMostBpeTokens))});
  }
  return tokens;
}

std::string trained_json(const BpeDefinition& d) {
  Json json;
  json.object().field("type", "bpe").field("pattern", pattern_name(d.pattern));
  json.key("merges").array();
  for (const BpeMerge& merge : d.merges) json.array().value(merge.left).value(merge.right).end();
  json.end().end();
  return json.text();
}

BpeDefinition read_definition(const JsonValue& value, const std::string& what) {
  BpeDefinition d;
  const std::string& pattern = value.at("pattern", what).string(what + ": pattern");
  const std::optional<Pattern> known = find_pattern(pattern);
  if (!known) {
    fail(ContentError(what + " cuts text by the pattern " + in_quotes(pattern) +
                      ", which this program does not know; it knows gpt2, cl100k and o200k."));
  }
  d.pattern = *known;
  d.spec = value.at("name", what).string(what + ": name");
  Numbers tokens(value.at("tokens", what), what + ": tokens");
  while (tokens.more()) {
    if (d.tokens.size() == kMostBpeTokens)
      fail(ContentError(what + " has more than " + with_commas(kMostBpeTokens) + " tokens."));
    d.tokens.push_back(tokens.take(tokens.number()));
  }
  const std::int64_t most = d.tokens.size();
  if (const JsonValue* merges = value.find("merges")) {
    Numbers numbers(*merges, what + ": merges");
    while (numbers.more()) {
      const std::int32_t left = numbers.id(), right = numbers.id();
      d.merges.push_back({left, right});
      d.made.push_back(numbers.id());
    }
  }
  if (const JsonValue* ranks = value.find("ranks"))
    d.ranks = static_cast<std::int32_t>(ranks->integer(what + ": ranks", 1, most));
  if (const JsonValue* whole = value.find("whole")) d.whole = whole->flag(what + ": whole");
  d.special = read_special(value, "special", what);
  d.user_defined = read_special(value, "user_defined", what);
  d.vocab_size = static_cast<std::int32_t>(
      value.at("vocab_size", what).integer(what + ": vocab_size", 1, most));
  if (const JsonValue* kept = value.find("kept")) {
    Numbers steps(*kept, what + ": kept");
    std::int64_t id = -1;
    while (steps.more()) {
      id += std::int64_t{1} + steps.number();
      if (id >= most) fail(ContentError(what + ": kept names a token that is not there."));
      d.kept.push_back(static_cast<std::int32_t>(id));
    }
  }
  return d;
}

}   // namespace

std::string BpeTokenizer::to_json() const {
  const BpeDefinition& d = definition_;
  if (trained_) return trained_json(d);
  std::string tokens, merges, kept;
  for (std::int32_t id = 0; id < d.tokens.size(); ++id) {
    put_number(tokens, static_cast<std::uint32_t>(d.tokens[id].size()));
    tokens += d.tokens[id];
  }
  for (std::size_t i = 0; i < d.merges.size(); ++i) {
    for (const std::int32_t id : {d.merges[i].left, d.merges[i].right, d.made[i]})
      put_number(merges, static_cast<std::uint32_t>(id));
  }
  std::int32_t before = -1;
  for (const std::int32_t id : d.kept) {
    put_number(kept, static_cast<std::uint32_t>(id - before - 1));
    before = id;
  }
  Json json;
  json.object().field("type", "pieces").field("name", d.spec);
  json.field("pattern", pattern_name(d.pattern)).field("vocab_size", d.vocab_size);
  if (d.by_ranks()) json.field("ranks", d.ranks);
  else json.field("whole", d.whole);
  write_special(json, "special", d.special);
  write_special(json, "user_defined", d.user_defined);
  json.field("tokens", base64(tokens));
  if (!merges.empty()) json.field("merges", base64(merges));
  if (!kept.empty()) json.field("kept", base64(kept));
  json.end();
  return json.text();
}

TokenizerPtr bpe_from_json(const JsonValue& value, const std::string& what) {
  return std::make_shared<BpeTokenizer>(read_definition(value, what), what);
}

}   // namespace glass
