// Theirs as ours. What a tokenizer.json asks for and this program does not do is refused by name: a
// tokenizer that is nearly right gives a model nearly the right words.
#include <algorithm>
#include <unordered_map>

#include "engine/base/error.h"
#include "engine/base/json_value.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/byte_letters.h"
#include "model/tokenizer/bytes.h"
#include "model/tokenizer/char.h"
#include "model/tokenizer/huggingface.h"
#include "model/tokenizer/rank_file.h"

namespace glass {
namespace {

using Kind = JsonValue::Kind;

constexpr std::size_t kLongestText = 1024;   // bytes of a special token

// Tokens and merges as they are read, before anything was made of them.
struct Read {
  MappedVocabulary vocabulary;
  bool merges_are_tokens = true;   // what a merge names must have an id
};

// Numbers for tokens by what is written; those that get one here are steps, behind the others.
class Ids {
 public:
  Ids(const MappedVocabulary& v, const std::string& what) : what_(what) {
    for (std::size_t id = 0; id < v.tokens.size(); ++id) {
      if (v.tokens[id].empty() || v.special[id] || v.user_defined[id]) continue;
      if (!ids_.emplace(v.tokens[id], static_cast<std::int32_t>(id)).second)
        fail(ContentError(what + " has the token " + in_quotes(v.tokens[id]) + " twice."));
    }
  }
  std::int32_t of(const std::string& token, bool must_be_there, BpeDefinition& d) {
    const auto [found, is_new] = ids_.emplace(token, d.tokens.size());
    if (!is_new) return found->second;
    if (must_be_there) {
      fail(ContentError(what_ + " has a merge with " + in_quotes(token) +
                        ", which is none of its tokens."));
    }
    std::string bytes;
    if (!bytes_of_letters(token, bytes)) bytes = token;
    d.tokens.push_back(bytes);
    return found->second;
  }

 private:
  const std::string& what_;
  std::unordered_map<std::string, std::int32_t> ids_;
};

void add_tokens(const MappedVocabulary& v, BpeDefinition& d) {
  for (std::size_t id = 0; id < v.tokens.size(); ++id) {
    const SpecialToken fixed{v.tokens[id], static_cast<std::int32_t>(id)};
    std::string bytes;
    if (v.special[id]) d.special.push_back(fixed);
    else if (v.user_defined[id]) d.user_defined.push_back(fixed);
    const bool is_fixed = v.special[id] || v.user_defined[id];
    // GPT-2's own vocab.json does not say which of its tokens is none.
    const bool is_end = !is_fixed && v.tokens[id] == kEndOfText;
    if (is_end) d.special.push_back(fixed);
    const bool plain = !is_fixed && !is_end && bytes_of_letters(v.tokens[id], bytes);
    d.tokens.push_back(plain ? bytes : v.tokens[id]);
  }
  d.vocab_size = d.tokens.size();
}

void add_merges(const Read& read, const std::string& what, BpeDefinition& d) {
  Ids ids(read.vocabulary, what);
  for (const std::string& line : read.vocabulary.merges) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos || space == 0 || space + 1 == line.size() ||
        line.find(' ', space + 1) != std::string::npos) {
      fail(ContentError(what + " has a merge that is not two tokens with a space between them: " +
                        in_quotes(line) + "."));
    }
    const std::string left = line.substr(0, space), right = line.substr(space + 1);
    const bool strict = read.merges_are_tokens;
    const std::int32_t l = ids.of(left, strict, d), r = ids.of(right, strict, d);
    d.merges.push_back({l, r});
    d.made.push_back(ids.of(left + right, strict, d));
  }
}

// --- the simpler tokenizer that some of them are -------------------------------------------------

