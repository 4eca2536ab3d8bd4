// kill -9, for real: a child process saves in a loop, dies somewhere, and the folder it leaves
// behind must hold everything it had been promised. A control that writes in place must lose.
#include <fcntl.h>
#include <gtest/gtest.h>
#ifdef __linux__
#include <sched.h>
#include <sys/mount.h>
#endif
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <thread>

#include "engine/base/error.h"
#include "engine/base/kill_point.h"
#include "model/run_folder.h"
#include "tests/model/run_states.h"
#include "tests/model/sim_files.h"
#include "tests/scratch.h"

namespace glass::test {
namespace {

bool deep() { return std::getenv("GLASS_DEEP") != nullptr; }

// A process under a sanitizer takes twenty times as long to fork.
#if defined(__has_feature)
#define GLASS_HAS_FEATURE(x) __has_feature(x)
#else
#define GLASS_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    GLASS_HAS_FEATURE(address_sanitizer) || GLASS_HAS_FEATURE(thread_sanitizer)
constexpr bool kSlowToFork = true;
#else
constexpr bool kSlowToFork = false;
#endif

// What the child tells while it lives, in memory that both share.
struct Shared {
  std::atomic<std::int64_t> saved, best;   // steps whose saving returned
  std::atomic<int> writing;                // between the opening of a file and its rename
};

class Child {
 public:
  Child() {
    void* page =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) throw std::runtime_error("mmap failed");
    shared_ = new (page) Shared{};
  }
  ~Child() { ::munmap(shared_, sizeof(Shared)); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  Shared& shared() { return *shared_; }

  void start(const std::function<void()>& life) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    try {
      life();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
      ::_exit(3);
    }
    ::_exit(0);
  }
  // What waitpid says, after a kill or an end of its own.
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return status;
  }
  // Waits for something that the child will do, unless it ends before.
  template <class Condition>
  void until(const Condition& condition) const {
    siginfo_t info{};
    while (!condition() && info.si_pid == 0) {
      std::this_thread::yield();
      ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    }
  }
  void kill() { ::kill(pid_, SIGKILL); }

 private:
  Shared* shared_;
  pid_t pid_ = -1;
};

// The operating system's files, with a note of when a checkpoint is being written.
class WatchedFiles final : public ForwardingFiles {
 public:
  explicit WatchedFiles(Shared& shared) : ForwardingFiles(system_files()), shared_(shared) {}

 protected:
  bool before(const char* call) override {
    const std::string name = call;
    if (name == "allocate") shared_.writing = 1;
    if (name == "list") shared_.writing = 0;   // retention, after the name is safe
    return false;
  }

 private:
  Shared& shared_;
};

// Saves steps first, first + 1, ...; every third is the best.
void save_steps(const std::string& path, std::int64_t first, std::int64_t last,
                std::size_t kilobytes, Shared& shared) {
  WatchedFiles files(shared);
  RunFolder folder(path, {.keep = 2, .files = &files});
  for (std::int64_t step = first; step <= last; ++step) {
    const bool best = step % 3 == 0;
    folder.save(step, state_of(step, kilobytes), {.best = best});
    shared.saved = step;
    if (best) shared.best = step;
  }
}

class KillTest : public testing::Test {
 protected:
  // "" if the folder holds the steps, or newer ones, whole.
  std::string lost(std::int64_t step, std::int64_t best, std::size_t kilobytes,
                   std::int64_t* newest = nullptr) const {
    try {
      const auto found = newest_checkpoint(folder_);
      if (newest != nullptr) *newest = found ? found->step : 0;
      if (!found) return step == 0 ? "" : "nothing is there";
      if (found->step < step) return "the newest is step " + std::to_string(found->step);
      const std::string differs = difference(found->checkpoint, found->step, kilobytes);
      if (!differs.empty()) return differs;
      if (best == 0) return "";
      const Checkpoint state = load_checkpoint(folder_ + "/" + kBestName);
      const std::int64_t kept = std::stoll(state.note("glass.step"));
      return kept < best ? "the best is step " + std::to_string(kept)
                         : difference(state, kept, kilobytes);
    } catch (const Error& error) { return error.what(); }
  }

  int leftovers() const {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      count += is_temporary_name(entry.path().filename().string());
    return count;
  }

  Scratch scratch_;
  std::string folder_ = scratch_.path();
};

constexpr std::size_t kLarge = 2048;   // KiB in a file: its writing takes a few milliseconds

