// Tokenizers on texts that nobody would write: what was encoded decodes to the same bytes, every id
// is one, and a second time it is the same although the pieces are known by then.
#include <cstdlib>

#include "model/formats/file_or_folder.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/rank_file.h"
#include "tests/fuzz/target.h"

namespace {

// The bytes and some pairs of them, with holes and special tokens behind.
glass::TokenizerPtr small(glass::Pattern pattern) {
  std::vector<std::string> ranks;
  for (int byte = 0; byte < 256; ++byte) ranks.emplace_back(1, static_cast<char>(byte));
  for (const char* token :
       {"aa", "aaa", "aaaa", "ab", "ba", " a", "  ", "    ", "\r\n", "\n\n", "'s", "11", "111",
        "\xc3\xa9", "\xe5\xad", "\xe5\xad\x97", "A\xcc", "==", "===="})
    ranks.emplace_back(token);
  const auto n = static_cast<std::int32_t>(ranks.size());
  return glass::tokenizer_from_ranks(std::move(ranks), pattern,
                                     {{"<|endoftext|>", n + 2}, {"<|end", n + 4}}, "fuzz", "fuzz");
}

void check(const glass::Tokenizer& tokenizer, std::string_view text) {
  const std::vector<std::int32_t> ids = tokenizer.encode(text);
  for (const std::int32_t id : ids)
    if (id < 0 || id >= tokenizer.vocab_size()) std::abort();
  if (tokenizer.decode(ids) != text || tokenizer.encode(text) != ids) std::abort();
  if (tokenizer.decode(tokenizer.encode_special(text)) != text) std::abort();
}

}   // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [](const glass::ByteSource& source) {
    static const glass::TokenizerPtr tokenizers[] = {
        small(glass::Pattern::gpt2), small(glass::Pattern::cl100k), small(glass::Pattern::o200k)};
    const std::string text = glass::all_bytes(source, 1 << 24).substr(0, 4096);   // quick ones
    for (const glass::TokenizerPtr& tokenizer : tokenizers) check(*tokenizer, text);
    const glass::TokenizerPtr trained = glass::make_tokenizer("bpe:300", text, source.name());
    check(*trained, text);
  });
}
