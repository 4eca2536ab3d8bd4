// The folder of a run, out/<name>: its checkpoints, and the promise that they outlive a kill, a
// full disk and a power cut. Whoever trains holds the folder alone.
//
//   RunFolder folder("out/shakespeare", {.keep = 3});
//   if (auto last = folder.newest()) resume(last->checkpoint);
//   folder.save(1200, checkpoint, {.best = improved});   // ckpt-00001200.safetensors
//
// save() returns when the state is safe on the disk. Where it fails, the states from before are all
// still there, and training may go on and try again later.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/file_ops.h"
#include "model/checkpoint.h"

namespace glass {

using Warn = std::function<void(const std::string& sentence)>;

struct FoundCheckpoint {
  std::string path;
  std::int64_t step = 0;
  Checkpoint checkpoint;
};

struct RunFolderOptions {
  int keep = 3;               // how many of the newest checkpoints stay, beside the best; 0: all
  bool verify = false;        // read every checkpoint back before it gets its name
  Warn warn = {};             // for what is odd but no error
  FileOps* files = nullptr;   // another file system than the operating system's: for tests
};

struct SaveOptions {
  bool best = false;   // also as best.safetensors
};

struct SavedFile {
  std::string path, digest;
};

// Another trainer has the lock of a folder.
struct FolderInUse : SystemError {
  using SystemError::SystemError;
};

class RunFolder {
 public:
  // Makes the folder if it is not there, takes its lock, and removes what killed savings left
  // behind. FolderInUse if another trainer has it.
  explicit RunFolder(const std::string& path, RunFolderOptions options = {});

  SavedFile save(std::int64_t step, const Checkpoint& checkpoint, SaveOptions options = {});

  // See newest_checkpoint below.
  std::optional<FoundCheckpoint> newest() const;

  // Removes all checkpoints, for a new run in an old place.
  void clear();

  const std::string& path() const { return path_; }

 private:
  bool take_lock();   // false where the file system knows no locks
  void remove_leftovers();
  void verify(const AtomicFile& file, const std::string& digest);
  void link_as_best(const AtomicFile& file, const EncodedCheckpoint& encoded);
  void remove_old(std::int64_t newest);
  void warn(const std::string& sentence) const;

  std::string path_;
  RunFolderOptions options_;
  FileOps& files_;
  Descriptor folder_, lock_;
};

// The checkpoint with the highest step that is whole. One that is not is skipped with a warning; if
// there are some but none is whole, that is a ContentError, never a silent start from nothing. The
// best one is looked at last. Null: there is none. Needs no lock: also while somebody trains here.
std::optional<FoundCheckpoint> newest_checkpoint(const std::string& folder, const Warn& warn = {},
                                                 FileOps& files = system_files());

bool is_run_folder(const std::string& path);   // there is at least one checkpoint in it
std::vector<std::int64_t> saved_steps(const std::string& folder);   // ascending

std::string checkpoint_name(std::int64_t step);   // 1200 -> "ckpt-00001200.safetensors"
std::optional<std::int64_t> step_of_name(std::string_view name);
inline constexpr const char* kBestName = "best.safetensors";

}   // namespace glass
