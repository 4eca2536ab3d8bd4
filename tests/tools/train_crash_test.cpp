// glass train, killed at every place of the protocol by which it saves (GLASS_KILL_AT), and taken
// up again: it must end with the files of a run that nobody disturbed, byte for byte.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/tools/process.h"

namespace glass::test {
namespace {

Outcome train(const std::string& text, const std::string& run, const std::string& kill_at) {
  const Launch launch{.environment = {{"GLASS_KILL_AT", kill_at}}};
  return glass({"train", text, "--out", run, "--n-layer=1", "--n-head=2", "--n-embd=16",
                "--block-size=8", "--batch-size=4", "--dropout=0.1", "--max-iters=60",
                "--eval-interval=10", "--eval-iters=2", "--learning-rate=1e-2", "--threads=1"},
               launch);
}

TEST(TrainCrash, WhereverASavingIsKilledTheRunEndsAtTheSameBytes) {
  const Scratch folder;
  std::string rhyme;
  for (int i = 0; i < 60; ++i) rhyme += "one two three four five\nonce I caught a fish alive\n";
  const std::string text = folder.write("rhyme.txt", rhyme), whole = folder / "whole";
  ASSERT_EQ(train(text, whole, "").code, 0);
  const char* const kKills[] = {"opened:4",      "written-25:4",          "written-50:3",
                                "written-75:4",  "before-fsync:3",        "after-fsync:4",
                                "closed:3",      "before-rename:4",       "after-rename:3",
                                "best-linked:2", "before-folder-fsync:4", "after-folder-fsync:3",
                                "retention:1"};
  for (const std::string at : kKills) {
    const std::string run = folder / at.substr(0, at.find(':'));
    const Outcome killed = train(text, run, at);
    ASSERT_EQ(killed.code, 128 + 9) << at << " was never passed\n" << killed.text();
    const Outcome resumed = glass({"train", "--resume", run, "--threads=1"});
    ASSERT_EQ(resumed.code, 0) << at << "\n" << resumed.text();
    for (const char* name : {"ckpt-00000060.safetensors", "best.safetensors", "metrics.jsonl"}) {
      const std::string file = "/" + std::string(name);
      ASSERT_GT(bytes_of(whole + file).size(), 100u) << name;
      EXPECT_TRUE(bytes_of(run + file) == bytes_of(whole + file)) << at << ": " << name;
    }
    for (const auto& entry : std::filesystem::directory_iterator(run))
      EXPECT_EQ(entry.path().filename().string().find(".tmp."), std::string::npos) << entry;
  }
}

}   // namespace
}   // namespace glass::test
