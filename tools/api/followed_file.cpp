#include "tools/api/followed_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/file_ops.h"

namespace glass {
namespace {

constexpr std::int64_t kAtOnce = 1 << 20, kRemembered = 256;

std::string bytes_at(int file, std::int64_t offset, std::int64_t count) {
  std::string bytes(static_cast<std::size_t>(count), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::pread(file, bytes.data() + done, bytes.size() - done,
                              static_cast<off_t>(offset) + static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

}   // namespace

// A run that is resumed cuts its logs back to where its checkpoint stands, and may be past that
// place again when we look.
bool FollowedFile::goes_on(int file, std::int64_t size) const {
  const auto kept = static_cast<std::int64_t>(end_.size());
  return size >= read_ && bytes_at(file, read_ - kept, kept) == end_;
}

FollowedFile::News FollowedFile::read() {
  News news;
  const Descriptor file(system_files(), ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    news.anew = read_ > 0;
    read_ = 0, end_.clear();
    return news;
  }
  const auto size = static_cast<std::int64_t>(status.st_size);
  if (!goes_on(file.get(), size)) news.anew = true, read_ = 0, end_.clear();
  std::string unfinished;
  for (std::int64_t at = read_; at < size;) {
    const std::string piece = bytes_at(file.get(), at, std::min(kAtOnce, size - at));
    if (piece.empty()) break;
    at += static_cast<std::int64_t>(piece.size());
    std::size_t begin = 0;
    for (std::size_t end; (end = piece.find('\n', begin)) != std::string::npos; begin = end + 1) {
      news.lines.push_back(unfinished + piece.substr(begin, end - begin));
      unfinished.clear();
      read_ += static_cast<std::int64_t>(news.lines.back().size()) + 1;
    }
    unfinished += piece.substr(begin);
  }
  const std::int64_t kept = std::min(kRemembered, read_);
  if (!news.lines.empty()) end_ = bytes_at(file.get(), read_ - kept, kept);
  return news;
}

}   // namespace glass
