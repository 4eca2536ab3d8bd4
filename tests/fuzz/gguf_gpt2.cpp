// model/formats/gguf_gpt2.h: a model and its tokens, behind the container.
#include "model/formats/gguf_gpt2.h"

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [](const glass::ByteSource& source) {
    glass::read_gguf_gpt2(source, glass::Want::everything);
  });
}
