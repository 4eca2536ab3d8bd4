// The operating system's calls, each on one line, with the differences between systems evened out.
#include "engine/base/file_ops.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace glass {

const int FileOps::kHere = AT_FDCWD;

namespace {

class SystemFiles final : public FileOps {
 public:
  int make_folder(const std::string& path) override { return ::mkdir(path.c_str(), 0755); }
  int open_folder(const std::string& path) override {
    return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  int open(int folder, const std::string& name, int flags) override {
    return ::openat(folder, name.c_str(), flags | O_CLOEXEC, 0644);
  }
  int rename(int folder, const std::string& from, const std::string& to) override {
    return ::renameat(folder, from.c_str(), folder, to.c_str());
  }
  int link(int folder, const std::string& from, const std::string& to) override {
    return ::linkat(folder, from.c_str(), folder, to.c_str(), 0);
  }
  int unlink(int folder, const std::string& name) override {
    return ::unlinkat(folder, name.c_str(), 0);
  }

  int list(int folder, std::vector<std::string>& names) override {
    // A descriptor of its own: the position in a folder belongs to the descriptor.
    const int fd = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -1;
    DIR* stream = ::fdopendir(fd);
    if (stream == nullptr) {
      ::close(fd);
      return -1;
    }
    errno = 0;
    while (const dirent* entry = ::readdir(stream)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    const int error = errno;
    ::closedir(stream);
    errno = error;
    return error == 0 ? 0 : -1;
  }

  int status(int fd, FileStatus& status) override {
    struct stat s {};
    if (::fstat(fd, &s) != 0) return -1;
    using Kind = FileStatus::Kind;
    status.kind = S_ISREG(s.st_mode)   ? Kind::regular
                  : S_ISDIR(s.st_mode) ? Kind::folder
                                       : Kind::other;
    status.size = static_cast<std::uint64_t>(s.st_size);
    return 0;
  }

  ssize_t pread(int fd, std::span<std::byte> out, std::uint64_t offset) override {
    return ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
  }
  ssize_t write(int fd, std::span<const std::byte> bytes) override {
    return ::write(fd, bytes.data(), bytes.size());
  }
  ssize_t pwrite(int fd, std::span<const std::byte> bytes, std::uint64_t offset) override {
    return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  }

  int allocate([[maybe_unused]] int fd, [[maybe_unused]] std::uint64_t size) override {
#ifdef __linux__
    // Not posix_fallocate: where a file system cannot do this, that one writes every block itself.
    if (size == 0 || ::fallocate(fd, 0, 0, static_cast<off_t>(size)) == 0) return 0;
    return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -1;
#else
    return 0;
#endif
  }

  int fsync(int fd) override {
#ifdef F_FULLFSYNC
    if (::fcntl(fd, F_FULLFSYNC) == 0) return 0;   // macOS: fsync alone stops at the disk's cache
#endif
    // EINVAL: something that is never written later, so there is nothing to wait for.
    return ::fsync(fd) == 0 || errno == EINVAL ? 0 : -1;
  }
  int lock(int fd) override { return ::flock(fd, LOCK_EX | LOCK_NB); }
  int close(int fd) override { return ::close(fd); }
};

}   // namespace

FileOps& system_files() {
  static SystemFiles files;
  return files;
}

std::string reason_of(int error) {
  switch (error) {
    case ENOENT:
      return "no such file or folder; check the spelling, or give the full path";
    case EACCES:
    case EPERM:
      return "permission denied; check who may read and write it (ls -l)";
    case ENOSPC:
      return "the disk is full; free some space and try again";
    case EDQUOT:
      return "the disk quota is used up; free some space and try again";
    case EFBIG:
      return "the file would be larger than allowed here (ulimit -f)";
    case EROFS:
      return "the disk is mounted for reading only; choose another folder";
    case EMFILE:
    case ENFILE:
      return "too many files are open (ulimit -n)";
    case EIO:
      return "the disk reports an error; check its health before you trust it with more";
    case EISDIR:
      return "it is a directory; name a file in it";
    case ENOTDIR:
      return "something in the middle of the path is not a directory";
    case ELOOP:
      return "its symbolic links go in a circle, or lead where none may stand";
    case ENAMETOOLONG:
      return "the name is too long";
    default:
      return std::strerror(error);
  }
}

Descriptor::~Descriptor() {
  if (fd_ < 0) return;
  const int error = errno;   // a message about what went wrong before must not be about this
  files_->close(fd_);
  errno = error;
}

int Descriptor::release() { return std::exchange(fd_, -1); }

SplitPath split_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

}   // namespace glass
