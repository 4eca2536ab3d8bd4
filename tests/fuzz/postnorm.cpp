// model/formats/postnorm.h: a bare state dict.
#include "model/formats/postnorm.h"

#include "model/saved_model.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [](const glass::ByteSource& source) {
    const glass::ForeignModel model = glass::read_postnorm(source, glass::Want::everything);
    glass::config_of(model.checkpoint, source.name());
  });
}
