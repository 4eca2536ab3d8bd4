// What a program asks of a file system when its files must survive a crash: a dozen calls with the
// meaning POSIX gives them. They stand behind an interface so that tests can put a simulated disk
// there, pull its plug after every single call, and let any call fail.
//
// As in POSIX, a call that fails returns -1 and says why in errno; nothing here throws.
#pragma once
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace glass {

struct FileStatus {
  enum class Kind : std::uint8_t { regular, folder, other } kind = Kind::other;
  std::uint64_t size = 0;
};

class FileOps {
 public:
  virtual ~FileOps() = default;

  // Files are named relative to an open folder, so that a run goes on in the same place when
  // somebody renames the path that leads there. kHere is the working directory.
  static const int kHere;
  virtual int make_folder(const std::string& path) = 0;
  virtual int open_folder(const std::string& path) = 0;
  virtual int list(int folder, std::vector<std::string>& names) = 0;      // not . and ..; unsorted
  virtual int open(int folder, const std::string& name, int flags) = 0;   // of mode 0644 if created
  virtual int rename(int folder, const std::string& from, const std::string& to) = 0;
  virtual int link(int folder, const std::string& from, const std::string& to) = 0;
  virtual int unlink(int folder, const std::string& name) = 0;

  virtual int status(int fd, FileStatus& status) = 0;
  virtual ssize_t pread(int fd, std::span<std::byte> out, std::uint64_t offset) = 0;
  virtual ssize_t write(int fd, std::span<const std::byte> bytes) = 0;
  virtual ssize_t pwrite(int fd, std::span<const std::byte> bytes, std::uint64_t offset) = 0;
  virtual int allocate(int fd, std::uint64_t size) = 0;   // done also where it is not supported
  virtual int fsync(int fd) = 0;                          // of a file, or of a folder's names
  virtual int lock(int fd) = 0;                           // for us alone, without waiting
  virtual int close(int fd) = 0;
};

FileOps& system_files();   // the operating system's

// Repeats a call that a signal interrupted before it did anything. Not for fsync and close: they
// may have begun.
template <class Call>
int unless_interrupted(const Call& call) {
  int result = -1;
  do result = call();
  while (result < 0 && errno == EINTR);
  return result;
}

// errno in words, with what to do about it: "the disk is full; free some space and try again".
std::string reason_of(int error);

// A descriptor that is closed with the object.
class Descriptor {
 public:
  Descriptor(FileOps& files, int fd) : files_(&files), fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : files_(other.files_), fd_(other.release()) {}
  Descriptor& operator=(Descriptor&&) = delete;

  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }
  FileOps& files() const { return *files_; }
  int release();   // whoever calls this closes it

 private:
  FileOps* files_;
  int fd_;
};

// `path` as a folder and a name in it: "out/run" -> "out", "run"; "run" -> ".", "run".
struct SplitPath {
  std::string folder, name;
};
SplitPath split_path(const std::string& path);

}   // namespace glass
