// The real program, driven from outside as a user or a script would: what it prints where, and how
// it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <sstream>

#include "engine/base/json_value.h"
#include "tests/tools/process.h"
#include "tools/arguments.h"
#include "tools/commands.h"

namespace glass::test {
namespace {

using testing::HasSubstr;

// A refusal: the exit code, nothing on stdout, exactly one line on stderr that begins with "error:
// " and holds `part`.
void expect_refusal(const Outcome& outcome, ExitCode code, const std::string& part) {
  EXPECT_EQ(outcome.code, static_cast<int>(code)) << outcome.text();
  EXPECT_EQ(outcome.out, "") << "a refused command must not print results";
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.text();
  EXPECT_EQ(outcome.err.compare(0, 7, "error: "), 0) << outcome.text();
  EXPECT_NE(outcome.err.find(part), std::string::npos) << "expected '" << part << "' in\n"
                                                       << outcome.text();
}

std::vector<std::string> words_of(const Named& named) {
  std::istringstream path(named.path);
  std::vector<std::string> words;
  for (std::string word; path >> word;) words.push_back(word);
  words.erase(words.begin());
  return words;
}

TEST(CommandLine, AloneItIntroducesItselfAndListsEveryCommand) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{}, {"help"}, {"--help"}, {"-h"}}) {
    const Outcome outcome = glass(words);
    EXPECT_EQ(outcome.code, 0) << outcome.text();
    EXPECT_EQ(outcome.err, "");
    for (const Command* command : all_commands()) {
      EXPECT_NE(outcome.out.find("\n  " + std::string(command->name) + " "), std::string::npos)
          << command->name;
    }
  }
}

