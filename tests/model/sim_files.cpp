#include "tests/model/sim_files.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

namespace glass::test {
namespace {

constexpr std::uint64_t kSector = 512;   // what a disk writes whole

int no(int error) {
  errno = error;
  return -1;
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}   // namespace

const char* name_of(Loss loss) {
  static const char* const kNames[] = {"all kept", "all unsafe calls lost", "some lost", "torn"};
  return kNames[static_cast<int>(loss)];
}

SimFiles::SimFiles(Cheat cheat) : cheat_(cheat) {
  folders_["."] = 0;
  names_[0] = {};
}

// --- The log -------------------------------------------------------------------------------------

void SimFiles::record(Call call) {
  apply(call);
  log_.push_back(std::move(call));
}

void SimFiles::apply(const Call& call) {
  const auto put = [&](std::size_t end) {
    std::vector<std::byte>& bytes = files_[call.file];
    if (bytes.size() < end) bytes.resize(end);
    return bytes.begin() + static_cast<std::ptrdiff_t>(call.offset);
  };
  Names& names = names_[call.folder];
  switch (call.kind) {
    case Kind::make_folder:
      folders_[call.name] = call.file;
      names_[call.file];
      break;
    case Kind::create:
      names[call.name] = call.file;
      files_[call.file];
      break;
    case Kind::rename:
      names.erase(call.name);
      names[call.to] = call.file;
      break;
    case Kind::link:
      names[call.to] = call.file;
      break;
    case Kind::unlink:
      names.erase(call.name);
      break;
    case Kind::write:
      std::copy(call.bytes.begin(), call.bytes.end(),
                put(static_cast<std::size_t>(call.offset) + call.bytes.size()));
      break;
    case Kind::allocate:
      put(static_cast<std::size_t>(call.offset));
      break;
    case Kind::sync:
    case Kind::sync_folder:
      break;
  }
}

// Whether an fsync between this call and the end made it safe.
bool SimFiles::is_safe(std::size_t at, std::size_t end) const {
  const Call& call = log_[at];
  const bool bytes = call.kind == Kind::write || call.kind == Kind::allocate;
  for (std::size_t i = at + 1; i < end; ++i) {
    if (bytes && log_[i].kind == Kind::sync && log_[i].file == call.file) return true;
    if (!bytes && log_[i].kind == Kind::sync_folder && log_[i].folder == call.folder) return true;
  }
  return false;
}

std::unique_ptr<SimFiles> SimFiles::after_crash(std::size_t calls, Loss loss,
                                                std::uint64_t seed) const {
  std::mt19937_64 random(seed);
  std::size_t last_write = calls;   // the one that is torn
  for (std::size_t i = 0; i < calls; ++i)
    if (log_[i].kind == Kind::write && !is_safe(i, calls)) last_write = i;

  auto disk = std::make_unique<SimFiles>();
  for (std::size_t i = 0; i < calls; ++i) {
    Call call = log_[i];
    if (!is_safe(i, calls)) {
      if (loss == Loss::everything || (loss == Loss::some && random() % 2 == 0)) continue;
      const bool tear = (loss == Loss::torn && i == last_write) ||
                        (loss == Loss::some && call.kind == Kind::write && random() % 4 == 0);
      if (tear) {
        const std::uint64_t sectors =
            (call.offset + call.bytes.size()) / kSector - call.offset / kSector;
        const std::uint64_t kept = sectors == 0 ? 0 : random() % (sectors + 1);
        const std::uint64_t end =
            kept == 0 ? call.offset : (call.offset / kSector + kept) * kSector;
        call.bytes.resize(static_cast<std::size_t>(end - call.offset));
      }
    }
    disk->apply(call);
  }
  disk->next_id_ = next_id_;
  return disk;
}

std::string SimFiles::describe(std::size_t calls) const {
  static const char* const kNames[] = {"mkdir", "create",   "rename", "link",        "unlink",
                                       "write", "allocate", "fsync",  "fsync folder"};
  std::string text;
  for (std::size_t i = calls > 8 ? calls - 8 : 0; i < calls; ++i) {
    const Call& call = log_[i];
    text += "\n  " + std::to_string(i) + " " + kNames[static_cast<int>(call.kind)] + " " +
            call.name + (call.to.empty() ? "" : " -> " + call.to) + " file " +
            std::to_string(call.file);
  }
  return text;
}

// --- The calls -----------------------------------------------------------------------------------

SimFiles::Names* SimFiles::names_of(int folder) {
  if (folder == kHere) return &names_[0];
  const auto found = open_.find(folder);
  return found != open_.end() && found->second.folder ? &names_[found->second.id] : nullptr;
}

SimFiles::Open* SimFiles::file_of(int fd) {
  const auto found = open_.find(fd);
  return found != open_.end() && !found->second.folder ? &found->second : nullptr;
}

int SimFiles::descriptor_for(Open open) {
  open_[++next_descriptor_] = open;
  return next_descriptor_;
}

int SimFiles::make_folder(const std::string& path) {
  const std::string name = without_slash(path);
  if (folders_.count(name) > 0) return no(EEXIST);
  const auto parent = folders_.find(split_path(name).folder);
  if (parent == folders_.end()) return no(ENOENT);
  record({Kind::make_folder, parent->second, next_id_++, name, "", 0, {}});
  return 0;
}

int SimFiles::open_folder(const std::string& path) {
  const auto found = folders_.find(without_slash(path));
  return found == folders_.end() ? no(ENOENT) : descriptor_for({found->second, true, 0});
}

int SimFiles::list(int folder, std::vector<std::string>& names) {
  const Names* all = names_of(folder);
  if (all == nullptr) return no(EBADF);
  for (const auto& entry : *all) names.push_back(entry.first);
  return 0;
}

int SimFiles::open(int folder, const std::string& name, int flags) {
  const Names* names = names_of(folder);
  if (names == nullptr) return no(EBADF);
  const auto found = names->find(name);
  if (found != names->end())
    return (flags & O_EXCL) != 0 ? no(EEXIST) : descriptor_for({found->second, false, 0});
  if ((flags & O_CREAT) == 0) return no(ENOENT);
  const int file = next_id_++;
  record({Kind::create, open_[folder].id, file, name, "", 0, {}});
  return descriptor_for({file, false, 0});
}

int SimFiles::rename(int folder, const std::string& from, const std::string& to) {
  const Names* names = names_of(folder);
  if (names == nullptr || names->count(from) == 0) return no(ENOENT);
  record({Kind::rename, open_[folder].id, names->at(from), from, to, 0, {}});
  for (const int file : late_syncs_) record({Kind::sync, -1, file, "", "", 0, {}});
  late_syncs_.clear();
  return 0;
}

int SimFiles::link(int folder, const std::string& from, const std::string& to) {
  const Names* names = names_of(folder);
  if (names == nullptr || names->count(from) == 0) return no(ENOENT);
  if (names->count(to) > 0) return no(EEXIST);
  record({Kind::link, open_[folder].id, names->at(from), from, to, 0, {}});
  return 0;
}

int SimFiles::unlink(int folder, const std::string& name) {
  const Names* names = names_of(folder);
  if (names == nullptr || names->count(name) == 0) return no(ENOENT);
  record({Kind::unlink, open_[folder].id, names->at(name), name, "", 0, {}});
  return 0;
}

int SimFiles::status(int fd, FileStatus& status) {
  const auto found = open_.find(fd);
  if (found == open_.end()) return no(EBADF);
  status.kind = found->second.folder ? FileStatus::Kind::folder : FileStatus::Kind::regular;
  status.size = found->second.folder ? 0 : files_[found->second.id].size();
  return 0;
}

ssize_t SimFiles::pread(int fd, std::span<std::byte> out, std::uint64_t offset) {
  const Open* file = file_of(fd);
  if (file == nullptr) return no(EBADF);
  const std::vector<std::byte>& bytes = files_[file->id];
  const std::uint64_t left = offset < bytes.size() ? bytes.size() - offset : 0;
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left, out.size()));
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
  return static_cast<ssize_t>(count);
}