TEST_F(KillTest, NoKillLosesWhatWasSaved) {
  const int kKills = kSlowToFork ? 60 : deep() ? 3000 : 200;
  std::mt19937 random(20240601);
  Child child;
  std::int64_t newest = 0;
  int inside = 0, left = 0;
  for (int i = 0; i < kKills; ++i) {
    child.shared().writing = 0;
    const std::int64_t before = child.shared().saved;
    child.start([&] { save_steps(folder_, newest + 1, INT64_MAX, kLarge, child.shared()); });
    // Anywhere in the first few savings; three of four are aimed at the time after a file is
    // opened.
    child.until([&] { return child.shared().writing == 1; });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 10000));
    if (i % 4 != 0) {
      child.until([&] { return child.shared().writing == 0; });
      child.until([&] { return child.shared().writing == 1; });
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
    }
    child.kill();
    const int status = child.wait();
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself, kill " << i;
    inside += child.shared().writing;
    left += leftovers() > 0;
    ASSERT_EQ(lost(child.shared().saved, child.shared().best, kLarge, &newest), "")
        << "kill " << i << ", saved " << child.shared().saved << " and before it " << before;
  }
  RunFolder next(folder_, {.keep = 2});
  EXPECT_EQ(leftovers(), 0) << "the next start cleans up";
  EXPECT_GE(inside * 2, kKills) << "too few kills hit a write for this test to mean much";
  std::printf("%d kills, %d inside a write, %d left a temporary file, %lld steps saved\n", kKills,
              inside, left, static_cast<long long>(child.shared().saved));
}

// The control. A trainer that opens its one file and writes over it loses the old state with the
// first byte; if this test does not see that, the one above could not see it either.
TEST_F(KillTest, WritingInPlaceLosesMostOfTheTime) {
  const int kKills = 40;
  std::mt19937 random(7);
  const std::string path = folder_ + "/" + kBestName;
  int losses = 0;
  for (int i = 0; i < kKills; ++i) {
    save_checkpoint(path, state_of(1, kLarge));
    Child child;
    child.start([&] {
      const EncodedCheckpoint encoded = encode(state_of(2, kLarge));
      for (;;) {
        std::ofstream file(path, std::ios::binary | std::ios::trunc);
        child.shared().writing = 1;
        file << encoded.header;
        for (const StoredTensor& tensor : encoded.ordered)
          for (std::size_t at = 0; at < tensor.bytes.size(); at += 4096)
            file.write(reinterpret_cast<const char*>(tensor.bytes.data()) + at, 4096);
      }
    });
    child.until([&] { return child.shared().writing == 1; });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
    child.kill();
    child.wait();
    try {
      load_checkpoint(path);
    } catch (const ContentError&) { ++losses; }
  }
  EXPECT_GE(losses * 2, kKills) << "of " << kKills << " kills";
  std::printf("in place: %d of %d kills lost everything\n", losses, kKills);
}

// Every place in the protocol, at five different savings.
TEST_F(KillTest, EveryPlaceInTheProtocolIsSafeToDieAt) {
  const char* const kPlaces[] = {"opened",      "written-25",          "written-50",
                                 "written-75",  "before-fsync",        "after-fsync",
                                 "closed",      "before-rename",       "after-rename",
                                 "best-linked", "before-folder-fsync", "after-folder-fsync",
                                 "retention"};
  constexpr std::size_t kSmall = 4;
  int runs = 0;
  for (const char* place : kPlaces) {
    for (int n = 1; n <= 5; ++n) {
      std::filesystem::remove_all(folder_);
      const std::string at = std::string(place) + ":" + std::to_string(n);
      Child child;
      child.start([&] {
        set_kill_point(at);
        save_steps(folder_, 1, 30, kSmall, child.shared());
      });
      const int status = child.wait();
      ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << at << " was never passed";
      EXPECT_EQ(lost(child.shared().saved, child.shared().best, kSmall), "") << at;
      const std::int64_t next = child.shared().saved + 1;
      Child again;
      again.start([&] { save_steps(folder_, next, next + 3, kSmall, again.shared()); });
      EXPECT_EQ(again.wait(), 0) << at << ": the next start cannot go on";
      EXPECT_EQ(lost(next + 3, 0, kSmall), "") << at;
      EXPECT_EQ(leftovers(), 0) << at;
      ++runs;
    }
  }
  EXPECT_GE(runs, 60);
}

// --- A full disk, for real -----------------------------------------------------------------------

// RLIMIT_FSIZE makes a small disk of a large one, for this process alone.
TEST_F(KillTest, AFileThatMayNotGrowLeavesTheOldStateAndAnError) {
  Child child;
  child.start([&] {
    RunFolder folder(folder_, {.keep = 2});
    folder.save(1, state_of(1, 64), {.best = true});
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 40 << 10;   // the file has 64 KiB
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      folder.save(2, state_of(2, 64), {.best = true});
      ::_exit(10);
    } catch (const SystemError& error) {
      if (std::string(error.what()).find("larger than allowed") == std::string::npos) ::_exit(11);
    }
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    folder.save(3, state_of(3, 64), {});   // with space again, it goes on
  });
  const int status = child.wait();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "10: no error, 11: another one";
  EXPECT_EQ(lost(3, 1, 64), "");
  EXPECT_EQ(saved_steps(folder_), (std::vector<std::int64_t>{1, 3}));
  EXPECT_EQ(leftovers(), 0);
}

