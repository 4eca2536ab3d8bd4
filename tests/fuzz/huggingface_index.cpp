// model/formats/huggingface.h: the index of a model in several files names files beside itself.
#include <cstdlib>

#include "model/formats/huggingface.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [](const glass::ByteSource& source) {
    for (const auto& [tensor, file] : glass::read_weight_map(source))
      if (file.find('/') != std::string::npos || file == "..") std::abort();
  });
}
