// A disk whose plug can be pulled. SimFiles keeps a log of everything that was asked of it; from
// the log it builds every state in which a crash may leave a disk that keeps POSIX's promises and
// no others: bytes are safe after fsync of their file, names after fsync of their folder, and what
// is not safe may be lost, kept or torn in any combination.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/file_ops.h"

namespace glass::test {

// What a crash does to calls that were not made safe before it.
enum class Loss { nothing, everything, some, torn };   // torn: the last write stops at a sector
const char* name_of(Loss loss);

// A disk, or a program, that skips what the protocol is about. Tests must notice.
enum class Cheat { none, no_fsync, no_folder_fsync, rename_before_fsync };

class SimFiles final : public FileOps {
 public:
  explicit SimFiles(Cheat cheat = Cheat::none);

  std::size_t calls() const { return log_.size(); }   // those that change something
  // The disk as the next start finds it, had the plug been pulled after `calls` of them.
  std::unique_ptr<SimFiles> after_crash(std::size_t calls, Loss loss, std::uint64_t seed) const;
  std::string describe(std::size_t calls) const;   // the last few calls before a crash
  int open_descriptors() const { return static_cast<int>(open_.size()); }

  int make_folder(const std::string& path) override;
  int open_folder(const std::string& path) override;
  int list(int folder, std::vector<std::string>& names) override;
  int open(int folder, const std::string& name, int flags) override;
  int rename(int folder, const std::string& from, const std::string& to) override;
  int link(int folder, const std::string& from, const std::string& to) override;
  int unlink(int folder, const std::string& name) override;
  int status(int fd, FileStatus& status) override;
  ssize_t pread(int fd, std::span<std::byte> out, std::uint64_t offset) override;
  ssize_t write(int fd, std::span<const std::byte> bytes) override;
  ssize_t pwrite(int fd, std::span<const std::byte> bytes, std::uint64_t offset) override;
  int allocate(int fd, std::uint64_t size) override;
  int fsync(int fd) override;
  int lock(int fd) override;
  int close(int fd) override;

 private:
  enum class Kind { make_folder, create, rename, link, unlink, write, allocate, sync, sync_folder };
  struct Call {
    Kind kind;
    int folder = -1, file = -1;   // for make_folder, `file` is the new folder
    std::string name, to;
    std::uint64_t offset = 0;
    std::vector<std::byte> bytes;
  };
  struct Open {
    int id = -1;   // of the file or folder
    bool folder = false;
    std::uint64_t position = 0;
  };
  using Names = std::map<std::string, int>;

  void record(Call call);
  void apply(const Call& call);
  bool is_safe(std::size_t call, std::size_t end) const;
  Names* names_of(int folder);
  Open* file_of(int fd);
  int descriptor_for(Open open);

  Cheat cheat_;
  std::vector<Call> log_;
  std::map<std::string, int> folders_;   // by path; "." is number 0
  std::map<int, Names> names_;           // of each folder
  std::map<int, std::vector<std::byte>> files_;
  std::map<int, Open> open_;
  std::map<int, int> locks_;      // file -> descriptor
  std::vector<int> late_syncs_;   // for Cheat::rename_before_fsync
  int next_id_ = 1, next_descriptor_ = 100;
};

// Passes every call on. Derived classes look at some of them, or let them fail.
class ForwardingFiles : public FileOps {
 public:
  explicit ForwardingFiles(FileOps& inner) : inner_(inner) {}
  int make_folder(const std::string& path) override {
    return before("mkdir") ? -1 : inner_.make_folder(path);
  }
  int open_folder(const std::string& path) override {
    return before("open folder") ? -1 : inner_.open_folder(path);
  }
  int list(int folder, std::vector<std::string>& names) override {
    return before("list") ? -1 : inner_.list(folder, names);
  }
  int open(int folder, const std::string& name, int flags) override {
    return before("open") ? -1 : inner_.open(folder, name, flags);
  }
  int rename(int folder, const std::string& from, const std::string& to) override {
    return before("rename") ? -1 : inner_.rename(folder, from, to);
  }
  int link(int folder, const std::string& from, const std::string& to) override {
    return before("link") ? -1 : inner_.link(folder, from, to);
  }
  int unlink(int folder, const std::string& name) override {
    return before("unlink") ? -1 : inner_.unlink(folder, name);
  }
  int status(int fd, FileStatus& status) override {
    return before("status") ? -1 : inner_.status(fd, status);
  }
  ssize_t pread(int fd, std::span<std::byte> out, std::uint64_t offset) override {
    return before("pread") ? -1 : inner_.pread(fd, out.first(some(out.size())), offset);
  }
  ssize_t write(int fd, std::span<const std::byte> bytes) override {
    return before("write") ? -1 : inner_.write(fd, bytes.first(some(bytes.size())));
  }
  ssize_t pwrite(int fd, std::span<const std::byte> bytes, std::uint64_t offset) override {
    return before("pwrite") ? -1 : inner_.pwrite(fd, bytes.first(some(bytes.size())), offset);
  }
  int allocate(int fd, std::uint64_t size) override {
    return before("allocate") ? -1 : inner_.allocate(fd, size);
  }
  int fsync(int fd) override { return before("fsync") ? -1 : inner_.fsync(fd); }
  int lock(int fd) override { return before("lock") ? -1 : inner_.lock(fd); }
  int close(int fd) override;   // one that reports an error has closed all the same

 protected:
  // Sees a call coming; true: it fails, and errno says why.
  virtual bool before(const char* call) = 0;
  // How many of n bytes this call may move.
  virtual std::size_t some(std::size_t n) { return n; }

 private:
  FileOps& inner_;
};

// Lets the nth call fail, once or from then on.
class FaultyFiles final : public ForwardingFiles {
 public:
  enum class Fault { no_space, io_error, interrupted, too_many_files, short_count };
  enum class Lasting { once, for_good };
  FaultyFiles(FileOps& inner, int nth, Fault fault, Lasting lasting)
      : ForwardingFiles(inner), left_(nth), fault_(fault), lasting_(lasting) {}
  const std::string& struck() const { return struck_; }   // the call that failed; "": none yet

 protected:
  bool before(const char* call) override;
  std::size_t some(std::size_t n) override;

 private:
  int left_;
  Fault fault_;
  Lasting lasting_;
  std::string struck_;
  bool shorten_ = false;
};
const char* name_of(FaultyFiles::Fault fault);

}   // namespace glass::test
