// The order of steps in save() is what a crash at any moment is measured against: the best state
// gets its name before the newest one does, and old states go only when the new one is safe.
#include "model/run_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/error.h"
#include "engine/base/kill_point.h"
#include "engine/base/text.h"

namespace glass {
namespace {

constexpr std::string_view kPrefix = "ckpt-", kSuffix = ".safetensors";
constexpr const char* kLockName = ".lock";
constexpr const char* kStepNote = "glass.step";

[[noreturn]] void cannot(const std::string& what, const std::string& path, int error) {
  fail(SystemError("cannot " + what + " " + in_quotes(path) + ": " + reason_of(error) + "."));
}

Descriptor open_folder(FileOps& files, const std::string& path) {
  Descriptor folder(files, unless_interrupted([&] { return files.open_folder(path); }));
  if (!folder) cannot("open the folder", path, errno);
  return folder;
}

std::vector<std::string> names_in(const Descriptor& folder, const std::string& path) {
  std::vector<std::string> names;
  if (folder.files().list(folder.get(), names) != 0) cannot("list the folder", path, errno);
  return names;
}

// The steps of which there is a checkpoint, ascending.
std::vector<std::int64_t> steps_among(const std::vector<std::string>& names) {
  std::vector<std::int64_t> steps;
  for (const std::string& name : names)
    if (const auto step = step_of_name(name)) steps.push_back(*step);
  std::sort(steps.begin(), steps.end());
  return steps;
}

FoundCheckpoint load_named(const Descriptor& folder, const std::string& path,
                           const std::string& name) {
  FoundCheckpoint found;
  found.path = path + "/" + name;
  const FileSource source(folder.files(), folder.get(), name, found.path);
  found.checkpoint = load_checkpoint(source);
  const auto said = found.checkpoint.notes.find(kStepNote);
  const bool has_step = said != found.checkpoint.notes.end() &&
                        parse_integer(said->second, found.step) == NumberFault::none;
  if (!has_step) fail(ContentError(in_quotes(found.path) + " does not say its step."));
  if (const auto step = step_of_name(name); step && *step != found.step)
    fail(ContentError(in_quotes(found.path) + " holds step " + std::to_string(found.step) +
                      "; it was renamed."));
  return found;
}

}   // namespace

std::string checkpoint_name(std::int64_t step) {
  return format("%s%08lld%s", std::string(kPrefix).c_str(), static_cast<long long>(step),
                std::string(kSuffix).c_str());
}

std::optional<std::int64_t> step_of_name(std::string_view name) {
  std::int64_t step = -1;
  if (name.size() <= kPrefix.size() + kSuffix.size() || name.substr(0, kPrefix.size()) != kPrefix)
    return {};
  const std::string_view digits =
      name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
  if (parse_integer(digits, step) != NumberFault::none || step < 0) return {};
  if (checkpoint_name(step) != name) return {};   // another spelling of the number
  return step;
}

RunFolder::RunFolder(const std::string& path, RunFolderOptions options)
    : path_(path),
      options_(std::move(options)),
      files_(options_.files != nullptr ? *options_.files : system_files()),
      folder_((make_folders(files_, path), open_folder(files_, path))),
      lock_(files_, unless_interrupted([this] {
              return files_.open(folder_.get(), kLockName, O_RDWR | O_CREAT | O_NOFOLLOW);
            })) {
  if (take_lock()) remove_leftovers();
}

// The system gives the lock back when the process ends, however it ends. The number in the file is
// for the message of the one who comes second.
bool RunFolder::take_lock() {
  if (!lock_) cannot("open the lock of", path_, errno);
  std::string owner(16, '\0');
  if (unless_interrupted([&] { return files_.lock(lock_.get()); }) != 0) {
    const int error = errno;
    if (error == ENOLCK || error == EOPNOTSUPP || error == ENOSYS) {
      warn("the file system of " + in_quotes(path_) +
           " knows no locks: see to it that only one trainer works there.");
      return false;
    }
    if (error != EWOULDBLOCK) cannot("lock the folder", path_, error);
    files_.pread(lock_.get(), std::as_writable_bytes(std::span(owner.data(), owner.size())), 0);
    owner = owner.substr(0, owner.find_first_not_of("0123456789"));
    fail(FolderInUse("another trainer" + (owner.empty() ? "" : " (process " + owner + ")") +
                     " is at work in " + in_quotes(path_) +
                     "; wait for it, or name another folder with --out."));
  }
  const std::string me = format("%-15d\n", static_cast<int>(::getpid()));
  files_.pwrite(lock_.get(), std::as_bytes(std::span(me.data(), me.size())), 0);
  return true;
}

// With the lock in hand, every temporary file here belongs to somebody who was killed.
void RunFolder::remove_leftovers() {
  for (const std::string& name : names_in(folder_, path_))
    if (is_temporary_name(name) && files_.unlink(folder_.get(), name) != 0)
      warn("cannot remove " + in_quotes(path_ + "/" + name) + ": " + reason_of(errno) + ".");
}

SavedFile RunFolder::save(std::int64_t step, const Checkpoint& checkpoint, SaveOptions options) {
  const std::string name = checkpoint_name(step);
  SavedFile saved;
  saved.path = path_ + "/" + name;
  Checkpoint stamped = checkpoint;   // shares the bytes
  stamped.notes[kStepNote] = std::to_string(step);
  const EncodedCheckpoint encoded = encode(stamped);
  AtomicFile file(files_, folder_.get(), name, saved.path, encoded.size);
  saved.digest = write_checkpoint(file, encoded);
  file.finish();
  if (options_.verify) verify(file, saved.digest);
  if (options.best) link_as_best(file, encoded);
  file.publish();
  remove_old(step);
  return saved;
}

void RunFolder::verify(const AtomicFile& file, const std::string& digest) {
  const std::string path = path_ + "/" + file.temporary_name();
  std::string read;
  try {
    read = verify_checkpoint(FileSource(files_, folder_.get(), file.temporary_name(), path));
  } catch (const ContentError& error) { read = error.what(); }
  if (read != digest)
    fail(SystemError("what was written to " + in_quotes(path_) +
                     " reads back differently; do not trust this disk (" + read + ")."));
}

// A second name for the same bytes costs nothing, and replaces the best one from before in one
// step. It comes before the checkpoint gets its own name: where the newest checkpoint says that it
// is the best one, best.safetensors holds it.
void RunFolder::link_as_best(const AtomicFile& file, const EncodedCheckpoint& encoded) {
  const std::string temporary = temporary_name_for(kBestName);
  const auto give_up = [&](int error) {
    files_.unlink(folder_.get(), temporary);
    cannot("write", path_ + "/" + kBestName, error);
  };
  if (files_.link(folder_.get(), file.temporary_name(), temporary) != 0) {
    // Some file systems know one name a file; then it is written twice.
    AtomicFile best(files_, folder_.get(), kBestName, path_ + "/" + kBestName, encoded.size);
    write_checkpoint(best, encoded);
    best.finish();
    best.publish();
    return;
  }
  kill_point("best-linked");
  if (files_.rename(folder_.get(), temporary, kBestName) != 0) give_up(errno);
  if (files_.fsync(folder_.get()) != 0) give_up(errno);
}

// What is newer than the one just saved belongs to nobody we know, and stays.
void RunFolder::remove_old(std::int64_t newest) {
  if (options_.keep <= 0) return;
  std::vector<std::string> names;
  if (files_.list(folder_.get(), names) != 0) return;   // the next saving tries again
  std::vector<std::int64_t> steps = steps_among(names);
  steps.erase(std::upper_bound(steps.begin(), steps.end(), newest), steps.end());
  const auto keep = static_cast<std::size_t>(options_.keep);
  for (std::size_t i = 0; i + keep < steps.size(); ++i) {
    kill_point("retention");
    const std::string name = checkpoint_name(steps[i]);
    if (files_.unlink(folder_.get(), name) != 0)
      warn("cannot remove the old " + in_quotes(path_ + "/" + name) + ": " + reason_of(errno) +
           ".");
  }
}

void RunFolder::clear() {
  for (const std::string& name : names_in(folder_, path_)) {
    if (!step_of_name(name) && name != kBestName) continue;
    if (files_.unlink(folder_.get(), name) != 0) cannot("remove", path_ + "/" + name, errno);
  }
  if (files_.fsync(folder_.get()) != 0) cannot("clear the folder", path_, errno);
}

void RunFolder::warn(const std::string& sentence) const {
  if (options_.warn) options_.warn(sentence);
}

std::optional<FoundCheckpoint> RunFolder::newest() const {
  return newest_checkpoint(path_, options_.warn, files_);
}

namespace {

// The names to try, the best last.
std::vector<std::string> candidates_in(const Descriptor& folder, const std::string& path) {
  const std::vector<std::string> names = names_in(folder, path);
  const std::vector<std::int64_t> steps = steps_among(names);
  std::vector<std::string> candidates;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step)
    candidates.push_back(checkpoint_name(*step));
  if (std::find(names.begin(), names.end(), kBestName) != names.end())
    candidates.emplace_back(kBestName);
  return candidates;
}

}   // namespace

