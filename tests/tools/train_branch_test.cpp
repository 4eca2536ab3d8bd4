// glass train DATA --resume FILE: going on from a state that is not in a run folder of ours, such
// as nanoGPT's ckpt.pt, in a folder of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "model/run_folder.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

using testing::HasSubstr;

const std::vector<std::string> kSmall = {"--n-layer",
                                         "2",
                                         "--n-head",
                                         "2",
                                         "--n-embd",
                                         "16",
                                         "--block-size",
                                         "8",
                                         "--batch-size",
                                         "4",
                                         "--dropout",
                                         "0.1",
                                         "--bias",
                                         "--warmup-iters",
                                         "2",
                                         "--lr-decay-iters",
                                         "8",
                                         "--learning-rate",
                                         "1e-2",
                                         "--eval-interval",
                                         "100",
                                         "--eval-iters",
                                         "1",
                                         "--log-interval",
                                         "1",
                                         "--seed",
                                         "5"};

std::vector<std::string> words(std::vector<std::string> first,
                               const std::vector<std::string>& more) {
  first.insert(first.end(), more.begin(), more.end());
  first.push_back("--threads=1");
  return first;
}

std::string logits(const std::string& checkpoint, const Scratch& folder) {
  const Outcome done =
      glass({"logits", "--ckpt", checkpoint, "--prompt", "the fox", "-o", folder / "logits.npy"});
  EXPECT_EQ(done.code, 0) << done.text();
  return bytes_of(folder / "logits.npy");
}

// The lines of steps that are later than this one.
std::string losses_after(const std::string& run, int step) {
  std::istringstream lines(bytes_of(run + "/metrics.jsonl"));
  std::string rest;
  for (std::string line; std::getline(lines, line);)
    if (std::stoi(line.substr(line.find(':') + 1)) > step) rest += line + "\n";
  return rest;
}

class TrainBranch : public testing::Test {
 protected:
  void SetUp() override {
    std::string text;
    for (int i = 0; i < 30; ++i) text += "the fox jumps over dog " + std::to_string(i % 7) + "\n";
    text_ = folder_.write("fox.txt", text);
    train({"train", text_, "--out", folder_ / "whole", "--max-iters", "8"}, kSmall);
    train({"train", text_, "--out", folder_ / "half", "--max-iters", "4"}, kSmall);
  }

  void train(const std::vector<std::string>& first, const std::vector<std::string>& more = {}) {
    const Outcome done = glass(words(first, more));
    ASSERT_EQ(done.code, 0) << done.text();
  }

  void expect_as_if_never_stopped(const std::string& run) {
    EXPECT_EQ(losses_after(run, 4), losses_after(folder_ / "whole", 4));
    EXPECT_EQ(logits(run, folder_), logits(folder_ / "whole", folder_));
    EXPECT_TRUE(std::filesystem::exists(run + "/ckpt-00000008.safetensors"));
    EXPECT_FALSE(std::filesystem::exists(run + "/ckpt-00000004.safetensors"));
  }

  Scratch folder_;
  std::string text_;
};

TEST_F(TrainBranch, AFileOfNanoGptGoesOnAsIfItHadNeverStopped) {
  train({"export", "--ckpt", folder_ / "half", "--to", "nanogpt", "-o", folder_ / "nano"});
  for (const char* from : {"nano/ckpt.pt", "nano"}) {
    const std::string run = folder_ / (std::string("on-") + (from[4] != 0 ? "file" : "folder"));
    train({"train", text_, "--resume", folder_ / from, "--out", run, "--max-iters", "8"});
    expect_as_if_never_stopped(run);
  }
}

// sample.py finds the letters by it.
TEST_F(TrainBranch, NanoGptIsToldWhatTheModelLearnedFrom) {
  const auto dataset = [&](const std::string& file) {
    return glass({"inspect", file}).out.find("'fox'") != std::string::npos;
  };
  train({"export", "--ckpt", folder_ / "half", "--to", "nanogpt", "-o", folder_ / "nano"});
  EXPECT_TRUE(dataset(folder_ / "nano/ckpt.pt"));
  ASSERT_EQ(glass({"import", folder_ / "nano", "-o", folder_ / "in.safetensors"}).code, 0);
  train(
      {"export", "--ckpt", folder_ / "in.safetensors", "--to", "nanogpt", "-o", folder_ / "again"});
  EXPECT_TRUE(dataset(folder_ / "again/ckpt.pt"));
}