TEST(CommandLine, VersionIsOneLine) {
  const Outcome outcome = glass({"--version"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(std::regex_match(outcome.out, std::regex("glass [0-9]+\\.[0-9]+\\.[0-9]+\n")))
      << outcome.out;
}

TEST(CommandLine, UnknownCommandsAndFlagsGetASuggestion) {
  expect_refusal(glass({"inof"}), ExitCode::usage, "did you mean glass info?");
  expect_refusal(glass({"zzzz"}), ExitCode::usage, "glass offers train, sample");
  expect_refusal(glass({"--jsn"}), ExitCode::usage, "a command comes first");
  expect_refusal(glass({"help", "inof"}), ExitCode::usage, "did you mean glass info?");
  expect_refusal(glass({"info", "--jsno"}), ExitCode::usage, "did you mean --json?");
  expect_refusal(glass({"info", "extra"}), ExitCode::usage, "unexpected argument 'extra'");
  expect_refusal(glass({""}), ExitCode::usage, "unknown command ''");
  expect_refusal(glass({"bench"}), ExitCode::usage, "glass bench needs one of");
  expect_refusal(glass({"bench", "opps"}), ExitCode::usage, "did you mean glass bench ops?");
}

TEST(CommandLine, EveryBadNumberIsAUsageError) {
  for (const char* bad : {"", "nan", "inf", "1e999", "0,001", "abc", "12abc",
                          "18446744073709551616", "-1", "1.5", "100000", " 2"}) {
    const std::string quoted = std::string("'") + bad + "'";
    expect_refusal(glass({"info", std::string("--threads=") + bad}), ExitCode::usage, quoted);
    expect_refusal(glass({"info", "--threads", bad}), ExitCode::usage, quoted);
  }
  expect_refusal(glass({"info", "--seed", "18446744073709551616"}), ExitCode::usage, "--seed");
  expect_refusal(glass({"info", "--seed", "-1"}), ExitCode::usage, "--seed");
  expect_refusal(glass({"info", "--threads"}), ExitCode::usage, "--threads needs a value");
  expect_refusal(glass({"info", "--threads", "1", "--threads", "1"}), ExitCode::usage,
                 "given twice");
}

TEST(CommandLine, DevicesAndInstructionSetsThatAreNotThereAreUsageErrors) {
  expect_refusal(glass({"info", "--device", "metal"}, {.environment = {{"GLASS_METAL", "none.so.1"}}}),
                 ExitCode::usage, "none.so.1");
  expect_refusal(
      glass({"info", "--device", "cuda"}, {.environment = {{"GLASS_CUDA_DRIVER", "none.so.1"}}}),
      ExitCode::usage, "the NVIDIA driver cannot be opened (none.so.1");
  expect_refusal(glass({"info", "--device", "gpu"}), ExitCode::usage,
                 "auto, cpu, reference, emulator, cuda or metal");
  expect_refusal(glass({"info", "--device", "CUDA"}), ExitCode::usage, "Did you mean cuda?");
  expect_refusal(glass({"info", "--isa", "sse9"}), ExitCode::usage, "'sse9' is not one of");
  expect_refusal(glass({"info", "--dtype", "f16"}), ExitCode::usage, "f32, bf16 or f64");
  expect_refusal(glass({"info", "--dtype", "f64", "--device", "cpu"}), ExitCode::usage,
                 "--device reference");
  for (const char* device : {"reference", "emulator"})
    expect_refusal(glass({"info", "--device", device, "--isa", "scalar"}), ExitCode::usage,
                   "no instruction sets");
#if defined(__x86_64__)
  expect_refusal(glass({"info", "--isa", "neon"}), ExitCode::usage, "neon");
#elif defined(__aarch64__)
  expect_refusal(glass({"info", "--isa", "avx2"}), ExitCode::usage, "avx2");
#endif
}

TEST(CommandLine, InfoSaysOfEachDeviceThatIsNotThereWhy) {
  const Launch none{
      .environment = {{"GLASS_CUDA_DRIVER", "none.so.1"}, {"GLASS_METAL", "no_metal.so"}}};
  const Outcome text = glass({"info", "--threads", "1"}, none);
  EXPECT_THAT(text.out, HasSubstr("\n  cuda            not here: "));
  EXPECT_THAT(text.out, HasSubstr("\n  metal           not here: "));
  const JsonValue json = parse_json(glass({"info", "--threads", "1", "--json"}, none).out, "json");
  std::string missing;
  for (const JsonValue& device : json.at("missing", "json").items)
    missing += device.at("name", "missing").string("name") + ": " +
               device.at("why", "missing").string("why") + "\n";
  EXPECT_THAT(missing, HasSubstr("cuda: the NVIDIA driver cannot be opened (none.so.1"));
  EXPECT_THAT(missing, HasSubstr("metal: Metal cannot be opened (no_metal.so"));
}

TEST(CommandLine, HelpNamesEveryVariableThatIsRead) {
  const std::string help = glass({"help"}).out, reference = glass({"help", "--markdown"}).out;
  static const std::regex kReads(R"re(environment\("(\w+)"\)|getenv\("(GLASS_\w+)"\))re");
  int read = 0;
  for (const char* floor : {"kernels", "engine", "model", "interp", "tools"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             std::filesystem::path(GLASS_SOURCE_DIR) / floor)) {
      if (entry.path().extension() != ".cpp") continue;
      const std::string code = bytes_of(entry.path().string());
      for (std::sregex_iterator at(code.begin(), code.end(), kReads), end; at != end;
           ++at, ++read) {
        const std::string name = (*at)[1].str() + (*at)[2].str();
        EXPECT_NE(help.find(name), std::string::npos) << entry.path() << " reads " << name;
        EXPECT_NE(reference.find(name), std::string::npos) << name;
      }
    }
  EXPECT_GE(read, 6);
}

TEST(CommandLine, AWrongVariableIsAUsageErrorThatNamesIt) {
  expect_refusal(glass({"info"}, {.environment = {{"GLASS_THREADS", "many"}}}), ExitCode::usage,
                 "GLASS_THREADS (in the environment)");
  expect_refusal(glass({"info"}, {.environment = {{"GLASS_ISA", "sse9"}}}), ExitCode::usage,
                 "GLASS_ISA (in the environment)");
}

TEST(CommandLine, TheEnvironmentChoosesTheInstructionSet) {
  const Outcome outcome = glass({"info", "--json"}, {.environment = {{"GLASS_ISA", "scalar"}}});
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_NE(outcome.out.find("\"isa\": \"scalar\""), std::string::npos) << outcome.out;
}

TEST(CommandLine, EveryCommandsHelpNamesEveryOptionOfItsTable) {
  for (const Named& named : runnable_commands()) {
    std::vector<std::string> words = words_of(named);
    words.emplace_back("--help");
    const Outcome outcome = glass(words);
    EXPECT_EQ(outcome.code, 0) << named.path << "\n" << outcome.text();
    EXPECT_EQ(outcome.err, "") << named.path;
    for (const Option* o : options_of(*named.command)) {
      const std::string shown =
          o->type == Type::flag && o->fallback == "true" ? "--no-" + std::string(o->name) : dashed(o->name);
      EXPECT_NE(outcome.out.find(shown), std::string::npos)
          << named.path << " --help does not name " << shown;
      for (const std::string& also : other_spellings(*o)) {
        EXPECT_NE(outcome.out.find(dashed(also)), std::string::npos)
            << named.path << " --help does not name " << dashed(also);
      }
      if (o->type != Type::flag && !o->fallback.empty()) {
        EXPECT_NE(outcome.out.find("[" + std::string(o->fallback) + "]"), std::string::npos)
            << named.path << ": default of --" << o->name;
      }
    }
  }
}

TEST(CommandLine, HelpFitsEightyColumns) {
  std::vector<std::vector<std::string>> all = {{"help"}};
  for (const Named& named : runnable_commands()) {
    all.push_back(words_of(named));
    all.back().emplace_back("--help");
  }
  for (const std::vector<std::string>& words : all) {
    std::istringstream lines(glass(words).out);
    for (std::string line; std::getline(lines, line);) {
      if (line.compare(0, 4, "  $ ") == 0)
        continue;   // an example is a line to copy, it is never broken
      EXPECT_LE(line.size(), 80u) << line;
    }
  }
}

TEST(CommandLine, HelpHasNoHeadingTwice) {
  for (const Named& named : runnable_commands()) {
    std::vector<std::string> words = words_of(named);
    words.emplace_back("--help");
    std::istringstream lines(glass(words).out);
    std::vector<std::string> headings;
    bool after_empty = false;
    for (std::string line; std::getline(lines, line); after_empty = line.empty()) {
      if (!after_empty || line.empty() || line[0] == ' ') continue;
      EXPECT_EQ(std::count(headings.begin(), headings.end(), line), 0)
          << named.path << ": " << line;
      headings.push_back(line);
    }
    EXPECT_GE(headings.size(), 2u) << named.path;
  }
}

TEST(CommandLine, AFileOfNamesThatIsNoneIsRefusedByWhatItIs) {
  const Scratch folder;
  expect_refusal(glass({"micro", folder / "gone.txt"}), ExitCode::system, "no such file");
  expect_refusal(glass({"micro", folder / ""}), ExitCode::system, "it is a directory");
  expect_refusal(glass({"micro", folder.write("empty", "")}), ExitCode::content,
                 "the file is empty");
  expect_refusal(glass({"micro", folder.write("binary", std::string("ada\0bo\n", 7))}),
                 ExitCode::content, "byte 3 is NUL");
  expect_refusal(glass({"micro", folder.write("blank", "\n  \n\n")}), ExitCode::content, "blank");
  expect_refusal(glass({"micro", "/dev/zero"}), ExitCode::content, "byte 0 is NUL");
}

TEST(CommandLine, HelpWinsOverWhateverElseIsWrong) {
  EXPECT_EQ(glass({"info", "--threads", "many", "--help"}).code, 0);
}

TEST(CommandLine, ColourFollowsTheThreeVariables) {
  const auto coloured = [](const Launch& launch) {
    return glass({"help"}, launch).out.find('\033') != std::string::npos;
  };
  EXPECT_FALSE(coloured({})) << "a pipe gets plain text";
  EXPECT_TRUE(coloured({.environment = {{"CLICOLOR_FORCE", "1"}}}));
  EXPECT_FALSE(coloured({.environment = {{"CLICOLOR_FORCE", "0"}}}));
  EXPECT_FALSE(coloured({.environment = {{"CLICOLOR_FORCE", "1"}, {"NO_COLOR", "1"}}}));
}

TEST(CommandLine, ATerminalGetsColourUnlessItIsDumb) {
  if (!installed("script"))
    GTEST_SKIP() << "script (util-linux) is not installed, so there is no terminal to try";
  const auto on_terminal = [](const std::string& term) {
    return shell("script -qec \"$GLASS help\" /dev/null", {.environment = {{"TERM", term}}}).out;
  };
  EXPECT_NE(on_terminal("xterm").find("\033[1m"), std::string::npos);
  EXPECT_EQ(on_terminal("dumb").find('\033'), std::string::npos);
}

TEST(CommandLine, AStdoutThatTakesNothingIsASystemError) {
  for (const Stdout out : {Stdout::full, Stdout::closed}) {
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"info"}, {"info", "--json"}, {"help"}, {"--version"}}) {
      const Outcome outcome = glass(words, {.out = out});
      EXPECT_EQ(outcome.code, static_cast<int>(ExitCode::system)) << words[0] << "\n"
                                                                  << outcome.text();
      EXPECT_NE(outcome.err.find("standard output"), std::string::npos) << outcome.text();
    }
  }
}

