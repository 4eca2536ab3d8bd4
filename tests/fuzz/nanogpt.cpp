// model/formats/nanogpt.h: a ckpt.pt, with all that training needs to go on.
#include "model/formats/nanogpt.h"

#include "model/saved_model.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [](const glass::ByteSource& source) {
    const glass::ForeignModel model = glass::read_nanogpt(source, glass::Want::everything);
    glass::config_of(model.checkpoint, source.name());
  });
}
