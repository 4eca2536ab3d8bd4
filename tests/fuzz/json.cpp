// JSON of strangers (engine/base/json_value.h).
#include <string>

#include "engine/base/json_value.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [&](const glass::ByteSource& source) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    glass::parse_json(text, source.name());
  });
}