// Is it one that was trained here? Then its merges say everything.
bool is_trained(const BpeDefinition& d) {
  const std::int32_t merges = static_cast<std::int32_t>(d.merges.size());
  if (d.pattern != Pattern::gpt2 || d.whole || !d.user_defined.empty() || d.special.size() != 1 ||
      d.special[0].id != kBpeEndOfText || d.special[0].text != kEndOfText ||
      d.tokens.size() != kBpeFirstMerge + merges || d.vocab_size != d.tokens.size())
    return false;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const std::string_view token = d.tokens[bpe_byte_ids()[byte]];
    if (token.size() != 1 || static_cast<unsigned char>(token[0]) != byte) return false;
  }
  for (std::int32_t i = 0; i < merges; ++i) {
    const BpeMerge merge = d.merges[static_cast<std::size_t>(i)];
    const std::int32_t id = kBpeFirstMerge + i;
    if (d.made[static_cast<std::size_t>(i)] != id || merge.left < kBpeFirstByte ||
        merge.right < kBpeFirstByte || merge.left >= id || merge.right >= id)
      return false;
  }
  return true;
}

bool is_bytes(const BpeDefinition& d) {
  if (d.tokens.size() != 256 || !d.merges.empty() || !d.special.empty() || !d.user_defined.empty())
    return false;
  for (std::int32_t id = 0; id < 256; ++id)
    if (d.tokens[id] != std::string(1, static_cast<char>(id))) return false;
  return true;
}

// One letter for every id, of one byte each or found as they are? "" where it is not so.
std::u32string letters_of(const BpeDefinition& d) {
  if (!d.merges.empty() || !d.special.empty()) return {};
  std::u32string letters;
  for (std::int32_t id = 0; id < d.tokens.size(); ++id) {
    const std::size_t before = letters.size();
    if (decode_utf8(d.tokens[id], letters) != d.tokens[id].size() || letters.size() != before + 1)
      return {};
  }
  return letters;
}

// One of the encodings that everybody knows, written as merges? Then it is the same as the one of
// that name. Null where it is another.
TokenizerPtr known_encoding(const BpeDefinition& d, const std::string& what) {
  if (!d.user_defined.empty() || d.special.empty()) return nullptr;
  std::vector<bool> special(static_cast<std::size_t>(d.tokens.size()));
  for (const SpecialToken& token : d.special) special[static_cast<std::size_t>(token.id)] = true;
  std::vector<std::string> ranks;
  std::int32_t id = 0;
  for (; id < d.tokens.size() && !special[static_cast<std::size_t>(id)]; ++id) {
    if (d.tokens[id].empty()) break;
    ranks.emplace_back(d.tokens[id]);
  }
  for (; id < d.tokens.size(); ++id)
    if (!special[static_cast<std::size_t>(id)] && !d.tokens[id].empty()) return nullptr;
  const KnownEncoding* encoding = find_encoding(ranks, d.special);
  if (encoding == nullptr || encoding->pattern != d.pattern) return nullptr;
  TokenizerPtr made = tokenizer_from_ranks(std::move(ranks), d.pattern, d.special,
                                           std::string(encoding->name), what);
  const std::vector<BpeMerge> merges = dynamic_cast<const BpeTokenizer&>(*made).all_merges();
  const auto same = [](BpeMerge a, BpeMerge b) { return a.left == b.left && a.right == b.right; };
  const bool all = std::equal(merges.begin(), merges.end(), d.merges.begin(), d.merges.end(), same);
  return all ? made : nullptr;
}

