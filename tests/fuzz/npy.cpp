// model/formats/npy.h: arrays of whole numbers.
#include "model/formats/npy.h"

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(
      data, size, [](const glass::ByteSource& source) { glass::read_npy_integers(source); });
}
