// glass bench train: that it says what scripts rely on, measures what it was told to, and refuses
// what it cannot. How fast a step is, no test says.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

#include <regex>
#include <string>
#include <vector>

#include "engine/base/json_value.h"
#include "kernels/backends.h"
#include "tests/tools/process.h"
#include "tools/bench_step.h"
#include "tools/process_memory.h"

namespace glass::test {
namespace {

std::vector<std::string> tiny(std::vector<std::string> more) {
  std::vector<std::string> words = {"bench",    "train", "--preset", "names", "--n-layer",    "1",
                                    "--n-embd", "8",     "--n-head", "2",     "--block-size", "4",
                                    "--batch",  "2",     "--steps",  "2"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

JsonValue json_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  return parse_json(outcome.out, "the output");
}

TEST(BenchTrain, TellsScriptsWhatTheyRelyOn) {
  const JsonValue json = json_of(glass(tiny({"--threads", "1", "--json", "--profile"})));
  for (const char* key : {"ms_per_step", "tokens_per_second", "peak_rss_mb", "flops_per_step"})
    EXPECT_GT(json.at(key, "top").number(key), 0) << key;
  EXPECT_EQ(json.at("tokens_per_step", "top").integer("tokens", 0, 100), 8);
  const std::vector<JsonValue>& rows = json.at("rows", "top").items;
  ASSERT_EQ(rows.size(), 4u);
  const char* const names[] = {"step", "forward", "backward", "optimizer"};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].at("name", "row").string("name"), names[i]);
    for (const char* key : {"ms", "min_ms", "max_ms", "gflops", "gbps", "fraction_of_peak"})
      EXPECT_GE(rows[i].at(key, "row").number(key), 0) << names[i] << ", " << key;
    EXPECT_LE(rows[i].at("min_ms", "row").number("ms"), rows[i].at("max_ms", "row").number("ms"));
  }
  EXPECT_EQ(rows[0].at("steps", "row").integer("steps", 0, 100), 2);
  EXPECT_GT(rows[0].at("floor_ms", "row").number("floor_ms"), 0);
  EXPECT_FALSE(json.at("profile", "top").items.empty());
}

TEST(BenchTrain, PutsEveryCombinationOfListsSideBySide) {
  const JsonValue json =
      json_of(glass(tiny({"--device", "cpu,reference", "--threads", "1,2", "--json"})));
  std::vector<std::string> steps;
  for (const JsonValue& row : json.at("rows", "top").items) {
    if (row.at("name", "row").string("name") == "step")
      steps.push_back(row.at("device", "row").string("device") + " " +
                      std::to_string(row.at("threads", "row").integer("threads", 1, 8)));
  }
  // The reference computes on one thread whatever it is told.
  EXPECT_EQ(steps, (std::vector<std::string>{"cpu 1", "cpu 2", "reference 1", "reference 1"}));
}

TEST(BenchTrain, TextNamesTheFloorAndEveryPart) {
  const Outcome outcome = glass(tiny({"--threads", "1", "--profile"}));
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  for (const char* says : {"times the floor", "forward", "backward", "optimizer", "tokens/s",
                           "Where the time goes", "linear", "adamw"})
    EXPECT_NE(outcome.out.find(says), std::string::npos) << says << "\n" << outcome.out;
}

TEST(BenchTrain, RefusesWhatItCannotMeasure) {
  const struct {
    std::vector<std::string> words;
    const char* says;
  } refused[] = {
      {{"--device", "cpu,abacus"}, "abacus"}, {{"--threads", "1,many"}, "many"},
      {{"--threads", "1,"}, "--threads"},     {{"--dtype", "f64", "--device", "cpu"}, "f64"},
      {{"--preset", "gpt7"}, "gpt7"},         {{"--n-head", "3"}, "n_head"},
      {{"--steps", "-1"}, "--steps"},
  };
  for (const auto& one : refused) {
    std::vector<std::string> words = {"bench", "train"};
    words.insert(words.end(), one.words.begin(), one.words.end());
    const std::string error = error_of(glass(words), 2);
    EXPECT_NE(error.find(one.says), std::string::npos) << error;
  }
}

