// glass micro, driven from outside: the lines it prints, what the JSON holds, the stepper, and
// every refusal.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "engine/base/text.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

TEST(Micro, PrintsTheLinesOfMicrogptPy) {
  const Scratch folder;
  const Outcome outcome = glass(
      {"micro", folder.write("names.txt", "anna\nbo\nclara\n"), "--steps", "3", "--samples", "2"});
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  const std::regex expected(
      "num docs: 3\nvocab size: 8\nnum params: 3584\n"
      "step    1 /    3 \\| loss [0-9]\\.[0-9]{4}\nstep    2 /    3 \\| loss "
      "[0-9]\\.[0-9]{4}\nstep    3 /    3 \\| loss [0-9]\\.[0-9]{4}\n"
      "\n--- inference \\(new, hallucinated names\\) ---\nsample  1: [anbocl r]*\nsample  2: "
      "[anbocl r]*\n");
  EXPECT_TRUE(std::regex_match(outcome.out, expected)) << outcome.text();
  EXPECT_TRUE(std::regex_match(outcome.err, std::regex("scalar engine .*: [0-9.]+ ms a step\n")))
      << outcome.err;
}

TEST(Micro, TakesTheNamesOfTheProgramWhenNoneAreGiven) {
  const Outcome outcome = glass({"micro", "--steps", "1", "--samples", "0"});
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_NE(outcome.out.find("vocab size: 27\nnum params: 4192\nstep    1 /    1 | loss 3."),
            std::string::npos)
      << outcome.out;
}

TEST(Micro, PrintsTheSameOnEitherEngine) {
  const std::vector<std::string> words = {"micro", "--steps", "20", "--samples", "5"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), words.begin(), words.end());
    return glass(more).out;
  };
  const std::string scalar = with({});
  EXPECT_NE(scalar, "");
  EXPECT_EQ(with({"--engine", "tensor", "--device", "reference", "--dtype", "f64"}), scalar);
  EXPECT_EQ(with({"--engine", "tensor", "--threads", "1"}),
            with({"--engine", "tensor", "--threads", "3"}));
}

TEST(Micro, TheSeedDecidesEverything) {
  const auto run_of = [](const char* seed) {
    return glass({"micro", "--steps", "5", "--seed", seed}).out;
  };
  EXPECT_EQ(run_of("7"), run_of("7"));
  EXPECT_NE(run_of("7"), run_of("8"));
}

TEST(Micro, JsonIsOneObjectWithLossesSamplesAndTime) {
  for (const char* engine : {"scalar", "tensor"}) {
    const Outcome outcome =
        glass({"micro", "--steps", "2", "--samples", "1", "--json", "--engine", engine});
    EXPECT_EQ(outcome.code, 0) << outcome.text();
    const std::regex expected(
        "\\{\"num_docs\": [0-9]+, \"vocab_size\": 27, \"num_params\": 4192, \"engine\": \"" +
        std::string(engine) +
        "\", \"device\": \"[^\"]+\", \"steps\": 2, \"seed\": 42, \"temperature\": 0\\.5, "
        "\"losses\": \\[3\\.[0-9]+, 3\\.[0-9]+\\], "
        "\"samples\": \\[\"[a-z]*\"\\], \"ms_per_step\": [0-9.e-]+\\}\n");
    EXPECT_TRUE(std::regex_match(outcome.out, expected)) << outcome.out;
  }
}

TEST(Micro, RefusesNumbersThatMakeNoSense) {
  for (const char* bad : {"0", "-1", "abc", "", "1.5", "1e3", "99999999999", "12abc"}) {
    EXPECT_NE(error_of(glass({"micro", std::string("--steps=") + bad}), 2).find("--steps"),
              std::string::npos);
  }
  for (const char* bad : {"0", "-1", "nan", "inf", "hot"}) {
    EXPECT_NE(
        error_of(glass({"micro", std::string("--temperature=") + bad}), 2).find("--temperature"),
        std::string::npos);
  }
  error_of(glass({"micro", "--samples=-1"}), 2);
  error_of(glass({"micro", "--seed=-1"}), 2);
  error_of(glass({"micro", "--engine", "graph"}), 2);
  error_of(glass({"micro", "one.txt", "two.txt"}), 2);
}

TEST(Micro, RefusesOptionsThatDoNotGoTogether) {
  for (const char* option : {"--device=cpu", "--isa=scalar", "--threads=2", "--dtype=f32"}) {
    EXPECT_NE(error_of(glass({"micro", option}), 2).find("goes with --engine tensor"),
              std::string::npos)
        << option;
  }
  EXPECT_NE(error_of(glass({"micro", "--pause", "--json"}), 2).find("choose one"),
            std::string::npos);
  EXPECT_NE(error_of(glass({"micro", "--pause", "--engine", "tensor"}), 2).find("scalar engine"),
            std::string::npos);
  EXPECT_EQ(glass({"micro", "--steps", "1"}, {.environment = {{"GLASS_THREADS", "1"}}}).code, 0)
      << "the environment is a default, not a wish";
}

TEST(Micro, RefusesFilesThatHoldNoNames) {
  const Scratch folder;
  EXPECT_NE(error_of(glass({"micro", folder / "missing.txt"}), 4).find("no such file"),
            std::string::npos);
  EXPECT_NE(error_of(glass({"micro", folder / "."}), 4).find("directory"), std::string::npos);
  EXPECT_NE(error_of(glass({"micro", folder.write("empty", "")}), 3).find("empty"),
            std::string::npos);
  EXPECT_NE(error_of(glass({"micro", folder.write("blank", " \n\n\t\r\n")}), 3)
                .find("has no names in it"),
            std::string::npos);
  EXPECT_NE(error_of(glass({"micro", folder.write("binary", std::string("\x7f"
                                                                        "ELF\0\1",
                                                                        6))}),
                     3)
                .find("NUL"),
            std::string::npos);
  EXPECT_NE(
      error_of(glass({"micro", folder.write("latin1", "zo\xeb\n")}), 3).find("byte 3 is not UTF-8"),
      std::string::npos);
}

