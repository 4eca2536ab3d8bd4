// glass inspect on a tokenizer that lies in a file of its own: what kind of file, how many tokens,
// and the longest of them, which tell at a glance what text it learned from.
#include <algorithm>

#include "engine/base/text.h"
#include "model/formats/llmc.h"
#include "model/tokenizer/huggingface.h"
#include "model/tokenizer/open.h"
#include "model/tokenizer/unicode.h"
#include "tools/inspect.h"

namespace glass {
namespace {

constexpr std::size_t kLongest = 5;    // how many are shown
constexpr std::size_t kStart = 4096;   // bytes that tell the kind
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 28;

bool is_base64_line(std::string_view line) {
  const std::size_t space = line.find(' ');
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_base64 = [&](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
           c == '/' || c == '=';
  };
  if (space == std::string_view::npos || space == 0 || space + 1 == line.size()) return false;
  const std::string_view base64 = line.substr(0, space), rank = line.substr(space + 1);
  return base64.size() % 4 == 0 && std::all_of(base64.begin(), base64.end(), is_base64) &&
         std::all_of(rank.begin(), rank.end(), is_digit);
}

// {"!": 0, ...: does the first name of an object belong to a number?
bool begins_with_an_id(std::string_view json) {
  std::size_t at = json.find('"');
  if (at == std::string_view::npos) return false;
  for (++at; at < json.size() && json[at] != '"'; ++at)
    if (json[at] == '\\') ++at;
  at = at < json.size() ? json.find_first_not_of(" \t\r\n:", at + 1) : std::string_view::npos;
  return at != std::string_view::npos && json[at] >= '0' && json[at] <= '9';
}

// "" where it is none.
std::string kind_of(const FileOrFolder& target) {
  if (target.is_folder()) return "";
  const std::string start = target.first_bytes(kStart);
  if (is_llmc(target.source(), kLlmcTokenizer)) return "llm.c tokenizer";
  if (start.starts_with('\x80')) return "nanoGPT meta.pkl";
  if (start.starts_with("#version:")) return "merges.txt, with its vocab.json";
  if (start.starts_with("{")) switch (kind_of_json(all_bytes(target.source(), kMostBytes))) {
      case JsonFile::ours:
        return "tokenizer";
      case JsonFile::huggingface:
        return "Hugging Face tokenizer.json";
      case JsonFile::vocabulary:
        return begins_with_an_id(start) ? "vocab.json, with its merges.txt" : "";
    }
  return is_base64_line(start.substr(0, start.find('\n'))) ? "rank file of tiktoken" : "";
}

// How many letters a token has that is a word, with or without the space in front of it; 0 of
// others: rows of spaces or dashes are longer, and say less.
std::size_t letters_of(std::string_view token) {
  if (token.starts_with(' ')) token.remove_prefix(1);
  std::size_t count = 0;
  for (std::size_t at = 0; at < token.size(); ++count) {
    const LetterAt next = letter_at(token, at);
    const LetterClass kind = class_of(next.letter);
    if (!is_letter(kind) && kind != LetterClass::mark) return 0;
    at += next.bytes;
  }
  return count;
}

std::string longest_words(const Tokenizer& tokenizer) {
  std::vector<std::pair<std::size_t, std::string_view>> words;
  for (int id = 0; id < tokenizer.vocab_size(); ++id)
    if (const std::size_t letters = letters_of(tokenizer.token(id)); letters > 1)
      words.emplace_back(letters, tokenizer.token(id));
  std::sort(words.begin(), words.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(words.size(), kLongest); ++i)
    shown.push_back(in_quotes(words[i].second, 40));
  return join(shown, " ");
}

}   // namespace

bool looks_like_tokenizer(const FileOrFolder& target) { return !kind_of(target).empty(); }

Inspection inspect_tokenizer(const FileOrFolder& target) {
  const TokenizerPtr tokenizer = is_llmc(target.source(), kLlmcTokenizer)
                                     ? read_llmc_tokenizer(target.source())
                                     : open_tokenizer(target.path());
  Inspection found;
  found.kind = kind_of(target);
  found.path = target.path();
  found.bytes = target.source().size();
  found.tokenizer = tokenizer->spec();
  found.vocab_size = tokenizer->vocab_size();
  const std::string words = longest_words(*tokenizer);
  if (!words.empty()) found.facts.emplace_back("longest words", words);
  if (const int end = tokenizer->end_of_text(); end >= 0)
    found.facts.emplace_back("end of text",
                             in_quotes(tokenizer->token(end)) + ", token " + with_commas(end));
  return found;
}

}   // namespace glass
