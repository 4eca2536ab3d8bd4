// model/checkpoint.h, and the notes that say what a model is and what its tokens mean. In the
// preset `fuzz` any digest is accepted; else no mutation would get behind it.
#include "model/checkpoint.h"

#include "model/saved_model.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [](const glass::ByteSource& source) {
    const glass::Checkpoint checkpoint = glass::load_checkpoint(source);
    glass::config_of(checkpoint, source.name());
    glass::tokenizer_of(checkpoint, source.name());
  });
}
