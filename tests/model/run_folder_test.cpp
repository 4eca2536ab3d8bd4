// model/run_folder.h in ordinary life: names, what stays and what goes, what is found again.
// Crashes are in checkpoint_crash_test.cpp and checkpoint_kill_test.cpp.
#include "model/run_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "tests/model/run_states.h"
#include "tests/model/sim_files.h"
#include "tests/scratch.h"

namespace glass::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RunFolderTest : public testing::Test {
 protected:
  void damage(const std::string& name) const {
    std::fstream file(path_ + "/" + name, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(-3, std::ios::end);
    file.put('?');
  }
  Warn keep_warnings() {
    return [this](const std::string& text) { warnings_.push_back(text); };
  }
  Scratch scratch_;
  std::string above_ = scratch_.path(), path_ = above_ + "/out/run";
  std::vector<std::string> warnings_;
};

TEST_F(RunFolderTest, NamesAreStepsOfEightDigits) {
  EXPECT_EQ(checkpoint_name(1200), "ckpt-00001200.safetensors");
  EXPECT_EQ(checkpoint_name(1234567890), "ckpt-1234567890.safetensors");
  for (const std::int64_t step : {std::int64_t{0}, std::int64_t{7}, std::int64_t{123456789012}})
    EXPECT_EQ(step_of_name(checkpoint_name(step)), step);
  for (const char* other :
       {"ckpt-.safetensors", "ckpt-1200.safetensors", "ckpt-000012x0.safetensors",
        "ckpt--0001200.safetensors", "ckpt-00001200.safetensors.bak", "best.safetensors",
        ".ckpt-00001200.safetensors.tmp.1.1", "ckpt-00001200",
        "ckpt-99999999999999999999.safetensors"})
    EXPECT_EQ(step_of_name(other), std::nullopt) << other;
}

TEST_F(RunFolderTest, ANewFolderIsEmptyAndAnOldOneHasItsNewestState) {
  EXPECT_FALSE(is_run_folder(path_));
  {
    RunFolder folder(path_);
    EXPECT_EQ(folder.newest(), std::nullopt);
    const SavedFile saved = folder.save(5, state_of(5, 1));
    EXPECT_EQ(saved.path, path_ + "/ckpt-00000005.safetensors");
    EXPECT_EQ(load_checkpoint(saved.path).digest, saved.digest);
    folder.save(10, state_of(10, 1));
  }
  EXPECT_TRUE(is_run_folder(path_));
  const RunFolder again(path_);
  const auto found = again.newest();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, 10);
  EXPECT_EQ(found->path, path_ + "/ckpt-00000010.safetensors");
  EXPECT_EQ(difference(found->checkpoint, 10, 1), "");
}

TEST_F(RunFolderTest, TheLastFewAndTheBestStay) {
  RunFolder folder(path_, {.keep = 3});
  for (std::int64_t step = 1; step <= 7; ++step)
    folder.save(step, state_of(step, 1), {.best = step == 2});
  EXPECT_THAT(saved_steps(path_), ElementsAre(5, 6, 7));
  const Checkpoint best = load_checkpoint(path_ + "/" + kBestName);
  EXPECT_EQ(best.note("glass.step"), "2");
  EXPECT_EQ(difference(best, 2, 1), "");
  RunFolder all(above_ + "/all", {.keep = 0});
  for (std::int64_t step = 1; step <= 7; ++step) all.save(step, state_of(step, 1));
  EXPECT_EQ(saved_steps(above_ + "/all").size(), 7u);
}

TEST_F(RunFolderTest, WhatIsNotOursStays) {
  RunFolder folder(path_, {.keep = 1});
  for (const char* name : {"notes.txt", "ckpt-00000000.safetensors.bak", "ckpt-1.safetensors"})
    std::ofstream(path_ + "/" + name) << "mine";
  folder.save(3, state_of(3, 1));
  folder.save(4, state_of(4, 1));
  folder.clear();
  EXPECT_TRUE(saved_steps(path_).empty());
  for (const char* name : {"notes.txt", "ckpt-00000000.safetensors.bak", "ckpt-1.safetensors"})
    EXPECT_TRUE(std::filesystem::exists(path_ + "/" + name)) << name;
}

TEST_F(RunFolderTest, ADamagedCheckpointIsSkippedWithAWarning) {
  {
    RunFolder folder(path_);
    for (std::int64_t step = 1; step <= 3; ++step) folder.save(step, state_of(step, 1));
  }
  damage(checkpoint_name(3));
  const auto found = newest_checkpoint(path_, keep_warnings());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, 2);
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_THAT(warnings_[0], HasSubstr("ckpt-00000003.safetensors' is damaged"));
  EXPECT_THAT(warnings_[0], HasSubstr("skipped"));
}

