// model/formats/huggingface.h: a config.json that is accepted describes a model, and is accepted
// again, with nothing changed, when we write it.
#include <cstdlib>

#include "model/formats/huggingface.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [](const glass::ByteSource& source) {
    glass::Facts facts;
    const glass::GPTConfig config = glass::read_huggingface_config(source, facts);
    glass::check(config);
    const std::string json = glass::huggingface_config_json(config, nullptr, "f32");
    const glass::MemorySource again("'config.json'",
                                    std::as_bytes(std::span(json.data(), json.size())));
    if (!glass::differences(config, glass::read_huggingface_config(again, facts)).empty())
      std::abort();
  });
}