std::optional<FoundCheckpoint> newest_checkpoint(const std::string& path, const Warn& warn,
                                                 FileOps& files) {
  const Descriptor folder = open_folder(files, path);
  std::vector<std::string> candidates = candidates_in(folder, path);
  std::string first_reason;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    try {
      return load_named(folder, path, candidates[i]);
    } catch (const ContentError& error) {
      if (first_reason.empty()) first_reason = error.what();
      if (warn) warn(std::string(error.what()) + " It is skipped.");
    } catch (const SystemError&) {
      // A trainer at work removes old checkpoints; then there are newer ones to look at.
      std::vector<std::string> now = candidates_in(folder, path);
      if (now == candidates) throw;
      candidates = std::move(now);
      i = static_cast<std::size_t>(-1);
    }
  }
  if (candidates.size() == 1)
    fail(ContentError("the only checkpoint in " + in_quotes(path) +
                      " is not whole: " + first_reason));
  if (!candidates.empty())
    fail(ContentError("none of the " + std::to_string(candidates.size()) + " checkpoints in " +
                      in_quotes(path) + " is whole; the newest: " + first_reason));
  return {};
}

bool is_run_folder(const std::string& path) {
  const Descriptor folder(system_files(), system_files().open_folder(path));
  std::vector<std::string> names;
  if (!folder || system_files().list(folder.get(), names) != 0) return false;
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return step_of_name(name).has_value() || name == kBestName;
  });
}

std::vector<std::int64_t> saved_steps(const std::string& path) {
  return steps_among(names_in(open_folder(system_files(), path), path));
}

}   // namespace glass
