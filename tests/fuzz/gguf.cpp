// model/formats/gguf.h.
#include "model/formats/gguf.h"

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [](const glass::ByteSource& source) {
    const glass::GgufFile file(source);
    for (const glass::GgufTensor& tensor : file.tensors()) file.read(tensor);
  });
}
