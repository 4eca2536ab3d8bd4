// Reads in pieces and looks at each piece as it comes, so that /dev/zero is refused at its first
// byte and a file that grows past the limit is refused at the limit.
#include "engine/base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {
namespace {

struct OpenFile {
  int fd;
  explicit OpenFile(const std::string& path) : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~OpenFile() {
    if (fd >= 0) ::close(fd);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
};

std::string because(int error) {
  switch (error) {
    case ENOENT:
      return "no such file; check the spelling, or give the full path";
    case EACCES:
      return "permission denied; check who may read it (ls -l)";
    case ELOOP:
      return "its symbolic links go in a circle";
    case ENAMETOOLONG:
      return "the name is too long";
    case ENOTDIR:
      return "something in the middle of the path is not a directory";
    default:
      return std::strerror(error);
  }
}

[[noreturn]] void cannot_read(const std::string& path, const std::string& what,
                              const std::string& reason) {
  fail(SystemError("cannot read " + what + " from " + in_quotes(path) + ": " + reason + "."));
}

}   // namespace

std::string read_text_file(const std::string& path, const std::string& what, std::int64_t most) {
  const std::string in = " in " + in_quotes(path);
  if (path.empty()) fail(SystemError("cannot read " + what + ": the file name is empty."));
  if (path.find('\0') != std::string::npos) cannot_read(path, what, "the name holds a NUL byte");
  const OpenFile file(path);
  if (file.fd < 0) cannot_read(path, what, because(errno));
  struct stat status {};
  if (::fstat(file.fd, &status) != 0) cannot_read(path, what, because(errno));
  if (S_ISDIR(status.st_mode)) cannot_read(path, what, "it is a directory; name a file in it");

  std::string text;
  std::vector<char> piece(1 << 16);
  for (;;) {
    const ssize_t got = ::read(file.fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) cannot_read(path, what, because(errno));
    if (got == 0) break;
    const auto size = static_cast<std::size_t>(got);
    if (const void* nul = std::memchr(piece.data(), 0, size)) {
      const auto at =
          text.size() + static_cast<std::size_t>(static_cast<const char*>(nul) - piece.data());
      fail(ContentError(what + in + " cannot be text: byte " + std::to_string(at) +
                        " is NUL; give a plain text file."));
    }
    text.append(piece.data(), size);
    if (static_cast<std::int64_t>(text.size()) > most) {
      fail(ContentError(what + in + " are more than " + human_bytes(static_cast<double>(most)) +
                        "; give a smaller file."));
    }
  }
  if (text.empty()) fail(ContentError(what + in + " cannot be used: the file is empty."));
  return text;
}

}   // namespace glass
