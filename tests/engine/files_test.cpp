// engine/base/files.h: every way in which a file is not what one hoped for.
#include "engine/base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engine/base/error.h"
#include "tests/scratch.h"

namespace glass {
namespace {

class FilesTest : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& bytes) const {
    return scratch_.write(name, bytes);
  }
  static std::string refusal(const std::string& path, ExitCode code, std::int64_t most = 1 << 20) {
    try {
      read_text_file(path, "the names", most);
    } catch (const Error& error) {
      EXPECT_EQ(error.code, code) << error.what();
      return error.what();
    }
    return "accepted";
  }
  test::Scratch scratch_;
  std::string folder_ = scratch_.path();
};

TEST_F(FilesTest, ReadsEveryByte) {
  std::string text;
  for (int i = 0; i < 200000; ++i) text += static_cast<char>(1 + i % 255);
  EXPECT_EQ(read_text_file(write("big", text), "the names"), text);
}

TEST_F(FilesTest, WhatTheSystemRefusesIsASystemErrorWithAReason) {
  EXPECT_NE(refusal(folder_ + "/gone", ExitCode::system).find("no such file"), std::string::npos);
  EXPECT_NE(refusal(folder_, ExitCode::system).find("it is a directory"), std::string::npos);
  EXPECT_NE(refusal(write("file", "x") + "/below", ExitCode::system).find("not a directory"),
            std::string::npos);
  EXPECT_NE(refusal("", ExitCode::system).find("empty"), std::string::npos);
  ASSERT_EQ(::symlink("loop", (folder_ + "/loop").c_str()), 0);
  EXPECT_NE(refusal(folder_ + "/loop", ExitCode::system).find("circle"), std::string::npos);
}

TEST_F(FilesTest, AFileOneMayNotReadIsASystemError) {
  const std::string path = write("secret", "x");
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  const uid_t me = ::geteuid();
  ASSERT_TRUE(me != 0 || ::seteuid(65534) == 0);   // root may read everything, so be nobody for a moment
  const std::string message = refusal(path, ExitCode::system);
  ASSERT_TRUE(me != 0 || ::seteuid(me) == 0);
  EXPECT_NE(message.find("permission denied"), std::string::npos) << message;
}

TEST_F(FilesTest, WhatIsNotTextIsAContentError) {
  EXPECT_NE(refusal(write("empty", ""), ExitCode::content).find("the file is empty"),
            std::string::npos);
  EXPECT_NE(
      refusal(write("binary", std::string("abc\0def", 7)), ExitCode::content).find("byte 3 is NUL"),
      std::string::npos);
  EXPECT_NE(
      refusal(write("late", std::string(70000, 'a') + std::string(1, '\0')), ExitCode::content)
          .find("byte 70000"),
      std::string::npos);
  EXPECT_NE(refusal("/dev/zero", ExitCode::content).find("byte 0 is NUL"), std::string::npos);
}

TEST_F(FilesTest, AFileOverTheLimitIsRefusedWithoutBeingKept) {
  const std::string path = write("large", std::string(3000, 'a'));
  EXPECT_NE(refusal(path, ExitCode::content, 2999).find("smaller file"), std::string::npos);
  EXPECT_EQ(read_text_file(path, "the names", 3000).size(), 3000u);
}

}   // namespace
}   // namespace glass
