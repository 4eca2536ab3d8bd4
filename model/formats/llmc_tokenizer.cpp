// llm.c's tokenizer: the bytes of every token, by id. It says nothing about merging, and needs not:
// of GPT-2 the id is the rank. A list of single letters is a tokenizer of letters.
#include <cstring>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "model/formats/llmc.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/bytes.h"
#include "model/tokenizer/char.h"
#include "model/tokenizer/rank_file.h"

namespace glass {
namespace {

constexpr std::size_t kHeaderBytes = 1024, kMostToken = 255;
constexpr std::int32_t kGpt2Tokens = 50257;

[[noreturn]] void refuse(const ByteSource& source, const std::string& reason) {
  fail(ContentError(source.name() + " is no sound tokenizer of llm.c: " + reason + "."));
}

std::vector<std::string> read_tokens(const ByteSource& source, std::int64_t count) {
  std::string bytes(static_cast<std::size_t>(source.size() - kHeaderBytes), '\0');
  source.read(kHeaderBytes, std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
  std::vector<std::string> tokens;
  std::size_t at = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::size_t size = at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0;
    if (size == 0 || size > bytes.size() - at - 1)
      refuse(source, "token " + std::to_string(i) + " at byte " +
                         std::to_string(kHeaderBytes + at) +
                         (at < bytes.size() ? " is empty or cut short" : " is missing"));
    tokens.push_back(bytes.substr(at + 1, size));
    at += 1 + size;
  }
  if (at != bytes.size())
    refuse(source, "its tokens end at byte " + std::to_string(kHeaderBytes + at) +
                       ", and the file at " + std::to_string(source.size()));
  return tokens;
}

// The letter of each token; empty where one is something else.
std::u32string letters_of(const std::vector<std::string>& tokens) {
  std::u32string letters;
  for (const std::string& token : tokens) {
    std::u32string letter;
    if (decode_utf8(token, letter) != token.size() || letter.size() != 1) return {};
    letters += letter;
  }
  return letters;
}

bool are_bytes(const std::vector<std::string>& tokens) {
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] != std::string(1, static_cast<char>(i))) return false;
  return tokens.size() == 256;
}

}   // namespace

TokenizerPtr read_llmc_tokenizer(const ByteSource& source) {
  const auto numbers = read_llmc_numbers(source, kLlmcTokenizer);
  const std::int32_t version = numbers[1], count = numbers[2];
  if (version != 2 && !(version == 1 && count == kGpt2Tokens))
    refuse(source, "its version is " + std::to_string(version) + "; 2 is read");
  const std::uint64_t fit = (source.size() - kHeaderBytes) / 2;
  if (count < 1 || count > kMostBpeTokens || static_cast<std::uint64_t>(count) > fit)
    refuse(source, "it promises " + std::to_string(count) + " tokens; " + std::to_string(fit) +
                       " fit into what follows byte 1024");
  const std::uint64_t most = static_cast<std::uint64_t>(count) * (1 + kMostToken);
  if (source.size() - kHeaderBytes > most)
    refuse(source, "it has " + std::to_string(source.size() - kHeaderBytes) +
                       " bytes behind its header; " + std::to_string(count) + " tokens take " +
                       std::to_string(most) + " at most");
  const std::int32_t end = version == 1 ? count - 1 : numbers[3];
  std::vector<std::string> tokens = read_tokens(source, count);
  if (are_bytes(tokens)) return std::make_shared<BytesTokenizer>();
  if (std::u32string letters = letters_of(tokens); !letters.empty())
    return std::make_shared<CharTokenizer>(std::move(letters), source.name());
  if (end != count - 1)
    refuse(source,
           "token " + std::to_string(end) + " ends a text; in a list of ranks it is the last");
  std::vector<SpecialToken> special = {{tokens.back(), end}};
  tokens.pop_back();
  return tokenizer_from_ranks(std::move(tokens), Pattern::gpt2, std::move(special),
                              count == kGpt2Tokens ? "gpt2" : "llm.c", source.name());
}

std::string llmc_tokenizer_bytes(const Tokenizer& tokenizer) {
  std::array<std::int32_t, 256> numbers{kLlmcTokenizer, 2, tokenizer.vocab_size(),
                                        tokenizer.end_of_text()};
  std::string bytes(reinterpret_cast<const char*>(numbers.data()), kHeaderBytes);
  for (int id = 0; id < tokenizer.vocab_size(); ++id) {
    const std::string_view token = tokenizer.token(id);
    if (token.empty() || token.size() > kMostToken)
      fail(ContentError("token " + std::to_string(id) + " has " + std::to_string(token.size()) +
                        " bytes; llm.c's tokenizer holds tokens of 1 to 255."));
    bytes += static_cast<char>(token.size());
    bytes += token;
  }
  return bytes;
}

}   // namespace glass