TEST(CommandLine, AClosedStdinIsNoReasonToFail) {
  EXPECT_EQ(glass({"info"}, {.in = Stdin::closed}).code, 0);
}

TEST(CommandLine, AReaderThatLeavesEndsItQuietlyWithZero) {
  const Outcome outcome = shell("$GLASS help --markdown | head -1; echo ${PIPESTATUS[0]}");
  EXPECT_EQ(outcome.out, "# Commands\n0\n") << outcome.text();
  EXPECT_EQ(outcome.err, "");
  // Here the reader is gone before the first byte.
  const Outcome gone = shell("{ sleep 0.2; $GLASS help --markdown; echo $? >&2; } | true");
  EXPECT_EQ(gone.err, "0\n");
}

TEST(CommandLine, AReaderThatLeavesEndsALongTrainingToo) {
  const Outcome outcome =
      shell("timeout 20 $GLASS micro --steps 100000000 | head -1; echo ${PIPESTATUS[0]}");
  EXPECT_EQ(outcome.out.substr(outcome.out.find('\n') + 1), "0\n") << outcome.text();
}

TEST(CommandLine, CtrlCEndsATrainingAtOnceWith130) {
  const Outcome outcome = shell(
      "timeout --preserve-status -s INT 0.5 $GLASS micro --steps 100000000 >/dev/null; echo $?");
  EXPECT_EQ(outcome.out, "130\n") << outcome.text();
}