// --- stepping through it -------------------------------------------------------------------------

// What a reader sees who types these lines.
std::string session(const std::string& typed, const std::string& options = "") {
  const Outcome outcome = shell("printf '" + typed + "' | $GLASS micro --pause " + options);
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_EQ(outcome.err, "");
  return outcome.out;
}

TEST(MicroPause, ShowsTheOperationItsInputsItsResultAndTheLine) {
  const std::string seen = session("\\n");
  EXPECT_NE(seen.find("step 1, forward   #4193 to #"), std::string::npos) << seen;
  EXPECT_NE(seen.find("x[i] = wte_(token, i) + wpe_(position, i);"), std::string::npos) << seen;
  std::smatch match;
  const std::regex line(
      "\n(model/microgpt\\.cpp:[0-9]+)  [^\n]+\n  #4193 add: wte\\(26,0\\) \\+ wpe\\(0,0\\) = "
      "(\\S+) \\+ (\\S+) = (\\S+)\n"
      "  #4194 add: wte\\(26,1\\) \\+ wpe\\(0,1\\) = ");
  ASSERT_TRUE(std::regex_search(seen, match, line)) << seen;
  EXPECT_NEAR(std::stod(match[2]) + std::stod(match[3]), std::stod(match[4]), 2e-4)
      << "four digits are shown";
}

TEST(MicroPause, ThenGoesBackwardFromTheLoss) {
  const std::string seen = session("b\\n\\n\\n");
  // The loss is 1/n times a sum; the sum passes its gradient on as it is.
  const std::regex line(
      "step 1, backward   #([0-9]+)\\.grad = 1: [^\n]+\nmodel/microgpt\\.cpp:[0-9]+  return "
      "\\(1\\.0 / n\\) \\* sum\\(losses\\);\n"
      "  #\\1 mul:  #[0-9]+\\.grad \\+= (\\S+) \\* 1 = \\2\n"
      "  #[0-9]+ add:  #[0-9]+\\.grad \\+= 1 \\* \\2 = \\2  #[0-9]+\\.grad \\+= 1 \\* \\2 = \\2\n");
  EXPECT_TRUE(std::regex_search(seen, line)) << seen;
}

TEST(MicroPause, GoesFasterOnRequestAndNeverChangesTheResult) {
  const std::string plain = glass({"micro", "--steps", "3", "--samples", "2"}).out;
  EXPECT_EQ(session("c\\n", "--steps 3 --samples 2").find("backward"), std::string::npos)
      << "no more stops";
  for (const char* typed :
       {"c\\n", "\\n5\\nl\\nc\\n", "b\\n\\nb\\ns\\n100\\nc\\n", "s\\ns\\ns\\n"}) {
    const std::string seen = session(typed, "--steps 3 --samples 2");
    for (const std::string& line : split(plain, '\n'))
      EXPECT_NE(seen.find(line + "\n"), std::string::npos) << typed << ": " << line;
  }
}

TEST(MicroPause, LeavesOnQAndAtTheEndOfTheInput) {
  for (const char* typed : {"q\\n", "", "\\n\\nq\\n"}) {
    const std::string seen = session(typed);
    EXPECT_EQ(seen.find("loss 3."), std::string::npos) << "no step was finished";
    EXPECT_EQ(seen.find("sample"), std::string::npos);
  }
}

TEST(MicroPause, ExplainsItselfWhenItDoesNotUnderstand) {
  const std::string seen = session("what\\nq\\n");
  EXPECT_NE(seen.find("the next operation"), std::string::npos) << seen;
  EXPECT_NE(seen.find("leave"), std::string::npos) << seen;
}

// --- side by side --------------------------------------------------------------------------------

TEST(BenchMicro, PutsBothEnginesAndPythonSideBySide) {
  if (!installed("python3")) GTEST_SKIP() << "python3 is not installed";
  const Outcome outcome =
      glass({"bench", "micro", "--steps", "5", "--runs", "1", "--json", "--python",
             std::string(GLASS_SOURCE_DIR) + "/tests/peers/microgpt.py", "--python-steps", "3"});
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  for (const char* name : {"scalar engine, f64", "tensor engine, reference, f64",
                           "tensor engine, cpu", "python3 microgpt.py"}) {
    EXPECT_NE(outcome.out.find("\"name\": \"" + std::string(name)), std::string::npos)
        << outcome.out;
  }
}

TEST(BenchMicro, RefusesAScriptThatIsNotThereOrDoesNotTrain) {
  const Scratch folder;
  const std::vector<std::string> words = {"bench",  "micro", "--steps", "1",
                                          "--runs", "1",     "--python"};
  const auto with = [&](const std::string& script) {
    std::vector<std::string> all = words;
    all.push_back(script);
    return error_of(glass(all), 4);
  };
  EXPECT_NE(with(folder / "missing.py").find("no such file"), std::string::npos);
  if (!installed("python3")) GTEST_SKIP() << "python3 is not installed";
  EXPECT_NE(with(folder.write("idle.py", "print('hello')\n")).find("stopped after 0 steps"),
            std::string::npos);
}

}   // namespace
}   // namespace glass::test