StepBench tiny_step(const GPTConfig& model) {
  TrainConfig train;
  train.batch_size = 2;
  Machine machine;
  machine.device = "reference";
  machine.backend = make_backend("reference", "auto", 1);
  return StepBench(model, train, std::move(machine));
}

GPTConfig tiny_model() {
  GPTConfig model = preset("names");
  model.n_layer = 3, model.n_embd = 8, model.n_head = 2, model.block_size = 4;
  model.vocab_size = 11;
  return model;
}

TEST(StepBench, ItsPartsMakeUpTheStep) {
  StepBench bench = tiny_step(tiny_model());
  const StepTimes times = bench.step();
  EXPECT_GT(times.forward, 0);
  EXPECT_GT(times.backward, 0);
  EXPECT_GT(times.optimizer, 0);
  EXPECT_DOUBLE_EQ(times.step, times.forward + times.backward + times.optimizer);
  EXPECT_EQ(bench.tokens_per_step(), 8);
}

TEST(StepBench, ItsProfileGathersTheBlocks) {
  StepBench bench = tiny_step(tiny_model());
  int attention = 0;
  double flops = 0;
  for (const OpTime& op : bench.profile(2)) {
    if (op.op == "self_attention") attention += op.count;
    flops += op.flops;
  }
  EXPECT_EQ(attention, 3) << "one in each of three blocks, in an average step";
  // 12 C^2 weights in a block meet 8 tokens, two operations each. The head's product is part of its
  // loss.
  EXPECT_EQ(flops, 2.0 * 8 * 3 * 12 * 8 * 8);
}

std::vector<std::string> small_growth(std::vector<std::string> more) {
  std::vector<std::string> words = {"bench", "grow",     "--largest", "1e5",       "--longest",
                                    "128",   "--tokens", "128",       "--threads", "1"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(BenchGrow, KeepsTheTokensOfAStepWhileTheContextGrows) {
  const JsonValue json = json_of(glass(small_growth({"--json"})));
  std::vector<std::string> seen;
  for (const JsonValue& row : json.at("rows", "top").items) {
    seen.push_back(row.at("name", "row").string("name") + " " +
                   std::to_string(row.at("batch_size", "row").integer("B", 1, 1 << 20)) + "x" +
                   std::to_string(row.at("block_size", "row").integer("T", 1, 1 << 20)));
    for (const char* key : {"ms", "ms_per_token", "floor_ms_per_token", "gflops"})
      EXPECT_GT(row.at(key, "row").number(key), 0) << key;
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"size 1x256", "context 2x64", "context 1x128"}));
}

TEST(BenchGrow, DrawsOneOfTheTwo) {
  const Scratch folder;
  const std::string picture = folder / "context.svg";
  const Outcome outcome = glass(small_growth({"--what", "context", "--svg", picture}));
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_NE(outcome.out.find("context grows"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("model grows"), std::string::npos) << outcome.out;
  EXPECT_NE(bytes_of(picture).find("floor"), std::string::npos);
  const std::string error = error_of(glass(small_growth({"--svg", picture})), 2);
  EXPECT_NE(error.find("--what"), std::string::npos) << error;
}

TEST(ProcessMemory, SeesABlockComeAndGo) {
  if (!forget_most_resident()) GTEST_SKIP() << "the system does not count memory afresh";
  const double before = most_resident_mib();
  // From the system: of what tests before this one gave back, the library may hold as much.
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  void* const block =
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(block, MAP_FAILED);
  std::memset(block, 1, kBytes);
  EXPECT_GE(resident_mib(), before + 60);
  ::munmap(block, kBytes);
  EXPECT_GE(most_resident_mib(), before + 60);
  EXPECT_TRUE(forget_most_resident());
  EXPECT_LT(most_resident_mib(), before + 30);
}

}   // namespace
}   // namespace glass::test
