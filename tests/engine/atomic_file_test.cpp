// engine/base/atomic_file.h and byte_source.h on real files: whole or not at all, and every reason
// why not has a sentence.
#include "engine/base/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/base/byte_source.h"
#include "engine/base/error.h"
#include "tests/scratch.h"

namespace glass {
namespace {

using testing::HasSubstr;

class AtomicFileTest : public testing::Test {
 protected:
  template <class Act>
  static std::string refusal(ExitCode code, const Act& act) {
    try {
      act();
    } catch (const Error& error) {
      EXPECT_EQ(error.code, code) << error.what();
      return error.what();
    }
    return "accepted";
  }
  test::Scratch scratch_;
  std::string folder_ = scratch_.path();
};

TEST_F(AtomicFileTest, HoldsWhatWasWrittenUnderItsNameAlone) {
  std::string text;
  for (int i = 0; i < 3000000; ++i) text += static_cast<char>(i * 7);
  AtomicFile file(folder_ + "/a", text.size());
  file.write(text);
  file.overwrite(5, "here");
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/a")) << "not before it is complete";
  file.finish();
  file.publish();
  EXPECT_EQ(test::bytes_of(folder_ + "/a"), text.replace(5, 4, "here"));
  EXPECT_EQ(scratch_.names(), std::vector<std::string>{"a"});
}

TEST_F(AtomicFileTest, AnUnfinishedFileLeavesTheOldOneAndNothingElse) {
  write_file(folder_ + "/a", "old");
  {
    AtomicFile file(folder_ + "/a", 100);
    file.write("new");
  }
  {
    AtomicFile file(folder_ + "/a");
    file.write("new");
    file.finish();
  }
  EXPECT_EQ(test::bytes_of(folder_ + "/a"), "old");
  EXPECT_EQ(scratch_.names(), std::vector<std::string>{"a"});
}

TEST_F(AtomicFileTest, ReplacesTheFileAndNotTheLinkThatLeadsToIt) {
  write_file(folder_ + "/real", "old");
  ASSERT_EQ(::symlink("real", (folder_ + "/link").c_str()), 0);
  write_file(folder_ + "/link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ + "/link"));
  EXPECT_EQ(test::bytes_of(folder_ + "/real"), "new");
}

TEST_F(AtomicFileTest, ADeviceIsWrittenToAndStaysADevice) {
  write_file("/dev/null", "gone");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  EXPECT_THAT(refusal(ExitCode::system, [] { write_file("/dev/full", "x"); }),
              HasSubstr("the disk is full"));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

TEST_F(AtomicFileTest, WhatTheSystemRefusesHasASentence) {
  const auto said = [&](const std::string& path) {
    return refusal(ExitCode::system, [&] { write_file(path, "x"); });
  };
  EXPECT_THAT(said(folder_ + "/no/where"), HasSubstr("no such file or folder"));
  EXPECT_THAT(said(folder_), HasSubstr("it is a directory"));
  EXPECT_THAT(said(""), HasSubstr("no file name"));
  write_file(folder_ + "/file", "x");
  EXPECT_THAT(said(folder_ + "/file/below"), HasSubstr("not a directory"));
  EXPECT_THAT(said(folder_ + "/" + std::string(300, 'n')), HasSubstr("the name is too long"));
}

TEST_F(AtomicFileTest, TemporaryNamesAreRecognisedAndNeverTheSameTwice) {
  const std::string a = temporary_name_for("x.bin"), b = temporary_name_for("x.bin");
  EXPECT_NE(a, b);
  EXPECT_TRUE(is_temporary_name(a)) << a;
  for (const char* other : {"", ".lock", "x.bin", "x.tmp.1.2", ".tmp.1.2", ".x.tmp.1", ".x.tmp.a.2",
                            ".x.tmp.1.2b", ".x.tmp.1.", ".x.tmp..2"})
    EXPECT_FALSE(is_temporary_name(other)) << other;
}

TEST_F(AtomicFileTest, FoldersAreMadeAllTheWayDown) {
  make_folders(system_files(), folder_ + "/a/b//c/");
  EXPECT_TRUE(std::filesystem::is_directory(folder_ + "/a/b/c"));
  make_folders(system_files(), folder_ + "/a/b");
  write_file(folder_ + "/file", "x");
  EXPECT_THAT(refusal(ExitCode::system, [&] { make_folders(system_files(), folder_ + "/file/b"); }),
              HasSubstr("cannot make the folder"));
}

TEST_F(AtomicFileTest, SourcesReadExactlyWhatIsThere) {
  write_file(folder_ + "/a", "0123456789");
  const FileSource file(folder_ + "/a");
  const std::string same = "0123456789";
  const MemorySource memory("'m'", std::as_bytes(std::span(same.data(), same.size())));
  const ByteSource* const both[] = {&file, &memory};
  for (const ByteSource* source : both) {
    EXPECT_EQ(source->size(), 10u);
    std::string out(4, ' ');
    source->read(6, std::as_writable_bytes(std::span(out.data(), out.size())));
    EXPECT_EQ(out, "6789");
    for (const std::uint64_t at : {std::uint64_t{7}, std::uint64_t{11}, UINT64_MAX})
      EXPECT_THAT(
          refusal(
              ExitCode::content,
              [&] { source->read(at, std::as_writable_bytes(std::span(out.data(), out.size()))); }),
          HasSubstr("ends at byte 10"));
  }
}

TEST_F(AtomicFileTest, AFileThatShrinksWhileItIsReadIsAnError) {
  write_file(folder_ + "/a", "0123456789");
  const FileSource file(folder_ + "/a");
  ASSERT_EQ(::truncate((folder_ + "/a").c_str(), 5), 0);
  std::string out(10, ' ');
  EXPECT_THAT(
      refusal(ExitCode::content,
              [&] { file.read(0, std::as_writable_bytes(std::span(out.data(), out.size()))); }),
      HasSubstr("cut short at byte 5"));
}

TEST_F(AtomicFileTest, WhatIsNoFileIsRefusedWithoutWaiting) {
  ASSERT_EQ(::mkfifo((folder_ + "/pipe").c_str(), 0600), 0);
  for (const std::string& path : {folder_ + "/pipe", std::string("/dev/zero")})
    EXPECT_THAT(refusal(ExitCode::content, [&] { FileSource source(path); }),
                HasSubstr("a device or a pipe"));
  EXPECT_THAT(refusal(ExitCode::content, [&] { FileSource source(folder_); }),
              HasSubstr("is a folder"));
  EXPECT_THAT(refusal(ExitCode::system, [&] { FileSource source(folder_ + "/gone"); }),
              HasSubstr("no such file"));
  ASSERT_EQ(::symlink("loop", (folder_ + "/loop").c_str()), 0);
  EXPECT_THAT(refusal(ExitCode::system, [&] { FileSource source(folder_ + "/loop"); }),
              HasSubstr("circle"));
}

}   // namespace
}   // namespace glass
