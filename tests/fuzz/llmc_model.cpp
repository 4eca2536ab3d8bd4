// model/formats/llmc.h: models.
#include "model/formats/llmc.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [](const glass::ByteSource& source) {
    glass::read_llmc_model(source, glass::Want::everything, nullptr, "");
  });
}
