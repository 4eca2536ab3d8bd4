// model/formats/llmc.h: tokenizers. What is read encodes and decodes.
#include <cstdlib>

#include "model/formats/llmc.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [](const glass::ByteSource& source) {
    const glass::TokenizerPtr tokenizer = glass::read_llmc_tokenizer(source);
    const std::string text(tokenizer->token(0));
    if (tokenizer->decode(tokenizer->encode(text)) != text) std::abort();
  });
}