TEST_F(RunFolderTest, WhereNoneIsWholeThereIsAnErrorAndNoFreshStart) {
  {
    RunFolder folder(path_);
    for (std::int64_t step = 1; step <= 2; ++step) folder.save(step, state_of(step, 1));
  }
  for (std::int64_t step = 1; step <= 2; ++step) damage(checkpoint_name(step));
  try {
    newest_checkpoint(path_, keep_warnings());
    FAIL();
  } catch (const ContentError& error) {
    EXPECT_THAT(error.what(), HasSubstr("none of the 2 checkpoints"));
    EXPECT_THAT(error.what(), HasSubstr("ckpt-00000002"));
  }
  EXPECT_EQ(warnings_.size(), 2u);
}

TEST_F(RunFolderTest, TheBestIsTheLastResort) {
  {
    RunFolder folder(path_, {.keep = 1});
    folder.save(1, state_of(1, 1), {.best = true});
    folder.save(2, state_of(2, 1));
  }
  damage(checkpoint_name(2));
  const auto found = newest_checkpoint(path_, keep_warnings());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, 1);
  EXPECT_EQ(found->path, path_ + "/best.safetensors");
}

TEST_F(RunFolderTest, ARenamedCheckpointIsNotBelieved) {
  RunFolder folder(path_);
  folder.save(1, state_of(1, 1));
  std::filesystem::copy(path_ + "/" + checkpoint_name(1), path_ + "/" + checkpoint_name(9));
  const auto found = newest_checkpoint(path_, keep_warnings());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, 1);
  EXPECT_THAT(warnings_.at(0), HasSubstr("holds step 1"));
}

TEST_F(RunFolderTest, ADamagedNewestDoesNotCostTheOneSavedAfterIt) {
  {
    RunFolder folder(path_, {.keep = 1});
    folder.save(8, state_of(8, 1));
  }
  damage(checkpoint_name(8));
  RunFolder folder(path_, {.keep = 1});
  folder.save(5, state_of(5, 1));   // from an earlier state, say
  EXPECT_THAT(saved_steps(path_), ElementsAre(5, 8));
  EXPECT_EQ(folder.newest()->step, 5);
}

TEST_F(RunFolderTest, LeftoversOfTheKilledAreRemovedAtTheStart) {
  std::filesystem::create_directories(path_);
  std::ofstream(path_ + "/.ckpt-00000009.safetensors.tmp.12345.1") << "half";
  std::ofstream(path_ + "/.best.safetensors.tmp.12345.2") << "half";
  const RunFolder folder(path_);
  for (const auto& entry : std::filesystem::directory_iterator(path_))
    EXPECT_EQ(entry.path().filename(), ".lock");
}

TEST_F(RunFolderTest, TwoInOneProcessAreTwoTrainersToo) {
  const RunFolder folder(path_);
  EXPECT_THROW(RunFolder second(path_), SystemError);
}

TEST_F(RunFolderTest, AFolderThatCannotBeThereHasASentence) {
  std::ofstream(above_ + "/file") << "x";
  EXPECT_THROW(RunFolder(above_ + "/file/run"), SystemError);
  EXPECT_THROW(RunFolder(above_ + "/file"), SystemError);
  EXPECT_THROW(RunFolder(""), SystemError);
  EXPECT_THROW(newest_checkpoint(above_ + "/gone"), SystemError);
}

TEST_F(RunFolderTest, AFolderThatIsTakenAwayIsAnErrorAtTheNextSaving) {
  RunFolder folder(path_);
  folder.save(1, state_of(1, 1));
  std::filesystem::remove_all(path_);
  EXPECT_THROW(folder.save(2, state_of(2, 1)), SystemError);
}

// A disk that gives back other bytes than it was given.
class LyingDisk final : public ForwardingFiles {
 public:
  LyingDisk() : ForwardingFiles(system_files()) {}
  ssize_t pread(int fd, std::span<std::byte> out, std::uint64_t offset) override {
    const ssize_t got = ForwardingFiles::pread(fd, out, offset);
    if (got > 600) out[600] ^= std::byte{4};
    return got;
  }

 protected:
  bool before(const char*) override { return false; }
};

TEST_F(RunFolderTest, VerifyingFindsADiskThatLies) {
  LyingDisk disk;
  {
    RunFolder folder(path_, {.files = &disk});
    EXPECT_NO_THROW(folder.save(1, state_of(1, 8))) << "unasked, nobody reads it back";
  }
  RunFolder folder(path_, {.verify = true, .files = &disk});
  try {
    folder.save(2, state_of(2, 8), {.best = true});
    FAIL();
  } catch (const SystemError& error) {
    EXPECT_THAT(error.what(), HasSubstr("reads back differently"));
  }
  EXPECT_THAT(saved_steps(path_), ElementsAre(1));
  RunFolder honest(above_ + "/honest", {.verify = true});
  EXPECT_NO_THROW(honest.save(1, state_of(1, 8), {.best = true}));
}

