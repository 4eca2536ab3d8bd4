// model/tokens.h: a shard with a header, or ids alone. It is read through a mapping of a file, so
// the bytes go to one that lives in memory.
#include "model/tokens.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [&](const glass::ByteSource&) {
    const int fd = ::memfd_create("tokens", 0);
    if (fd < 0 || ::write(fd, data, size) != static_cast<ssize_t>(size)) std::abort();
    struct Closer {
      int fd;
      ~Closer() { ::close(fd); }
    } const closer{fd};
    glass::Tokens tokens;
    tokens.append_file("/proc/self/fd/" + std::to_string(fd), 2);
    glass::count_tokens(tokens, 50257);
  });
}
