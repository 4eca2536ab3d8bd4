// Whatever may be a tokenizer in JSON: ours (model/tokenizer/tokenizer.h), a tokenizer.json of
// Hugging Face, a vocab.json with the merges behind it (model/tokenizer/huggingface.h).
#include <cstdlib>

#include "model/formats/file_or_folder.h"
#include "model/tokenizer/huggingface.h"
#include "tests/fuzz/target.h"

namespace {

glass::TokenizerPtr read(const std::string& text, const std::string& what) {
  const std::size_t end = text.find('\n');
  const std::string json = text.substr(0, end);
  switch (glass::kind_of_json(json)) {
    case glass::JsonFile::ours:
      return glass::tokenizer_from_json(json, what);
    case glass::JsonFile::huggingface:
      return glass::tokenizer_from_huggingface(json, what);
    case glass::JsonFile::vocabulary:
      break;
  }
  const std::string merges = end == std::string::npos ? "" : text.substr(end + 1);
  return glass::tokenizer_from_vocab_and_merges(json, merges, what);
}

}   // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [](const glass::ByteSource& source) {
    const glass::TokenizerPtr tokenizer = read(glass::all_bytes(source, 1 << 24), source.name());
    const std::string json = tokenizer->to_json();
    if (glass::tokenizer_from_json(json, source.name())->to_json() != json) std::abort();
    for (int id = 0; id < tokenizer->vocab_size(); ++id) tokenizer->token(id);
    // It may not know every letter, but what it says it can say comes back.
    const std::string text = "The hedgehog said: 'It's 12 apples'\n\n <|endoftext|>";
    if (tokenizer->decode(tokenizer->encode_special(text)) != text) std::abort();
  });
}