TEST(CommandLine, AnErrorStaysAnErrorWhenNobodyReadsStderr) {
  EXPECT_EQ(shell("{ sleep 0.2; $GLASS zzzz 2>&1 >/dev/null; echo $? >&2; } | true").err, "2\n");
}

TEST(CommandLine, AVeryLongArgumentIsRefusedInOneShortLine) {
  const std::string huge(120000, 'x');   // Linux takes at most 128 KiB an argument
  expect_refusal(glass({huge}), ExitCode::usage, "unknown command");
  expect_refusal(glass({"info", "--" + huge}), ExitCode::usage, "unknown flag");
  expect_refusal(glass({"info", "--isa=" + huge}), ExitCode::usage, "--isa");
  EXPECT_LT(glass({huge}).err.size(), 300u);
}

TEST(CommandLine, WhatStrangersTypeCannotPaintTheTerminal) {
  expect_refusal(glass({"\033[2Jclear"}), ExitCode::usage, "\\x1b[2Jclear");
  expect_refusal(glass({"two\nlines"}), ExitCode::usage, "two\\x0alines");
}

TEST(CommandLine, JsonIsExactlyOneObject) {
  if (!installed("python3"))
    GTEST_SKIP() << "python3 is not installed, so nothing independent can read the JSON";
  const Outcome outcome = shell(
      "$GLASS info --json | python3 -c '"
      "import json, sys; text = sys.stdin.read(); value = json.loads(text); assert type(value) is "
      "dict; assert text.endswith(\"}\\n\"); "
      "print(*sorted(k for k in (\"version\", \"isa\", \"threads\", \"devices\", \"peak_gflops\", "
      "\"peak_gbps\") if k in value)); "
      "assert type(value[\"devices\"]) is list and value[\"threads\"] >= 1'");
  EXPECT_EQ(outcome.out, "devices isa peak_gbps peak_gflops threads version\n") << outcome.text();
  EXPECT_EQ(outcome.err, "");
}

TEST(CommandLine, NumbersPrintTheSameInEveryCountry) {
  const std::string here = glass({"info", "--json"}, {.environment = {{"LC_ALL", "C"}}}).out;
  const std::string there =
      glass({"info", "--json"}, {.environment = {{"LC_ALL", "de_DE.UTF-8"}}}).out;
  const auto memory = [](const std::string& json) {
    return json.substr(json.find("\"memory_bytes\""), 40);
  };
  EXPECT_EQ(memory(here), memory(there));
  expect_refusal(glass({"info", "--threads", "1,5"}, {.environment = {{"LC_ALL", "de_DE.UTF-8"}}}),
                 ExitCode::usage, "'1,5'");
}

TEST(CommandLine, TheReferenceNamesEveryCommand) {
  const Outcome outcome = glass({"help", "--markdown"});
  EXPECT_EQ(outcome.code, 0);
  for (const Named& named : runnable_commands()) {
    EXPECT_NE(outcome.out.find("## `" + named.path + "`\n"), std::string::npos) << named.path;
  }
}

}   // namespace
}   // namespace glass::test
