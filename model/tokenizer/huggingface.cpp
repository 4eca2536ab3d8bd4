// Ours as theirs. Letters are the hard part: a char tokenizer has tokens of several bytes that no
// merge makes. A GGUF finds them before it looks at bytes (user_defined). A tokenizer.json does not
// need bytes at all then: without merges, its BPE takes a text letter by letter.
#include "model/tokenizer/huggingface.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/byte_letters.h"
#include "model/tokenizer/unicode.h"

namespace glass {
namespace {

const BpeTokenizer* as_bpe(const Tokenizer& tokenizer) {
  return dynamic_cast<const BpeTokenizer*>(&tokenizer);
}

bool is_letters(const Tokenizer& tokenizer) { return tokenizer.spec() == "char"; }

// A token as it is written in these files.
struct Written {
  std::string text;
  std::int32_t id;
  bool special = false, user_defined = false;
};

// A merge with the tokens in their letters.
std::string line_of(const BpeDefinition& d, BpeMerge merge) {
  return as_letters(d.tokens[merge.left]) + " " + as_letters(d.tokens[merge.right]);
}

// The merges that end in tokens the world can see, and those that make their parts.
std::vector<BpeMerge> needed_merges(const BpeTokenizer& tokenizer) {
  std::vector<BpeMerge> merges = tokenizer.all_merges();
  const BpeDefinition& d = tokenizer.definition();
  std::unordered_set<std::string> wanted;
  for (int id = 0; id < tokenizer.vocab_size(); ++id) wanted.emplace(tokenizer.token(id));
  std::vector<bool> needed(merges.size());
  // From the last to the first, since a part is made before it is used; again where a list is not
  // in this order.
  for (bool more = true; more;) {
    more = false;
    for (std::size_t i = merges.size(); i-- > 0;) {
      const std::string_view left = d.tokens[merges[i].left], right = d.tokens[merges[i].right];
      if (needed[i] || wanted.count(std::string(left).append(right)) == 0) continue;
      more = wanted.emplace(left).second || more;
      more = wanted.emplace(right).second || more;
      needed[i] = true;
    }
  }
  std::vector<BpeMerge> chosen;
  for (std::size_t i = 0; i < merges.size(); ++i)
    if (needed[i]) chosen.push_back(merges[i]);
  return chosen;
}

bool keeps_all(const BpeDefinition& d) { return d.kept.empty() && d.vocab_size == d.tokens.size(); }

std::vector<BpeMerge> written_merges(const BpeTokenizer& tokenizer) {
  return keeps_all(tokenizer.definition()) ? tokenizer.all_merges() : needed_merges(tokenizer);
}

Written* find(std::vector<Written>& tokens, std::int32_t id) {
  const auto at =
      std::lower_bound(tokens.begin(), tokens.end(), id,
                       [](const Written& t, std::int32_t wanted) { return t.id < wanted; });
  return at == tokens.end() || at->id != id ? nullptr : &*at;
}

// Two merges of a tokenizer that was trained here may make the same bytes, each with an id of its
// own. These files know tokens by what they say.
void require_different(const std::vector<Written>& tokens) {
  std::unordered_map<std::string_view, std::int32_t> ids;
  for (const Written& token : tokens) {
    const auto [first, is_new] = ids.emplace(token.text, token.id);
    if (is_new) continue;
    fail(ContentError("the tokens " + std::to_string(first->second) + " and " +
                      std::to_string(token.id) + " of the tokenizer are both " +
                      in_quotes(token.text) + ", which the files of others cannot say."));
  }
}

// Every token of the world, in the order of the ids, without holes.
std::vector<Written> written_tokens(const Tokenizer& tokenizer) {
  std::vector<Written> tokens;
  const bool letters = is_letters(tokenizer);
  for (int id = 0; id < tokenizer.vocab_size(); ++id) {
    const std::string_view bytes = tokenizer.token(id);
    if (bytes.empty()) continue;
    const bool whole_letter = letters && bytes.size() > 1;
    tokens.push_back(
        {whole_letter ? std::string(bytes) : as_letters(bytes), id, false, whole_letter});
  }
  if (const BpeTokenizer* bpe = as_bpe(tokenizer)) {
    for (const SpecialToken& token : bpe->definition().special)
      if (Written* written = find(tokens, bpe->outer(token.id)))
        written->text = token.text, written->special = true;
    for (const SpecialToken& token : bpe->definition().user_defined)
      if (Written* written = find(tokens, bpe->outer(token.id)))
        written->text = token.text, written->user_defined = true;
  }
  require_different(tokens);
  return tokens;
}

// Parts of merges that are no tokens of the world: Hugging Face's programs want a number for each,
// so they get the numbers behind.
void add_steps(const BpeTokenizer& tokenizer, const std::vector<BpeMerge>& merges,
               std::vector<Written>& tokens) {
  const BpeDefinition& d = tokenizer.definition();
  if (keeps_all(d)) return;
  std::unordered_set<std::string> known;
  for (const Written& written : tokens) known.insert(written.text);
  std::int32_t next = tokenizer.vocab_size();
  const auto add = [&](std::string_view bytes) {
    std::string text = as_letters(bytes);
    if (known.insert(text).second) tokens.push_back({std::move(text), next++});
  };
  for (const BpeMerge& merge : merges) add(d.tokens[merge.left]), add(d.tokens[merge.right]);
}

// As Python's json.dumps writes it: what is not ASCII as \uXXXX.
std::string in_ascii(const std::string& json) {
  std::string out;
  for (std::size_t at = 0; at < json.size();) {
    const LetterAt here = letter_at(json, at);
    at += here.bytes;
    const auto unit = [&](char32_t half) { out += format("\\u%04x", static_cast<unsigned>(half)); };
    if (here.letter < 0x80) {
      out += static_cast<char>(here.letter);
    } else if (here.letter < 0x10000) {
      unit(here.letter);
    } else {
      unit(0xD800 + ((here.letter - 0x10000) >> 10));
      unit(0xDC00 + ((here.letter - 0x10000) & 0x3FF));
    }
  }
  return out;
}

void write_vocabulary(Json& json, const std::vector<Written>& tokens) {
  json.object();
  for (const Written& token : tokens) json.field(token.text, token.id);
  json.end();
}

void write_added(Json& json, const std::vector<Written>& tokens) {
  json.key("added_tokens").array();
  for (const Written& token : tokens) {
    if (!token.special && !token.user_defined) continue;
    json.object().field("id", token.id).field("content", token.text).field("single_word", false);
    json.field("lstrip", false).field("rstrip", false).field("normalized", false);
    json.field("special", token.special).end();
  }
  json.end();
}

void write_byte_level(Json& json, bool cuts) {
  json.object().field("type", "ByteLevel").field("add_prefix_space", false);
  json.field("trim_offsets", true).field("use_regex", cuts).end();
}

void write_pre_tokenizer(Json& json, Pattern pattern) {
  json.key("pre_tokenizer");
  if (pattern == Pattern::gpt2) return write_byte_level(json, true);
  json.object().field("type", "Sequence").key("pretokenizers").array();
  json.object().field("type", "Split").key("pattern").object();
  json.field("Regex", pattern_text(pattern)).end();
  json.field("behavior", "Isolated").field("invert", false).end();
  write_byte_level(json, false);
  json.end().end();
}

void write_model(Json& json, const std::vector<Written>& tokens,
                 const std::vector<std::string>& merges, bool whole) {
  json.key("model").object().field("type", "BPE").key("dropout").null().key("unk_token").null();
  json.field("continuing_subword_prefix", "").field("end_of_word_suffix", "");
  json.field("fuse_unk", false).field("byte_fallback", false).field("ignore_merges", whole);
  json.key("vocab");
  write_vocabulary(json, tokens);
  json.field("merges", merges).end();
}

// Letter by letter, as it is written; nothing is cut and nothing is bytes.
std::string letters_json(const Tokenizer& tokenizer) {
  std::vector<Written> tokens;
  for (int id = 0; id < tokenizer.vocab_size(); ++id)
    tokens.push_back({std::string(tokenizer.token(id)), id});
  Json json;
  json.object().field("version", "1.0").key("truncation").null().key("padding").null();
  write_added(json, {});
  json.key("normalizer").null().key("pre_tokenizer").null().key("post_processor").null();
  json.key("decoder").object().field("type", "Fuse").end();
  write_model(json, tokens, {}, false);
  json.end();
  return json.text() + "\n";
}

std::vector<std::string> lines_of(const BpeTokenizer& tokenizer,
                                  const std::vector<BpeMerge>& merges) {
  std::vector<std::string> lines;
  lines.reserve(merges.size());
  for (const BpeMerge& merge : merges) lines.push_back(line_of(tokenizer.definition(), merge));
  return lines;
}

// Tokens and merges of a tokenizer that is made of bytes, steps and all.
struct Files {
  std::vector<Written> tokens;
  std::vector<std::string> merges;
};
Files files_of(const Tokenizer& tokenizer) {
  Files files{written_tokens(tokenizer), {}};
  if (const BpeTokenizer* bpe = as_bpe(tokenizer)) {
    const std::vector<BpeMerge> merges = written_merges(*bpe);
    add_steps(*bpe, merges, files.tokens);
    files.merges = lines_of(*bpe, merges);
  }
  return files;
}

void require_vocab_json(const Tokenizer& tokenizer) {
  if (fits_vocab_json(tokenizer)) return;
  fail(ContentError("vocab.json and merges.txt cannot hold the tokenizer " + tokenizer.spec() +
                    ": they know neither letters of several bytes nor another way to cut text than "
                    "GPT-2's; tokenizer.json can."));
}

}   // namespace

std::string huggingface_tokenizer_json(const Tokenizer& tokenizer) {
  if (is_letters(tokenizer)) return letters_json(tokenizer);
  const BpeTokenizer* bpe = as_bpe(tokenizer);
  const Files files = files_of(tokenizer);
  Json json;
  json.object().field("version", "1.0").key("truncation").null().key("padding").null();
  write_added(json, files.tokens);
  json.key("normalizer").null();
  write_pre_tokenizer(json, bpe != nullptr ? bpe->definition().pattern : Pattern::gpt2);
  json.key("post_processor");
  write_byte_level(json, true);
  json.key("decoder");
  write_byte_level(json, true);
  write_model(json, files.tokens, files.merges, bpe != nullptr && bpe->definition().whole);
  json.end();
  return json.text() + "\n";
}

bool fits_vocab_json(const Tokenizer& tokenizer) {
  if (const BpeTokenizer* bpe = as_bpe(tokenizer); bpe != nullptr)
    return bpe->definition().pattern == Pattern::gpt2;
  if (!is_letters(tokenizer)) return true;
  for (int id = 0; id < tokenizer.vocab_size(); ++id)
    if (tokenizer.token(id).size() > 1) return false;
  return true;
}

std::string vocab_json(const Tokenizer& tokenizer) {
  require_vocab_json(tokenizer);
  Json json;
  write_vocabulary(json, files_of(tokenizer).tokens);
  return in_ascii(json.text());
}

std::string merges_txt(const Tokenizer& tokenizer) {
  require_vocab_json(tokenizer);
  std::string text = "#version: 0.2\n";
  for (const std::string& line : files_of(tokenizer).merges) (text += line) += '\n';
  return text;
}

MappedVocabulary mapped_vocabulary(const Tokenizer& tokenizer) {
  MappedVocabulary mapped;
  const auto size = static_cast<std::size_t>(tokenizer.vocab_size());
  mapped.tokens.resize(size);
  mapped.special.resize(size);
  mapped.user_defined.resize(size);
  for (const Written& written : written_tokens(tokenizer)) {
    const auto id = static_cast<std::size_t>(written.id);
    mapped.tokens[id] = written.text;
    mapped.special[id] = written.special;
    mapped.user_defined[id] = written.user_defined;
  }
  if (const BpeTokenizer* bpe = as_bpe(tokenizer)) {
    mapped.merges = lines_of(*bpe, written_merges(*bpe));
    mapped.pattern = pattern_name(bpe->definition().pattern);
    // Of ranks it says nothing: their merges lead to every token.
    mapped.whole = bpe->definition().whole && !bpe->definition().by_ranks();
  }
  return mapped;
}

}   // namespace glass