// Some file systems report a failed write only when the file is closed.
class CloseFails final : public ForwardingFiles {
 public:
  CloseFails() : ForwardingFiles(system_files()) {}

 protected:
  bool before(const char* call) override {
    const bool fails = std::string(call) == "close" && last_ == "fsync";
    last_ = call;
    errno = EIO;
    return fails;
  }

 private:
  std::string last_;
};

TEST_F(RunFolderTest, AnErrorThatComesWithTheCloseIsAnError) {
  { RunFolder(path_).save(1, state_of(1, 4)); }
  CloseFails disk;
  RunFolder folder(path_, {.files = &disk});
  EXPECT_THROW(folder.save(2, state_of(2, 4)), SystemError);
  EXPECT_THAT(saved_steps(path_), ElementsAre(1));
}

// Where a file can have one name only, the best state is written a second time.
class Without final : public ForwardingFiles {
 public:
  Without(const char* call, int error)
      : ForwardingFiles(system_files()), call_(call), error_(error) {}

 protected:
  bool before(const char* call) override {
    errno = error_;
    return call == call_;
  }

 private:
  std::string call_;
  int error_;
};

TEST_F(RunFolderTest, TheBestNeedsNoLinks) {
  Without disk("link", EPERM);
  RunFolder folder(path_, {.keep = 1, .files = &disk});
  folder.save(1, state_of(1, 4), {.best = true});
  folder.save(2, state_of(2, 4));
  EXPECT_EQ(difference(load_checkpoint(path_ + "/" + kBestName), 1, 4), "");
  EXPECT_THAT(saved_steps(path_), ElementsAre(2));
}

TEST_F(RunFolderTest, WhereThereAreNoLocksAWarningMustDo) {
  Without disk("lock", ENOLCK);
  RunFolder folder(path_, {.warn = keep_warnings(), .files = &disk});
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_THAT(warnings_[0], HasSubstr("knows no locks"));
  EXPECT_NO_THROW(folder.save(1, state_of(1, 1)));
}

// --- The order of the calls, as the operating system sees them -----------------------------------

// Also what strace looks at below, in a folder of its choice.
TEST_F(RunFolderTest, ASavingLeavesOneFileAndTheLock) {
  const char* told = std::getenv("GLASS_TEST_RUN_FOLDER");
  if (told != nullptr) path_ = told;
  RunFolder folder(path_);
  folder.save(1, state_of(1, 4));
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_))
    names.push_back(entry.path().filename());
  EXPECT_THAT(names, testing::UnorderedElementsAre(".lock", "ckpt-00000001.safetensors"));
}

TEST_F(RunFolderTest, BytesAreSafeBeforeTheNameAndTheNameBeforeSaveReturns) {
  std::filesystem::create_directories(path_);
  char self[4096] = {};
  ASSERT_GT(::readlink("/proc/self/exe", self, sizeof self - 1), 0);
  const std::string me = "'" + std::string(self) + "'",
                    strace = "ASAN_OPTIONS=detect_leaks=0 strace ";
  if (std::system(
          (strace + "-o /dev/null " + me + " --gtest_list_tests > /dev/null 2>&1").c_str()) != 0)
    GTEST_SKIP() << "strace is not installed, or cannot watch this program";
  const std::string log = above_ + "/log";
  const std::string line =
      "GLASS_TEST_RUN_FOLDER='" + path_ + "' " + strace + "-f -o '" + log +
      "' -e trace=/open,openat,fsync,/rename,close " + me +
      " --gtest_filter=RunFolderTest.ASavingLeavesOneFileAndTheLock > /dev/null 2>&1";
  ASSERT_EQ(std::system(line.c_str()), 0) << line;

  std::ifstream in(log);
  std::string temporary_fd, folder_fd;
  std::vector<std::string> order;
  const auto result = [](const std::string& text) { return text.substr(text.rfind("= ") + 2); };
  for (std::string text; std::getline(in, text);) {
    const auto has = [&](const std::string& part) { return text.find(part) != std::string::npos; };
    if (has("O_DIRECTORY") && has("out/run\"")) folder_fd = result(text);
    else if (has(".ckpt-00000001") && has("O_EXCL")) temporary_fd = result(text);
    else if (!temporary_fd.empty() && has("fsync(" + temporary_fd + ")")) order.push_back("fsync");
    else if (has("rename") && has("ckpt-00000001")) order.push_back("rename");
    else if (!order.empty() && has("fsync(" + folder_fd + ")")) order.push_back("fsync folder");
  }
  EXPECT_THAT(order, ElementsAre("fsync", "rename", "fsync folder"));
}

}   // namespace
}   // namespace glass::test
