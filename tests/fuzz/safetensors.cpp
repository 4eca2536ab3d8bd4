// model/formats/safetensors.h: an accepted header keeps the rules, and every tensor can be read.
#include "model/formats/safetensors.h"

#include <cstdlib>

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [&](const glass::ByteSource& source) {
    const glass::SafetensorsHeader header = glass::read_safetensors_header(source);
    std::uint64_t at = header.text.size();
    for (const glass::TensorEntry& entry : header.tensors) {
      const auto bytes = static_cast<std::uint64_t>(entry.elements()) * glass::bytes_of(entry.type);
      if (entry.begin != at || glass::read_tensor(source, entry).bytes.size() != bytes)
        std::abort();
      at = entry.end;
    }
    if (at != size) std::abort();
  });
}
