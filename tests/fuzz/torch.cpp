// model/formats/pytorch.h: zip and pickle. Every tensor of an accepted file can be loaded, and has as
// many bytes as its shape says.
#include "model/formats/pytorch.h"

#include <cstdlib>

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [](const glass::ByteSource& source) {
    glass::TorchFile file(source);
    for (const glass::TorchTensor& tensor : file.state_dict()) {
      const auto bytes =
          static_cast<std::uint64_t>(tensor.elements()) * glass::bytes_of(tensor.type);
      if (file.load(tensor).bytes.size() != bytes) std::abort();
    }
  });
}
