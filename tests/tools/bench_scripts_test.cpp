// tools/bench: the scripts that run PyTorch, or clients, beside glass. What they measure no test
// repeats; that they start, explain themselves, and say in one sentence what is missing, does.
#include <gtest/gtest.h>

#include <string>

#include "tests/tools/process.h"

namespace glass::test {
namespace {

const std::string kScripts = std::string(GLASS_SOURCE_DIR) + "/tools/bench/";

TEST(BenchScripts, EveryOneExplainsItself) {
  if (!installed("python3")) GTEST_SKIP() << "python3 is not installed";
  for (const char* name : {"train.py", "gpu.py", "decode.py", "attention.py", "all.py", "serve.py", "gpu_bytes.py"}) {
    const Outcome outcome = shell("python3 -B " + kScripts + name + " --help");
    EXPECT_EQ(outcome.code, 0) << name << "\n" << outcome.text();
    EXPECT_NE(outcome.out.find("usage:"), std::string::npos) << name << "\n" << outcome.text();
  }
}

TEST(BenchScripts, WithoutPyTorchTheySayThatTheySkip) {
  if (!installed("python3")) GTEST_SKIP() << "python3 is not installed";
  // A module of that name that cannot be imported stands before any real one.
  const Scratch folder;
  folder.write("torch.py", "raise ImportError('none here')\n");
  for (const char* name : {"train.py", "gpu.py", "decode.py", "attention.py", "all.py"}) {
    const Outcome outcome = shell("PYTHONPATH='" + (folder / "") + "' python3 -B " + kScripts +
                                  name + " --glass /bin/sh");
    EXPECT_EQ(outcome.code, 0) << name << "\n" << outcome.text();
    EXPECT_EQ(outcome.out.find("skipped: PyTorch is not installed"), 0u) << name << "\n"
                                                                         << outcome.text();
  }
}

TEST(BenchScripts, AMissingProgramIsNamed) {
  if (!installed("python3")) GTEST_SKIP() << "python3 is not installed";
  for (const char* name : {"train.py", "serve.py"}) {
    const Outcome outcome = shell("python3 -B " + kScripts + name + " --glass /nowhere/glass");
    EXPECT_EQ(outcome.code, 1) << outcome.text();
    EXPECT_NE(outcome.err.find("/nowhere/glass is not there"), std::string::npos) << outcome.text();
  }
}

}   // namespace
}   // namespace glass::test
