#include "engine/base/byte_source.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {
namespace {

// Without O_NONBLOCK, opening a pipe waits until somebody writes into it.
Descriptor open_to_read(FileOps& files, int folder, const std::string& name,
                        const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos)
    fail(SystemError("cannot read " + in_quotes(path) + ": that is no file name."));
  const int fd =
      unless_interrupted([&] { return files.open(folder, name, O_RDONLY | O_NONBLOCK); });
  if (fd < 0) fail(SystemError("cannot read " + in_quotes(path) + ": " + reason_of(errno) + "."));
  return Descriptor(files, fd);
}

std::uint64_t size_of(const Descriptor& file, const std::string& path) {
  FileStatus status;
  if (file.files().status(file.get(), status) != 0)
    fail(SystemError("cannot read " + in_quotes(path) + ": " + reason_of(errno) + "."));
  if (status.kind != FileStatus::Kind::regular) {
    const bool folder = status.kind == FileStatus::Kind::folder;
    fail(ContentError(in_quotes(path) + " is " + (folder ? "a folder" : "a device or a pipe") +
                      ", not a file; name a file."));
  }
  return status.size;
}

}   // namespace

void ByteSource::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (offset > size_ || out.size() > size_ - offset) {
    fail(ContentError(name_ + " ends at byte " + std::to_string(size_) + ", before the " +
                      std::to_string(out.size()) + " bytes that should be at " +
                      std::to_string(offset) + "; it is cut short."));
  }
  read_inside(offset, out);
}

void ByteSource::read_pieces(std::uint64_t begin, std::uint64_t end,
                             const OnPiece& on_piece) const {
  constexpr std::uint64_t kPiece = 1 << 20;
  std::vector<std::byte> buffer(std::min(kPiece, end > begin ? end - begin : 0));
  while (begin < end) {
    const auto piece = std::span(buffer).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - begin)));
    read(begin, piece);
    on_piece(piece);
    begin += piece.size();
  }
}

void MemorySource::read_inside(std::uint64_t offset, std::span<std::byte> out) const {
  const auto from = bytes_.subspan(static_cast<std::size_t>(offset), out.size());
  std::copy(from.begin(), from.end(), out.begin());
}

FileSource::FileSource(FileOps& files, int folder, const std::string& name, const std::string& path)
    : FileSource(open_to_read(files, folder, name, path), path) {}

FileSource::FileSource(Descriptor file, const std::string& path)
    : ByteSource(in_quotes(path), size_of(file, path)), file_(std::move(file)) {}

void FileSource::read_inside(std::uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t got = file_.files().pread(file_.get(), out, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(SystemError("cannot read " + name() + ": " + reason_of(errno) + "."));
    if (got == 0) {
      fail(ContentError(name() + " was cut short at byte " + std::to_string(offset) +
                        " while it was read; try again when nobody writes it."));
    }
    offset += static_cast<std::uint64_t>(got);
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

}   // namespace glass
