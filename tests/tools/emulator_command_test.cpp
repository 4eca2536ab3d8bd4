// Every command that computes, on a GPU that is emulated: it ends well, and says what the CPU says.
// The kernels themselves are tested elsewhere; here it is the way to them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "engine/base/json_value.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

using ::testing::HasSubstr;

std::string roses() {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "a rose is a rose is a rose, and the rose has a thorn. ";
  return text;
}

// A training that nobody could wait for, until its metrics have so many lines; then Ctrl-C. (At the
// end of a whole one stands a sample of hundreds of tokens, which takes the emulator seconds.)
Outcome until(std::size_t lines, std::vector<std::string> words, const std::string& run) {
  for (const char* word : {"--device", "emulator", "--dtype", "bf16", "--max-iters", "1000000"})
    words.emplace_back(word);
  std::string line = "$GLASS train";
  for (const std::string& word : words) line += " " + word;
  return shell(line + " & P=$!\nuntil [ $(wc -l < " + run +
               "/metrics.jsonl 2>/dev/null || echo 0) -ge " + std::to_string(lines) +
               " ]; do kill -0 $P || exit 1; sleep 0.02; done\nkill -INT $P\nwait $P");
}

std::vector<std::int64_t> steps_in(const std::string& run) {
  std::vector<std::int64_t> steps;
  std::ifstream file(run + "/metrics.jsonl");
  for (std::string line; std::getline(file, line);)
    steps.push_back(parse_json(line, run).at("step", run).integer("step", 0, 1 << 20));
  return steps;
}

class EmulatorCommands : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new Scratch;
    text_ = folder_->write("roses.txt", roses());
    model_ = *folder_ / "model";
    stopped_ =
        until(4,
              {text_, "--out", model_, "--n-layer", "1", "--n-head", "2", "--n-embd", "8",
               "--block-size", "8", "--batch", "2", "--eval-iters", "1", "--log-interval", "1"},
              model_);
    ASSERT_EQ(stopped_.code, 130) << stopped_.text();
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }

  static Outcome on(const std::string& device, std::vector<std::string> words) {
    words.insert(words.end(), {"--device", device});
    return glass(words);
  }
  // What both devices say, as JSON.
  static void both(const std::vector<std::string>& words, JsonValue& emulator, JsonValue& cpu) {
    std::vector<std::string> asked = words;
    asked.push_back("--json");
    for (const auto& [device, to] : {std::pair{"emulator", &emulator}, {"cpu", &cpu}}) {
      const Outcome outcome = on(device, asked);
      ASSERT_EQ(outcome.code, 0) << device << ": " << outcome.text();
      *to = parse_json(outcome.out, device);
    }
  }

  static inline Scratch* folder_ = nullptr;
  static inline std::string text_, model_;
  static inline Outcome stopped_;
};

TEST_F(EmulatorCommands, CtrlCSavesAndResumeGoesOn) {
  EXPECT_THAT(stopped_.err, HasSubstr("Stopped after step "));
  const std::size_t before = steps_in(model_).size();
  const Outcome resumed = until(before + 3, {"--resume", model_}, model_);
  EXPECT_EQ(resumed.code, 130) << resumed.text();
  const std::vector<std::int64_t> steps = steps_in(model_);
  ASSERT_GE(steps.size(), before + 3);
  for (std::size_t i = 0; i < steps.size(); ++i) EXPECT_EQ(steps[i], static_cast<std::int64_t>(i));
}

TEST_F(EmulatorCommands, EvalSaysWhatTheCpuSays) {
  JsonValue emulator, cpu;
  both({"eval", text_, "--ckpt", model_}, emulator, cpu);
  EXPECT_NEAR(emulator.at("loss", "eval").number("loss"), cpu.at("loss", "eval").number("loss"),
              1e-5);
  EXPECT_EQ(emulator.at("tokens", "eval").number("tokens"),
            cpu.at("tokens", "eval").number("tokens"));
}