#ifdef __linux__

// A disk of three megabytes, in a view of the file tree that only this process has.
bool mount_small_disk(const std::string& at) {
  if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  return ::mount("tmpfs", at.c_str(), "tmpfs", 0, "size=3m") == 0;
}

// A file system that cannot reserve space, so that the disk is full in the middle of a write.
class NoReserve final : public ForwardingFiles {
 public:
  NoReserve() : ForwardingFiles(system_files()) {}
  int allocate(int, std::uint64_t) override { return 0; }

 protected:
  bool before(const char*) override { return false; }
};

TEST_F(KillTest, AFullDiskLeavesTheOldStateAndAnError) {
  for (const bool reserves : {true, false}) {
    Child child;
    child.start([&] {
      if (!mount_small_disk(folder_)) ::_exit(77);
      NoReserve plain;
      FileOps& files = reserves ? system_files() : static_cast<FileOps&>(plain);
      RunFolder folder(folder_, {.keep = 1, .files = &files});
      folder.save(1, state_of(1, kLarge), {.best = true});
      for (std::int64_t step = 2; step <= 3; ++step) {
        try {
          folder.save(step, state_of(step, kLarge), {.best = true});   // two do not fit
          ::_exit(10);
        } catch (const SystemError& error) {
          if (std::string(error.what()).find("the disk is full") == std::string::npos) ::_exit(11);
        }
        if (lost(1, 1, kLarge) != "") ::_exit(12);
        if (leftovers() != 0) ::_exit(13);
      }
      folder.save(4, state_of(4, 512), {});   // a smaller one does
      ::_exit(lost(4, 0, 512) == "" ? 0 : 14);
    });
    const int status = child.wait();
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no disk may be mounted here";
    EXPECT_EQ(WEXITSTATUS(status), 0)
        << "10: no error, 11: another one, 12: lost, 13: leftovers, 14: cannot go on";
  }
}

#endif

TEST_F(KillTest, AFolderForReadingOnlyIsAnError) {
  Child child;
  child.start([&] {
    { RunFolder folder(folder_); }
    ::chmod(folder_.c_str(), 0555);
    if (::geteuid() == 0 && ::seteuid(65534) != 0) ::_exit(77);   // root may write everywhere
    try {
      RunFolder folder(folder_);
      folder.save(1, state_of(1, 8));
      ::_exit(10);
    } catch (const SystemError& error) {
      ::_exit(std::string(error.what()).find("permission denied") == std::string::npos ? 11 : 0);
    }
  });
  const int status = child.wait();
  ::chmod(folder_.c_str(), 0755);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "10: no error, 11: another one";
}

TEST_F(KillTest, TooFewDescriptorsLeaveTheOldStateAndAnError) {
  Child child;
  child.start([&] {
    RunFolder folder(folder_, {.keep = 2});
    folder.save(1, state_of(1, 8), {});
    std::vector<int> all;
    for (int fd = ::open("/dev/null", O_RDONLY); fd >= 0; fd = ::open("/dev/null", O_RDONLY))
      if (all.push_back(fd); all.size() > 200000) ::_exit(12);
    try {
      folder.save(2, state_of(2, 8), {});
      ::_exit(10);
    } catch (const SystemError& error) {
      if (std::string(error.what()).find("ulimit -n") == std::string::npos) ::_exit(11);
    }
    for (const int fd : all) ::close(fd);
    folder.save(3, state_of(3, 8), {});
  });
  const int status = child.wait();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "10: no error, 11: another one, 12: no limit here";
  EXPECT_EQ(lost(3, 0, 8), "");
}

// --- Kill points themselves ----------------------------------------------------------------------

TEST(KillPoint, AWishNamesAPlaceAndANumber) {
  for (const char* wrong : {"opened", "opened:", "opened:0", "opened:-1", "opened:x", ":1x"})
    EXPECT_THROW(set_kill_point(wrong), UsageError) << wrong;
  set_kill_point("");
  kill_point("opened");   // nobody wished for it
}

// --- One trainer a folder ------------------------------------------------------------------------

TEST_F(KillTest, ASecondTrainerIsRefusedUntilTheFirstIsGone) {
  Child child;
  child.start([&] {
    const RunFolder folder(folder_);
    child.shared().saved = 1;
    ::pause();
  });
  child.until([&] { return child.shared().saved == 1; });
  try {
    const RunFolder second(folder_);
    ADD_FAILURE() << "two trainers in one folder";
  } catch (const SystemError& error) {
    const std::string said = error.what();
    EXPECT_EQ(said.substr(0, 24), "another trainer (process") << said;
    EXPECT_NE(said.find(folder_), std::string::npos) << said;
    EXPECT_NE(said.find("--out"), std::string::npos) << said;
  }
  child.kill();
  child.wait();
  const RunFolder third(folder_);   // the lock died with its owner
}

}   // namespace
}   // namespace glass::test
