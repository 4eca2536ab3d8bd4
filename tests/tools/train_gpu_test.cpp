// glass train on a GPU, or on what stands in for one here: what it learns, and what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/json_value.h"
#include "tests/tools/process.h"
#include "tests/tools/tiny_training.h"

namespace glass::test {
namespace {

using ::testing::HasSubstr;

std::string stand_in() { return std::string(GLASS_BINARY_DIR) + "/libstand_in_cuda.so"; }

// Kernels for the stand-in need nvcc or NVRTC.
bool has_stand_in() {
  const Outcome here =
      glass({"info", "--threads", "1"}, {.environment = {{"GLASS_CUDA_DRIVER", stand_in()}}});
  return here.out.find("compute capability") != std::string::npos;
}

// Everything a GPT needs, forward and backward, with dropout and the optimizer, as kernels of a
// GPU.
TEST(TrainOnGpu, TheEmulatorLearnsWhatTheReferenceLearns) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme());
  const auto loss_on = [&](const std::string& device, const std::vector<std::string>& more) {
    std::vector<std::string> words = {
        text,    "--max-iters",   "4",           "--dropout", "0.1", "--device", device,
        "--out", folder / device, "--overwrite", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = glass(tiny(words));
    EXPECT_EQ(outcome.code, 0) << outcome.text();
    return parse_json(outcome.out, "the output").at("val_loss", "json").number("val_loss");
  };
  const std::vector<std::string> gpt2 = {}, llama = {"--norm-type", "rmsnorm", "--pos",
                                                     "rope",        "--act",   "swiglu"};
  EXPECT_NEAR(loss_on("emulator", gpt2), loss_on("reference", gpt2), 2e-4);
  EXPECT_NEAR(loss_on("emulator", llama), loss_on("reference", llama), 2e-4);
}

// The same through the driver of NVIDIA GPUs, or rather the stand-in for it (tests/gpu/cuda):
// numbers of Hopper, and pairs of bf16 on the matrix units of Ampere.
TEST(TrainOnGpu, OneOfNvidiaLearnsWhatTheReferenceLearns) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme());
  const auto loss_on = [&](const std::string& device, const std::string& dtype,
                           const Launch& launch = {}) {
    const Outcome outcome =
        glass(tiny({text, "--max-iters", "4", "--dropout", "0.1", "--device", device, "--dtype",
                    dtype, "--out", folder / device, "--overwrite", "--json"}),
              launch);
    EXPECT_EQ(outcome.code, 0) << outcome.text();
    return parse_json(outcome.out, "the output").at("val_loss", "json").number("val_loss");
  };
  if (!has_stand_in()) GTEST_SKIP() << "neither a GPU nor the stand-in for one can be used here";
  const double expected = loss_on("reference", "f32");
  EXPECT_NEAR(loss_on("cuda", "f32", {.environment = {{"GLASS_CUDA_DRIVER", stand_in()}}}),
              expected, 2e-4);
  EXPECT_NEAR(loss_on("cuda", "bf16",
                      {.environment = {{"GLASS_CUDA_DRIVER", stand_in()},
                                       {"GLASS_STAND_IN", "capability=80"}}}),
              expected, 0.03);
}

TEST(TrainOnGpu, OneWithoutMemoryEndsInOneSentence) {
  const Scratch folder;
  const Outcome outcome = glass(tiny({folder.write("rhyme.txt", rhyme()), "--max-iters", "1",
                                      "--device", "cuda", "--out", folder / "run"}),
                                {.environment = {{"GLASS_CUDA_DRIVER", stand_in()},
                                                 {"GLASS_STAND_IN", "gigabytes=0.00001"}}});
  if (outcome.err.find("cannot be used") != std::string::npos)
    GTEST_SKIP() << "neither a GPU nor the stand-in for one can be used here";
  EXPECT_EQ(outcome.code, 4) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("error: out of memory on the GPU: "));
  EXPECT_THAT(outcome.err, HasSubstr("are free, "));
  EXPECT_THAT(outcome.err, HasSubstr("are in use, and of "));
  EXPECT_THAT(outcome.err,
              HasSubstr("; ask for less: a smaller --batch-size or --block-size, or --recompute."));
}

TEST(TrainOnGpu, SaysHowMuchMemoryOfTheDeviceItTook) {
  const Scratch folder;
  const std::vector<std::string> words =
      tiny({folder.write("rhyme.txt", rhyme()), "--max-iters", "1", "--device", "emulator", "--out",
            folder / "run", "--overwrite"});
  const Outcome text = glass(words);
  EXPECT_THAT(text.out,
              ::testing::ContainsRegex("memory of the device [0-9]+\\.[0-9] MiB at most"));
  EXPECT_THAT(text.err, HasSubstr("note     the emulator shows"));

  std::vector<std::string> in_json = words;
  in_json.emplace_back("--json");
  const JsonValue json = parse_json(glass(in_json).out, "the output");
  const double params = json.at("params", "json").number("params");
  // Weight, gradient and two moments, each of 4 bytes, are there at once.
  EXPECT_GT(json.at("device_memory_mb", "json").number("mb"), 16 * params / (1 << 20));
}

TEST(TrainOnGpu, WhoDoesNotAskForAGpuIsToldThatThereIsOne) {
  const Scratch folder;
  const auto said = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = tiny({folder.write("rhyme.txt", rhyme()), "--max-iters", "1",
                                           "--out", folder / "run", "--overwrite"});
    words.insert(words.end(), more.begin(), more.end());
    return glass(words, {.environment = {{"GLASS_CUDA_DRIVER", stand_in()}}}).err;
  };
  if (!has_stand_in()) GTEST_SKIP() << "neither a GPU nor the stand-in for one can be used here";
  EXPECT_THAT(said({}),
              HasSubstr("note     --device cuda trains on the GPU: a stand-in for a GPU, "));
  EXPECT_THAT(said({"--device", "cpu"}), ::testing::Not(HasSubstr("note     --device")));
}

}   // namespace
}   // namespace glass::test
