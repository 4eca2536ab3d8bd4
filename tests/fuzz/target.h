// What a fuzz target is made of. One file a reader, tests/fuzz/NAME.cpp:
//
//   #include "model/formats/npy.h"
//   #include "tests/fuzz/target.h"
//
//   extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
//     return glass::fuzz::attempt(data, size, [](const glass::ByteSource& source) {
//       glass::read_npy_integers(source);
//     });
//   }
//
// and a function NAME() in seeds.py that yields its first inputs. The one right way to refuse bytes
// is a ContentError; whatever else a reader does (another exception, a crash, a leak, memory
// without end) is a finding.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/byte_source.h"
#include "engine/base/error.h"

namespace glass::fuzz {

// What messages call the bytes.
inline constexpr const char* kName = "'fuzz.input'";

inline long accepted = 0;   // by readers, so that the replay can see that its seeds get through

// Calls read(source). Programs that link several targets count them all together.
template <class Read>
int attempt(const std::uint8_t* data, std::size_t size, const Read& read) {
  const MemorySource source(kName, std::as_bytes(std::span(data, size)));
  try {
    read(source);
    ++accepted;
  } catch (const ContentError&) {   // refused, as it should be
  }
  return 0;
}

}   // namespace glass::fuzz
