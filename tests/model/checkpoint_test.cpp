// model/checkpoint.h: what is saved is read again, and no damage to the file goes unseen.
#include "model/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "tests/model/run_states.h"
#include "tests/scratch.h"

namespace glass::test {
namespace {

using testing::HasSubstr;

constexpr std::size_t kKilobytes = 64;

class CheckpointTest : public testing::Test {
 protected:
  std::string saved(const Checkpoint& state) const {
    save_checkpoint(folder_ + "/a", state);
    return bytes_of(folder_ + "/a");
  }
  Scratch scratch_;
  std::string folder_ = scratch_.path();
};

MemorySource source_of(const std::string& file) {
  return MemorySource("'a'", std::as_bytes(std::span(file.data(), file.size())));
}

// Why the file is refused; both ways of reading must agree.
std::string refusal(const std::string& file) {
  std::string loading = "accepted", verifying = "accepted";
  try {
    load_checkpoint(source_of(file));
  } catch (const ContentError& error) { loading = error.what(); }
  try {
    verify_checkpoint(source_of(file));
  } catch (const ContentError& error) { verifying = error.what(); }
  EXPECT_EQ(loading, verifying);
  return loading;
}

TEST_F(CheckpointTest, WhatIsSavedIsReadAgain) {
  Checkpoint state = state_of(12, kKilobytes);
  const std::string bytes = saved(state);
  const Checkpoint found = load_checkpoint(folder_ + "/a");
  EXPECT_EQ(difference(found, 12, kKilobytes), "");
  EXPECT_EQ(found.digest.size(), 16u);
  EXPECT_EQ(verify_checkpoint(FileSource(folder_ + "/a")), found.digest);
  EXPECT_EQ(saved(state), bytes) << "the same state makes the same file";
  EXPECT_EQ(saved(found), bytes) << "saving what was read makes the same file";
}

TEST_F(CheckpointTest, TheDigestIsThatOfTheFileWithItsOwnDigitsZero) {
  std::string file = saved(state_of(1, kKilobytes));
  const std::string digest = load_checkpoint(source_of(file)).digest;
  const std::size_t at = file.find(digest);
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(file.substr(at - 6, 6), "xxh64:");
  file.replace(at, 16, 16, '0');
  EXPECT_EQ(hex16(xxh64(std::as_bytes(std::span(file.data(), file.size())))), digest);
}

TEST_F(CheckpointTest, ANoteThatIsMissingIsNamed) {
  const Checkpoint state = state_of(1, 1);
  EXPECT_EQ(state.note("glass.rng"), "7");
  try {
    state.note("glass.trainer");
    FAIL();
  } catch (const ContentError& error) { EXPECT_THAT(error.what(), HasSubstr("'glass.trainer'")); }
  EXPECT_EQ(state.find("transformer.wpe.weight"), nullptr);
}

TEST_F(CheckpointTest, ANoteThatLooksLikeADigestIsNotTakenForOne) {
  Checkpoint state = state_of(1, 1);
  state.notes["aaa"] = "\"glass.digest\": \"xxh64:0123456789abcdef";
  const std::string file = saved(state);
  EXPECT_EQ(refusal(file), "accepted");
  EXPECT_EQ(load_checkpoint(source_of(file)).note("aaa"), state.notes["aaa"]);
}

TEST_F(CheckpointTest, AFileOfAnotherProgramIsNoCheckpoint) {
  save_safetensors(folder_ + "/a", state_of(1, 1).tensors, {{"format", "pt"}});
  EXPECT_THAT(refusal(bytes_of(folder_ + "/a")), HasSubstr("glass import"));
}

TEST_F(CheckpointTest, DamageIsTracedToItsTensor) {
  std::string file = saved(state_of(1, kKilobytes));
  const std::string last = "transformer.wte.weight";   // the smaller elements come last
  file.back() = static_cast<char>(file.back() ^ 1);
  const std::string said = refusal(file);
  EXPECT_THAT(said, HasSubstr("in tensor '" + last + "'"));
  EXPECT_THAT(said, HasSubstr("to " + std::to_string(file.size())));
  EXPECT_THAT(said, HasSubstr("stands against"));
}

// --- The sweep -----------------------------------------------------------------------------------

TEST_F(CheckpointTest, EveryFlippedBitOfTheHeaderIsFound) {
  std::string file = saved(state_of(1, 1));
  const std::size_t header = file.size() - 1024;
  int flips = 0;
  for (std::size_t bit = 0; bit < header * 8; ++bit, ++flips) {
    char& byte = file[bit / 8];
    const char before = byte;
    byte = static_cast<char>(byte ^ 1 << bit % 8);
    ASSERT_NE(refusal(file), "accepted")
        << "bit " << bit << ", near " << file.substr(bit / 8 < 20 ? 0 : bit / 8 - 20, 40);
    byte = before;
  }
  EXPECT_GT(flips, 3000);
  EXPECT_EQ(refusal(file), "accepted");
}

TEST_F(CheckpointTest, EveryKindOfDamageToTheBodyIsFound) {
  const std::string good = saved(state_of(3, kKilobytes));
  constexpr std::size_t kPage = 4096;
  int damaged = 0;
  const auto expect_refused = [&](const std::string& file, const std::string& what) {
    ++damaged;
    EXPECT_NE(refusal(file), "accepted") << what;
  };
  for (std::size_t at = 0; at < good.size(); at += kPage) {
    const std::string where = " at byte " + std::to_string(at);
    const std::size_t size = std::min(kPage, good.size() - at);
    std::string file = good;
    const std::size_t hit = at + at * 31 % size;
    file[hit] = static_cast<char>(file[hit] ^ 1 << at / kPage % 8);
    expect_refused(file, "one bit" + where);
    file = good;
    file.replace(at, size, size, '\0');
    expect_refused(file, "a page of zeros" + where);
    if (at + 2 * kPage > good.size()) continue;
    file = good;
    std::swap_ranges(&file[at], &file[at + kPage], &file[at + kPage]);
    expect_refused(file, "two pages swapped" + where);
  }
  const std::size_t header = good.size() - kKilobytes * 1024;
  for (std::size_t n = 0; n <= header; ++n)
    expect_refused(good.substr(0, n), "cut to " + std::to_string(n));
  for (std::size_t percent = 1; percent < 100; ++percent)
    expect_refused(good.substr(0, good.size() * percent / 100), "cut to percent");
  expect_refused(good + std::string(1, '\0'), "a byte more");
  expect_refused(good + std::string(kPage, '\0'), "a page more");
  expect_refused(good + good, "twice");
  EXPECT_GT(damaged, 600);
}

TEST_F(CheckpointTest, WhatIsNoFileIsRefused) {
  const std::string pipe = folder_ + "/pipe", empty = folder_ + "/empty";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::ofstream(empty).close();
  for (const std::string& path : {folder_, pipe, empty, std::string("/dev/zero")}) {
    try {
      load_checkpoint(path);
      ADD_FAILURE() << path;
    } catch (const ContentError& error) { EXPECT_THAT(error.what(), HasSubstr(path)); }
  }
  EXPECT_THROW(load_checkpoint(folder_ + "/gone"), SystemError);
}

}   // namespace
}   // namespace glass::test
