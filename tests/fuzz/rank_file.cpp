// model/tokenizer/rank_file.h: an accepted table of ranks gives every text back.
#include "model/tokenizer/rank_file.h"

#include <cstdlib>

#include "model/formats/file_or_folder.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [](const glass::ByteSource& source) {
    const std::string text = glass::all_bytes(source, 1 << 24);
    const glass::TokenizerPtr tokenizer = glass::tokenizer_from_ranks(
        glass::read_ranks(text, source.name()), glass::Pattern::o200k, {}, "fuzz", source.name());
    if (tokenizer->decode(tokenizer->encode(text)) != text) std::abort();
    const std::string json = tokenizer->to_json();
    if (glass::tokenizer_from_json(json, source.name())->to_json() != json) std::abort();
  });
}
