// A file that is there whole or not at all, whatever happens while it is written: a full disk, a
// kill, a power cut. The bytes go to a temporary file beside the target; when they are safely on
// the disk, one rename puts them in the target's place.
//
//   AtomicFile file("out/losses.npy", size);
//   file.write(header);
//   file.write(data);
//   file.finish();    // fsync and close: from here on the temporary file survives a power cut
//   file.publish();   // rename, and fsync of the folder: from here on so does its name
//
// Where a step fails there is a SystemError, the temporary file is removed, and what stood under
// the name before is as it was.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/file_ops.h"

namespace glass {

class AtomicFile {
 public:
  // `size` bytes are reserved at once, so that a full disk is noticed before anything is written.
  // 0: not known. A target that is a device or a pipe is written to directly.
  explicit AtomicFile(const std::string& path, std::uint64_t size = 0);
  // The file `name` in an open folder, which must stay open; `path` is for messages.
  AtomicFile(FileOps& files, int folder, std::string name, std::string path, std::uint64_t size);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  void overwrite(std::uint64_t offset, std::string_view text);   // bytes written before
  void finish();
  void publish();

  // Between finish() and publish(): the name in the folder under which the bytes can be read.
  const std::string& temporary_name() const { return temporary_; }

 private:
  struct Target {
    Descriptor folder;
    std::string name;
    bool direct;   // a device or a pipe: written to as it is
  };
  static Target find(const std::string& path);
  AtomicFile(Target target, const std::string& path, std::uint64_t size);
  void open_temporary();
  void open_directly();
  std::size_t next_piece(std::size_t left) const;
  void pass_kill_points(std::uint64_t before) const;

  Descriptor own_folder_;   // of a target given by its path; else closed
  FileOps& files_;
  int folder_;
  std::string name_, path_;
  std::string temporary_;   // "": nothing to remove
  int fd_ = -1;
  bool direct_ = false;
  std::uint64_t size_, written_ = 0;
};

// A file with these bytes, by all of the steps above.
void write_file(const std::string& path, std::string_view bytes);

// The name of a temporary file that an AtomicFile may have left behind when its process was killed.
bool is_temporary_name(std::string_view name);
std::string temporary_name_for(const std::string& name);   // a new one at every call

// Makes the folder and those above it, so that they survive a power cut. What is there is kept.
void make_folders(FileOps& files, const std::string& path);

}   // namespace glass