TokenizerPtr made_of(Read read, const std::string& what) {
  BpeDefinition d;
  const std::optional<Pattern> pattern = find_pattern(read.vocabulary.pattern);
  if (!pattern) {
    fail(ContentError(what + " cuts text by the pattern " + in_quotes(read.vocabulary.pattern) +
                      "; this program knows gpt2, cl100k and o200k."));
  }
  const std::size_t size = read.vocabulary.tokens.size();
  if (size > static_cast<std::size_t>(kMostBpeTokens))
    fail(ContentError(what + " has more than " + with_commas(kMostBpeTokens) + " tokens."));
  read.vocabulary.special.resize(size);
  read.vocabulary.user_defined.resize(size);
  d.pattern = *pattern;
  d.whole = read.vocabulary.whole;
  add_tokens(read.vocabulary, d);
  add_merges(read, what, d);
  d.spec = "pieces:" + std::to_string(d.vocab_size);
  if (is_trained(d)) return std::make_shared<BpeTokenizer>(std::move(d.merges), what);
  if (is_bytes(d)) return std::make_shared<BytesTokenizer>();
  if (TokenizerPtr known = known_encoding(d, what)) return known;
  if (std::u32string letters = letters_of(d); !letters.empty())
    return std::make_shared<CharTokenizer>(std::move(letters), what);
  return std::make_shared<BpeTokenizer>(std::move(d), what);
}

// --- JSON ----------------------------------------------------------------------------------------

// Values of a large vocabulary are many small ones; a file may have as many as its size explains.
JsonLimits limits_for(std::string_view json) {
  return {.depth = 16, .values = json.size() / 32 + (std::size_t{1} << 19)};
}

std::size_t id_of(const JsonValue& value, const std::string& what) {
  return static_cast<std::size_t>(value.integer(what, 0, kMostBpeTokens - 1));
}

void put_token(MappedVocabulary& v, std::size_t id, const std::string& text,
               const std::string& what) {
  if (text.empty() || text.size() > kLongestText * 2)
    fail(ContentError(what + " has a token of " + std::to_string(text.size()) + " bytes."));
  if (id >= v.tokens.size()) v.tokens.resize(id + 1);
  if (!v.tokens[id].empty() && v.tokens[id] != text) {
    fail(ContentError(what + " has two tokens with the id " + std::to_string(id) + ": " +
                      in_quotes(v.tokens[id]) + " and " + in_quotes(text) + "."));
  }
  v.tokens[id] = text;
}

void read_vocabulary(const JsonValue& vocab, const std::string& what, MappedVocabulary& v) {
  if (vocab.kind != Kind::object || vocab.fields.empty())
    fail(ContentError(what + " must be an object of tokens and their ids, and not empty."));
  for (const auto& [text, id] : vocab.fields)
    put_token(v, id_of(id, what + ": the id of " + in_quotes(text)), text, what);
}

bool is_nothing(const JsonValue* value) { return value == nullptr || value->kind == Kind::null; }

// Refuses a setting that would change the tokens: it must be absent, null, or one of these.
void require(const JsonValue& of, const char* name, std::initializer_list<const char*> allowed,
             const std::string& what) {
  const JsonValue* value = of.find(name);
  if (is_nothing(value)) return;
  std::string said = value->text;
  if (value->kind == Kind::boolean) said = value->boolean ? "true" : "false";
  const bool simple = value->kind != Kind::array && value->kind != Kind::object;
  for (const char* good : allowed)
    if (simple && said == good) return;
  fail(ContentError(what + " asks for " + name + (simple ? " " + in_quotes(said) : "") +
                    ", which this program does not do."));
}

const std::string& type_of(const JsonValue& value, const std::string& what) {
  return value.at("type", what).string(what + ": type");
}

[[noreturn]] void refuse_type(const JsonValue& value, const std::string& what,
                              const std::string& can) {
  fail(ContentError(what + " is of type " + in_quotes(type_of(value, what)) +
                    ", which this program does not do; it does " + can + "."));
}

