// Where the readers of binary formats get their bytes: a file or a piece of memory, read at any
// place. The size is known from the start, so a reader can hold every length that a file claims
// against what is there, before it allocates.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "engine/base/file_ops.h"

namespace glass {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  std::uint64_t size() const { return size_; }
  const std::string& name() const { return name_; }   // for messages: "'out/run/x.safetensors'"
  // Exactly these bytes. A ContentError where they are beyond the end.
  void read(std::uint64_t offset, std::span<std::byte> out) const;
  // The bytes from begin to end, a megabyte at a time, for those who only want to see them pass.
  using OnPiece = std::function<void(std::span<const std::byte> piece)>;
  void read_pieces(std::uint64_t begin, std::uint64_t end, const OnPiece& on_piece) const;

 protected:
  ByteSource(std::string name, std::uint64_t size) : name_(std::move(name)), size_(size) {}
  virtual void read_inside(std::uint64_t offset, std::span<std::byte> out) const = 0;

 private:
  std::string name_;
  std::uint64_t size_;
};

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::string name, std::span<const std::byte> bytes)
      : ByteSource(std::move(name), bytes.size()), bytes_(bytes) {}

 private:
  void read_inside(std::uint64_t offset, std::span<std::byte> out) const override;
  std::span<const std::byte> bytes_;
};

// Not there, unreadable: SystemError. A folder, a device, a pipe: ContentError, without waiting.
class FileSource final : public ByteSource {
 public:
  explicit FileSource(const std::string& path)
      : FileSource(system_files(), FileOps::kHere, path, path) {}
  // `path` is what messages say, `name` what is opened in the folder.
  FileSource(FileOps& files, int folder, const std::string& name, const std::string& path);

 private:
  FileSource(Descriptor file, const std::string& path);
  void read_inside(std::uint64_t offset, std::span<std::byte> out) const override;
  Descriptor file_;
};

}   // namespace glass