// nanoGPT's own command line; it would go on in the folder that its checkpoint is in.
TEST_F(TrainBranch, NanoGptsFolderIsLeftAsItIs) {
  train({"export", "--ckpt", folder_ / "half", "--to", "nanogpt", "-o", folder_ / "nano"});
  train({"train", text_, "--init_from=resume", "--out_dir=" + (folder_ / "nano"), "--max_iters=8"});
  expect_as_if_never_stopped(folder_ / "nano-2");
  EXPECT_THAT(folder_.names("nano"), testing::ElementsAre("ckpt.pt", "meta.pkl"));
}

TEST_F(TrainBranch, SoDoesACheckpointOfOursAndAnImportedOne) {
  train({"train", text_, "--resume", folder_ / "half/ckpt-00000004.safetensors", "--out",
         folder_ / "on", "--max-iters", "8"});
  expect_as_if_never_stopped(folder_ / "on");
  train({"export", "--ckpt", folder_ / "half", "--to", "nanogpt", "-o", folder_ / "nano.pt"});
  ASSERT_EQ(glass({"import", folder_ / "nano.pt", "-o", folder_ / "in.safetensors"}).code, 0);
  train({"train", text_, "--resume", folder_ / "in.safetensors", "--out", folder_ / "again",
         "--max-iters", "8"});
  expect_as_if_never_stopped(folder_ / "again");
}

// Another trainer took the folder in the meantime: the state goes along to the next one.
TEST_F(TrainBranch, AStateGoesOnBesideARunThatBeganJustNow) {
  const RunFolder other(folder_ / "out/fox");
  const Outcome done = shell("cd " + folder_.path() + " && $GLASS train fox.txt --resume " +
                             "half/ckpt-00000004.safetensors --max-iters 8 --threads=1");
  EXPECT_EQ(done.code, 0) << done.text();
  expect_as_if_never_stopped(folder_ / "out/fox-2");
}

TEST_F(TrainBranch, WhatCannotGoOnIsRefused) {
  const std::string weights = folder_ / "weights.safetensors",
                    half = folder_ / "half/ckpt-00000004.safetensors";
  train({"export", "--ckpt", folder_ / "half", "--to", "safetensors", "-o", weights});
  EXPECT_THAT(error_of(glass({"train", text_, "--resume", weights, "--out", folder_ / "x"}), 3),
              HasSubstr("--init-from"));
  EXPECT_THAT(error_of(glass({"train", "--resume", half, "--out", folder_ / "x"}), 2),
              HasSubstr("glass train DATA --resume"));
  EXPECT_THAT(error_of(glass({"train", text_, "--resume", half, "--preset", "gpt2"}), 2),
              HasSubstr("no place beside it"));
  EXPECT_THAT(error_of(glass({"train", text_, "--resume", half, "--out", folder_ / "whole"}), 2),
              HasSubstr("holds a run already"));
  EXPECT_THAT(error_of(glass({"train", text_, "--resume", folder_ / "nothing.pt"}), 4),
              HasSubstr("no run to resume"));
  Checkpoint odd = load_checkpoint(half);   // with a right digest, but no batches
  std::string& note = odd.notes.at("glass.trainer");
  const std::size_t at = note.find("\"batch_size\": 4");
  ASSERT_NE(at, std::string::npos) << note;
  note.replace(at, 15, "\"batch_size\": 0");
  save_checkpoint(folder_ / "odd.safetensors", odd);
  EXPECT_THAT(error_of(glass({"train", text_, "--resume", folder_ / "odd.safetensors", "--out",
                              folder_ / "x"}),
                       3),
              HasSubstr("glass.trainer"));
  train({"export", "--ckpt", folder_ / "half", "--to", "gguf", "-o", folder_ / "half.bin"});
  EXPECT_THAT(error_of(glass({"train", text_, "--resume", folder_ / "half.bin"}), 3),
              HasSubstr("--init-from"))
      << "the content says what it is, not the name";
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x"));
}

}   // namespace
}   // namespace glass::test
