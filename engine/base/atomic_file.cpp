// The order of the calls is the whole content of this file. fsync comes before rename: else the
// name could reach the disk before the bytes, and point at nothing. The fsync of the folder comes
// before anybody is told: else the name could still be lost. A failed fsync is never tried again on
// the same file: the system may have dropped the bytes it could not write, and say "done" next
// time.
#include "engine/base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/kill_point.h"
#include "engine/base/text.h"

namespace glass {
namespace {

constexpr std::size_t kPiece = std::size_t{4} << 20;   // Ctrl-C gets a word in between two pieces

bool is_special(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

// Where a symbolic link leads, so that the rename replaces the file and not the link.
std::string resolved(const std::string& path) {
  char* real = ::realpath(path.c_str(), nullptr);
  if (real == nullptr) return path;
  std::string out = real;
  std::free(real);
  return out;
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

[[noreturn]] void give_up(const std::string& path, int error) {
  fail(SystemError("cannot write " + in_quotes(path) +
                   " (what was there before is untouched): " + reason_of(error) + "."));
}

}   // namespace

std::string temporary_name_for(const std::string& name) {
  static std::atomic<unsigned> attempts{0};
  return "." + name + ".tmp." + std::to_string(::getpid()) + "." + std::to_string(++attempts);
}

bool is_temporary_name(std::string_view name) {
  const std::size_t tmp = name.rfind(".tmp.");
  if (name.empty() || name[0] != '.' || tmp == std::string_view::npos || tmp == 0) return false;
  const std::string_view numbers = name.substr(tmp + 5);
  const std::size_t dot = numbers.find('.');
  return dot != std::string_view::npos && all_digits(numbers.substr(0, dot)) &&
         all_digits(numbers.substr(dot + 1));
}

AtomicFile::Target AtomicFile::find(const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos)
    fail(SystemError("cannot write " + in_quotes(path) + ": that is no file name."));
  const bool direct = is_special(path);
  const SplitPath split = split_path(direct ? path : resolved(path));
  Descriptor folder(system_files(), system_files().open_folder(split.folder));
  if (!folder) give_up(path, errno);
  return {std::move(folder), split.name, direct};
}

AtomicFile::AtomicFile(const std::string& path, std::uint64_t size)
    : AtomicFile(find(path), path, size) {}

AtomicFile::AtomicFile(Target target, const std::string& path, std::uint64_t size)
    : own_folder_(std::move(target.folder)),
      files_(own_folder_.files()),
      folder_(own_folder_.get()),
      name_(std::move(target.name)),
      path_(path),
      direct_(target.direct),
      size_(size) {
  if (direct_) open_directly();
  else open_temporary();
}

AtomicFile::AtomicFile(FileOps& files, int folder, std::string name, std::string path,
                       std::uint64_t size)
    : own_folder_(files, -1),
      files_(files),
      folder_(folder),
      name_(std::move(name)),
      path_(std::move(path)),
      size_(size) {
  open_temporary();
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) files_.close(fd_);
  if (!temporary_.empty()) files_.unlink(folder_, temporary_);
}

void AtomicFile::open_directly() {
  fd_ = unless_interrupted([&] { return files_.open(folder_, name_, O_WRONLY); });
  if (fd_ < 0) give_up(path_, errno);
}

// O_EXCL and O_NOFOLLOW: never write into something that is there already, nor through a link.
void AtomicFile::open_temporary() {
  do {
    temporary_ = temporary_name_for(name_);
    fd_ = files_.open(folder_, temporary_, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW);
  } while (fd_ < 0 && (errno == EINTR || errno == EEXIST));
  if (fd_ < 0) {
    temporary_.clear();
    give_up(path_, errno);
  }
  kill_point("opened");
  if (size_ > 0 && unless_interrupted([&] { return files_.allocate(fd_, size_); }) != 0) {
    const int error = errno;
    files_.close(std::exchange(fd_, -1));   // the destructor does not run for half an object
    files_.unlink(folder_, temporary_);
    give_up(path_, error);
  }
}

// At most 4 MiB, and no further than the next quarter of the file, where a kill point is.
std::size_t AtomicFile::next_piece(std::size_t left) const {
  std::uint64_t piece = std::min<std::uint64_t>(left, kPiece);
  for (std::uint64_t quarter = 1; quarter < 4; ++quarter) {
    const std::uint64_t border = size_ / 4 * quarter;
    if (written_ < border) piece = std::min(piece, border - written_);
  }
  return static_cast<std::size_t>(piece);
}

void AtomicFile::pass_kill_points(std::uint64_t before) const {
  static const char* const kNames[] = {"written-25", "written-50", "written-75"};
  for (std::uint64_t quarter = 1; quarter < 4; ++quarter) {
    const std::uint64_t border = size_ / 4 * quarter;
    if (before < border && border <= written_) kill_point(kNames[quarter - 1]);
  }
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = files_.write(fd_, bytes.first(next_piece(bytes.size())));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) give_up(path_, wrote < 0 ? errno : EIO);
    const std::uint64_t before = written_;
    written_ += static_cast<std::uint64_t>(wrote);
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
    pass_kill_points(before);
  }
}

void AtomicFile::overwrite(std::uint64_t offset, std::string_view text) {
  std::span<const std::byte> bytes = std::as_bytes(std::span(text.data(), text.size()));
  while (!bytes.empty()) {
    const ssize_t wrote = files_.pwrite(fd_, bytes, offset);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) give_up(path_, wrote < 0 ? errno : EIO);
    offset += static_cast<std::uint64_t>(wrote);
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
  }
}

void AtomicFile::finish() {
  kill_point("before-fsync");
  if (!direct_ && files_.fsync(fd_) != 0) give_up(path_, errno);
  kill_point("after-fsync");
  // An interrupted close has closed; trying again could hit somebody else's descriptor.
  if (files_.close(std::exchange(fd_, -1)) != 0 && errno != EINTR) give_up(path_, errno);
  kill_point("closed");
}

void AtomicFile::publish() {
  if (direct_) return;
  kill_point("before-rename");
  if (files_.rename(folder_, temporary_, name_) != 0) give_up(path_, errno);
  temporary_.clear();
  kill_point("after-rename");
  kill_point("before-folder-fsync");
  if (files_.fsync(folder_) != 0) give_up(path_, errno);
  kill_point("after-folder-fsync");
}

void write_file(const std::string& path, std::string_view bytes) {
  AtomicFile file(path, bytes.size());
  file.write(bytes);
  file.finish();
  file.publish();
}

namespace {

// Makes the name of a folder survive a power cut.
int sync_folder_above(FileOps& files, const std::string& path) {
  const Descriptor above(files, files.open_folder(split_path(path).folder));
  return above ? files.fsync(above.get()) : -1;
}

}   // namespace

void make_folders(FileOps& files, const std::string& path) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string folder = path.substr(0, end);
    const bool made = files.make_folder(folder) == 0;
    // Besides EEXIST, a folder that is there may give EROFS or EACCES.
    const int error = errno;
    if (!made && !Descriptor(files, files.open_folder(folder)))
      fail(SystemError("cannot make the folder " + in_quotes(folder) + ": " + reason_of(error) +
                       "."));
    // One that was there may be young too: whoever made it may have been killed at this line.
    const bool last = end == std::string::npos;
    if ((made || last) && sync_folder_above(files, folder) != 0 && made)
      fail(SystemError("cannot keep the folder " + in_quotes(folder) + ": " + reason_of(errno) +
                       "."));
  }
}

}   // namespace glass