// ByteLevel with GPT-2's pattern, or one of the known patterns and ByteLevel without one.
std::string read_pre_tokenizer(const JsonValue& value, const std::string& what) {
  if (type_of(value, what) == "ByteLevel") {
    require(value, "add_prefix_space", {"false"}, what);
    const JsonValue* cuts = value.find("use_regex");
    if (!is_nothing(cuts) && !cuts->flag(what + ": use_regex"))
      fail(ContentError(what + " does not cut text at all, which this program does not do."));
    return "gpt2";
  }
  if (type_of(value, what) != "Sequence")
    refuse_type(value, what, "ByteLevel, and Split before it");
  const JsonValue& list = value.at("pretokenizers", what);
  if (list.items.size() != 2 || type_of(list.items[0], what) != "Split" ||
      type_of(list.items[1], what) != "ByteLevel") {
    fail(ContentError(what + " is a sequence other than Split and ByteLevel."));
  }
  const JsonValue& split = list.items[0];
  require(split, "behavior", {"Isolated"}, what);
  require(split, "invert", {"false"}, what);
  require(list.items[1], "add_prefix_space", {"false"}, what);
  const JsonValue* cuts = list.items[1].find("use_regex");
  if (is_nothing(cuts) || cuts->flag(what + ": use_regex"))
    fail(ContentError(what + " cuts twice, by Split and by ByteLevel, which nobody means."));
  const JsonValue* regex = split.at("pattern", what).find("Regex");
  const std::string& text = regex == nullptr ? std::string() : regex->string(what + ": Regex");
  const std::optional<Pattern> pattern = pattern_of_text(text);
  if (!pattern) {
    fail(ContentError(what + " cuts text by a pattern that this program does not know: " +
                      in_quotes(text, 200) + "; it knows those of GPT-2, GPT-4 and GPT-4o."));
  }
  return std::string(pattern_name(*pattern));
}

void read_added(const JsonValue& list, const std::string& what, MappedVocabulary& v) {
  const std::string where = what + ": added_tokens";
  if (list.kind != Kind::array) fail(ContentError(where + " must be a list."));
  for (const JsonValue& token : list.items) {
    const std::string& text = token.at("content", where).string(where + ": content");
    const std::string of = where + ": " + in_quotes(text);
    for (const char* name : {"single_word", "lstrip", "rstrip"})
      require(token, name, {"false"}, of);
    if (text.size() > kLongestText)
      fail(ContentError(of + " is longer than " + std::to_string(kLongestText) + " bytes."));
    const std::size_t id = id_of(token.at("id", of), of + ": id");
    put_token(v, id, text, what);
    v.special.resize(v.tokens.size());
    v.user_defined.resize(v.tokens.size());
    const bool special = token.at("special", of).flag(of + ": special");
    (special ? v.special : v.user_defined)[id] = true;
  }
}

void read_merges(const JsonValue& list, const std::string& what, MappedVocabulary& v) {
  const std::string where = what + ": merges";
  if (list.kind != Kind::array) fail(ContentError(where + " must be a list."));
  v.merges.reserve(list.items.size());
  for (const JsonValue& merge : list.items) {
    if (merge.kind == Kind::text) {
      v.merges.push_back(merge.text);
    } else if (merge.items.size() == 2) {
      v.merges.push_back(merge.items[0].string(where) + " " + merge.items[1].string(where));
    } else {
      fail(ContentError(where + " must be texts, or lists of two texts."));
    }
  }
}

// Letter by letter: no bytes, no cutting, no merging.
TokenizerPtr read_letters(const MappedVocabulary& v, const std::string& what) {
  std::u32string letters;
  for (std::size_t id = 0; id < v.tokens.size(); ++id) {
    const std::size_t before = letters.size();
    const bool whole = decode_utf8(v.tokens[id], letters) == v.tokens[id].size();
    if (!whole || letters.size() != before + 1) {
      fail(ContentError(what + " has no pre_tokenizer, as a tokenizer of letters; but its token " +
                        std::to_string(id) + ", " + in_quotes(v.tokens[id]) + ", is no letter."));
    }
  }
  return std::make_shared<CharTokenizer>(std::move(letters), what);
}

