#include "model/formats/file_or_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {
namespace {

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}   // namespace

FileOrFolder::FileOrFolder(const std::string& path) : path_(path) {
  if (!is_directory(path)) source_.emplace(path);
  else if (::access(path.c_str(), R_OK | X_OK) != 0)
    fail(SystemError("cannot read the folder " + in_quotes(path) + ": " + reason_of(errno) + "."));
}

std::string FileOrFolder::first_bytes(std::size_t count) const {
  std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(count, source_->size())),
                    '\0');
  source_->read(0, std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
  return bytes;
}

bool FileOrFolder::begins_with(std::string_view bytes) const {
  return !is_folder() && first_bytes(bytes.size()) == bytes;
}

bool FileOrFolder::holds(const std::string& name) const {
  struct stat status {};
  return is_folder() && ::stat(inside(name).c_str(), &status) == 0 && !S_ISDIR(status.st_mode);
}

std::vector<std::string> FileOrFolder::names() const {
  std::vector<std::string> found, files;
  if (!is_folder()) return files;
  const Descriptor open(system_files(), system_files().open_folder(path_));
  if (!open || system_files().list(open.get(), found) != 0)
    fail(SystemError("cannot read the folder " + in_quotes(path_) + ": " + reason_of(errno) + "."));
  std::copy_if(found.begin(), found.end(), std::back_inserter(files),
               [&](const std::string& name) { return holds(name); });
  std::sort(files.begin(), files.end());
  return files;
}

std::string FileOrFolder::inside(const std::string& name) const {
  return path_ + (path_.ends_with('/') ? "" : "/") + name;
}

std::string all_bytes(const ByteSource& source, std::uint64_t most) {
  if (source.size() > most)
    fail(ContentError(source.name() + " has " + human_bytes(static_cast<double>(source.size())) +
                      "; at most " + human_bytes(static_cast<double>(most)) +
                      " are expected of such a file."));
  std::string bytes(static_cast<std::size_t>(source.size()), '\0');
  source.read(0, std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
  return bytes;
}

}   // namespace glass
