// Files written with AtomicFile are on the disk, names included, before the folder gets its own
// name; renaming onto an empty folder is what rename does, and onto a full one it fails.
#include "engine/base/atomic_folder.h"

#include <unistd.h>

#include <cerrno>
#include <vector>

#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {
namespace {

[[noreturn]] void give_up(const std::string& path, int error) {
  fail(SystemError("cannot write the folder " + in_quotes(path) + ": " + reason_of(error) + "."));
}

std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

void require_free(const std::string& path) {
  FileOps& files = system_files();
  const Descriptor there(files, files.open_folder(path));
  if (!there && errno == ENOENT) return;
  if (!there && errno == ENOTDIR)
    fail(UsageError(in_quotes(path) +
                    " cannot become a folder: a file stands in its place, or above "
                    "it; name another one."));
  std::vector<std::string> names;
  if (!there || files.list(there.get(), names) != 0) give_up(path, errno);
  if (!names.empty())
    fail(UsageError(in_quotes(path) +
                    " is there already and has files in it; name another folder."));
}

}   // namespace

AtomicFolder::AtomicFolder(const std::string& path) : path_(without_slashes(path)) {
  if (path_.empty() || path_.find('\0') != std::string::npos)
    fail(UsageError("cannot write " + in_quotes(path) + ": that is no name of a folder."));
  require_free(path_);
  const SplitPath split = split_path(path_);
  above_ = split.folder;
  FileOps& files = system_files();
  make_folders(files, above_);
  const std::string temporary = above_ + "/" + temporary_name_for(split.name);
  if (files.make_folder(temporary) != 0) give_up(path_, errno);
  temporary_ = temporary;
}

AtomicFolder::~AtomicFolder() {
  if (temporary_.empty()) return;
  FileOps& files = system_files();
  {
    const Descriptor folder(files, files.open_folder(temporary_));
    std::vector<std::string> names;
    if (folder && files.list(folder.get(), names) == 0)
      for (const std::string& name : names) files.unlink(folder.get(), name);
  }
  ::rmdir(temporary_.c_str());
}

void AtomicFolder::publish() {
  FileOps& files = system_files();
  {
    const Descriptor folder(files, files.open_folder(temporary_));
    if (!folder || files.fsync(folder.get()) != 0) give_up(path_, errno);
  }
  if (files.rename(FileOps::kHere, temporary_, path_) != 0) {
    const int error = errno;
    if (error == ENOTEMPTY || error == EEXIST) require_free(path_);   // somebody was quicker
    give_up(path_, error);
  }
  temporary_.clear();
  const Descriptor above(files, files.open_folder(above_));
  if (!above || files.fsync(above.get()) != 0) give_up(path_, errno);
}

}   // namespace glass