TEST_F(EmulatorCommands, SampleWritesWhatTheCpuWrites) {
  for (const std::vector<std::string>& how :
       std::vector<std::vector<std::string>>{{}, {"--type", "int8"}}) {
    std::vector<std::string> words = {"sample", "--ckpt", model_,          "--prompt", "a ro",
                                      "-n",     "12",     "--temperature", "0.5"};
    words.insert(words.end(), how.begin(), how.end());
    const Outcome emulator = on("emulator", words), cpu = on("cpu", words);
    ASSERT_EQ(emulator.code, 0) << emulator.text();
    EXPECT_EQ(emulator.out, cpu.out);
  }
}

TEST_F(EmulatorCommands, LogitsAreThoseOfTheCpu) {
  JsonValue emulator, cpu;
  both({"logits", "--ckpt", model_, "--prompt", "a rose"}, emulator, cpu);
  const auto& there = emulator.at("top", "logits").items;
  const auto& here = cpu.at("top", "logits").items;
  ASSERT_EQ(there.size(), here.size());
  ASSERT_FALSE(there.empty());
  for (std::size_t i = 0; i < there.size(); ++i)
    EXPECT_NEAR(there[i].items[0].at("prob", "top").number("prob"),
                here[i].items[0].at("prob", "top").number("prob"), 1e-5)
        << i;
}

TEST_F(EmulatorCommands, EveryAnalysisRuns) {
  const std::vector<std::vector<std::string>> analyses = {
      {"cache", "--prompt", "rose", "-o", *folder_ / "cache.safetensors"},
      {"attention", "--prompt", "rose"},
      {"lens", "--prompt", "rose"},
      {"attribute", "--prompt", "ros", "--target", "e", "--foil", "a"},
      {"patch", "--clean", "ros", "--corrupt", "ron", "--target", "e", "--foil", "a"},
      {"path", "--clean", "ros", "--corrupt", "ron", "--target", "e", "--foil", "a"},
      {"ablate", "--heads", "0.1", "--prompt", "rose"},
      {"composition"},
      {"dynamics"},
      {"neurons", "scan", "--data", text_},
      {"steer", "--prompt", "ros", "--towards", "rose", "--away", "thor", "-n", "4"},
  };
  for (const std::vector<std::string>& analysis : analyses) {
    std::vector<std::string> words = {"interp"};
    words.insert(words.end(), analysis.begin(), analysis.end());
    words.insert(words.end(), {"--ckpt", model_});
    const Outcome outcome = on("emulator", words);
    EXPECT_EQ(outcome.code, 0) << analysis[0] << "\n" << outcome.text();
  }
}

TEST_F(EmulatorCommands, BenchesMeasureIt) {
  const Outcome ops =
      on("emulator", {"bench", "ops", "--product", "8x8x8", "--dtype", "bf16", "--json"});
  ASSERT_EQ(ops.code, 0) << ops.text();
  const JsonValue measured = parse_json(ops.out, "bench ops");
  ASSERT_EQ(measured.at("rows", "top").items.size(), 3u);
  for (const JsonValue& row : measured.at("rows", "top").items) {
    EXPECT_GT(row.at("gflops", "row").number("gflops"), 0);
    EXPECT_THAT(row.at("shape", "row").string("shape"), HasSubstr("bf16"));
  }
  const Outcome train = on(
      "emulator", {"bench", "train", "--preset", "names", "--n-layer", "1", "--n-embd", "8",
                   "--n-head", "2", "--block-size", "4", "--batch", "2", "--steps", "2", "--json"});
  ASSERT_EQ(train.code, 0) << train.text();
  const JsonValue json = parse_json(train.out, "bench train");
  const JsonValue& step = json.at("rows", "top").items[0];
  for (const char* key : {"tokens_per_second", "tflops", "mfu", "device_memory_mb"})
    EXPECT_GT(step.at(key, "row").number(key), 0) << key;
}

}   // namespace
}   // namespace glass::test