ssize_t SimFiles::write(int fd, std::span<const std::byte> bytes) {
  Open* file = file_of(fd);
  if (file == nullptr) return no(EBADF);
  const ssize_t count = pwrite(fd, bytes, file->position);
  file->position += static_cast<std::uint64_t>(count);
  return count;
}

ssize_t SimFiles::pwrite(int fd, std::span<const std::byte> bytes, std::uint64_t offset) {
  const Open* file = file_of(fd);
  if (file == nullptr) return no(EBADF);
  record({Kind::write, -1, file->id, "", "", offset, {bytes.begin(), bytes.end()}});
  return static_cast<ssize_t>(bytes.size());
}

int SimFiles::allocate(int fd, std::uint64_t size) {
  const Open* file = file_of(fd);
  if (file == nullptr) return no(EBADF);
  record({Kind::allocate, -1, file->id, "", "", size, {}});
  return 0;
}

int SimFiles::fsync(int fd) {
  const auto found = open_.find(fd);
  if (found == open_.end()) return no(EBADF);
  const int id = found->second.id;
  if (found->second.folder) {
    if (cheat_ != Cheat::no_folder_fsync) record({Kind::sync_folder, id, -1, "", "", 0, {}});
    return 0;
  }
  if (cheat_ == Cheat::rename_before_fsync) late_syncs_.push_back(id);
  else if (cheat_ != Cheat::no_fsync) record({Kind::sync, -1, id, "", "", 0, {}});
  return 0;
}

int SimFiles::lock(int fd) {
  const Open* file = file_of(fd);
  if (file == nullptr) return no(EBADF);
  if (locks_.count(file->id) > 0) return no(EWOULDBLOCK);
  locks_[file->id] = fd;
  return 0;
}

int SimFiles::close(int fd) {
  if (open_.erase(fd) == 0) return no(EBADF);
  for (auto lock = locks_.begin(); lock != locks_.end();)
    lock = lock->second == fd ? locks_.erase(lock) : std::next(lock);
  return 0;
}

// --- Calls that fail -----------------------------------------------------------------------------

int ForwardingFiles::close(int fd) {
  const bool fails = before("close");
  const int error = errno;
  const int done = inner_.close(fd);
  return fails ? no(error) : done;
}

const char* name_of(FaultyFiles::Fault fault) {
  static const char* const kNames[] = {"ENOSPC", "EIO", "EINTR", "EMFILE", "a short count"};
  return kNames[static_cast<int>(fault)];
}

bool FaultyFiles::before(const char* call) {
  --left_;
  shorten_ = false;
  const bool strikes = lasting_ == Lasting::once ? left_ == 0 : left_ <= 0;
  if (!strikes) return false;
  if (struck_.empty()) struck_ = call;
  if (fault_ == Fault::short_count) {
    shorten_ = true;
    return false;
  }
  static constexpr int kErrors[] = {ENOSPC, EIO, EINTR, EMFILE};
  errno = kErrors[static_cast<int>(fault_)];
  return true;
}

std::size_t FaultyFiles::some(std::size_t n) { return shorten_ && n > 1 ? n / 2 : n; }

}   // namespace glass::test
