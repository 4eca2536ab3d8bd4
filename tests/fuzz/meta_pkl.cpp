// nanoGPT's meta.pkl (model/tokenizer/nanogpt_meta.h).
#include <string_view>

#include "model/tokenizer/nanogpt_meta.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [&](const glass::ByteSource& source) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    glass::tokenizer_from_meta_pkl(bytes, source.name());
  });
}