void require_model(const JsonValue& model, const std::string& what) {
  if (const JsonValue* type = model.find("type"); !is_nothing(type)) {
    if (type->string(what + ": type") != "BPE") refuse_type(model, what, "BPE");
  }
  require(model, "dropout", {"0", "0.0"}, what);
  require(model, "continuing_subword_prefix", {""}, what);
  require(model, "end_of_word_suffix", {""}, what);
  require(model, "byte_fallback", {"false"}, what);
}

}   // namespace

// Looks at the names of the outermost object and at what each value begins with, until that tells.
// Whether all of it is JSON is found out by whoever reads it.
JsonFile kind_of_json(std::string_view json) {
  int depth = 0;
  std::size_t name_at = 0, name_size = 0;
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (c == '"') {
      const std::size_t begin = ++at;
      while (at < json.size() && json[at] != '"') at += json[at] == '\\' ? 2 : 1;
      if (depth == 1) name_at = begin, name_size = std::min(at, json.size()) - begin;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    } else if (c == ':' && depth == 1) {
      const std::size_t value = json.find_first_not_of(" \t\r\n", at + 1);
      const char first = value < json.size() ? json[value] : '\0';
      const std::string_view name = json.substr(name_at, name_size);
      if (first >= '0' && first <= '9') return JsonFile::vocabulary;
      if (name == "model" && first == '{') return JsonFile::huggingface;
      if (name == "type") return JsonFile::ours;
    }
  }
  return JsonFile::ours;
}

TokenizerPtr tokenizer_from_mapped(MappedVocabulary vocabulary, const std::string& what) {
  return made_of({std::move(vocabulary), false}, what);
}

TokenizerPtr tokenizer_from_huggingface(std::string_view json, const std::string& what) {
  const JsonValue value = parse_json(json, what, limits_for(json));
  Read read;
  require(value, "normalizer", {}, what);
  const std::string where = what + ": model";
  const JsonValue& model = value.at("model", what);
  require_model(model, where);
  read_vocabulary(model.at("vocab", where), where + ": vocab", read.vocabulary);
  read_merges(model.at("merges", where), where, read.vocabulary);
  if (const JsonValue* whole = model.find("ignore_merges"); !is_nothing(whole))
    read.vocabulary.whole = whole->flag(where + ": ignore_merges");
  const JsonValue* cuts = value.find("pre_tokenizer");
  const JsonValue* added = value.find("added_tokens");
  const bool letters = is_nothing(cuts);
  if (!is_nothing(added)) read_added(*added, what, read.vocabulary);
  if (letters) {
    if (!read.vocabulary.merges.empty() || (!is_nothing(added) && !added->items.empty())) {
      fail(ContentError(what + " has no pre_tokenizer, which this program does for tokenizers of "
                               "letters only, without merges and added tokens."));
    }
    return read_letters(read.vocabulary, what);
  }
  read.vocabulary.pattern = read_pre_tokenizer(*cuts, what + ": pre_tokenizer");
  // A post_processor puts special tokens around a text, which is up to whoever encodes it.
  const JsonValue* decoder = value.find("decoder");
  if (!is_nothing(decoder) && type_of(*decoder, what + ": decoder") != "ByteLevel")
    refuse_type(*decoder, what + ": decoder", "ByteLevel");
  return made_of(std::move(read), what);
}

TokenizerPtr tokenizer_from_vocab_and_merges(std::string_view vocab, std::string_view merges,
                                             const std::string& what) {
  Read read;
  read_vocabulary(parse_json(vocab, what, limits_for(vocab)), what, read.vocabulary);
  bool first = true;
  for (std::size_t at = 0; at < merges.size();) {
    const std::size_t end = std::min(merges.find('\n', at), merges.size());
    std::string_view line = merges.substr(at, end - at);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const bool comment = first && line.substr(0, 8) == "#version";
    if (!line.empty() && !comment) read.vocabulary.merges.emplace_back(line);
    first = false;
    at = end + 1;
  }
  return made_of(std::move(read), what);
}

}   // namespace glass
