// The completion scripts, loaded by the shells they are for.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/tools/process.h"
#include "tools/commands.h"

namespace glass::test {
namespace {

// Runs a script that may source $SCRIPT, the completion for this shell.
Outcome in_shell(const std::string& name, const std::vector<std::string>& options,
                 const std::string& script) {
  const Scratch folder;
  const std::string completion = folder.write("completion", glass({"completion", name}).out);
  std::vector<std::string> command = {name};
  command.insert(command.end(), options.begin(), options.end());
  command.insert(command.end(), {"-c", script});
  return run(command, {.environment = {{"SCRIPT", completion}, {"TERM", "xterm"}}});
}

Outcome bash_completes(const std::string& words) {
  return in_shell("bash", {"--norc"},
                  "source $SCRIPT; COMP_WORDS=(" + words +
                      "); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _glass; echo \"${COMPREPLY[*]}\"");
}

TEST(Completion, BashOffersCommandsOptionsAndChoices) {
  EXPECT_EQ(bash_completes("glass inf").out, "info\n");
  EXPECT_EQ(bash_completes("glass info --thr").out, "--threads\n");
  EXPECT_EQ(bash_completes("glass info --isa sc").out, "scalar\n");
  EXPECT_EQ(bash_completes("glass info --isa = sc").out, "scalar\n")
      << "bash breaks --isa=sc into three words";
  EXPECT_EQ(bash_completes("glass info --threads 2 --dev").out, "--device\n");
  EXPECT_EQ(bash_completes("glass completion z").out, "zsh\n");
  EXPECT_EQ(bash_completes("glass info --threads ''").out, "\n") << "nobody can guess a number";
}

TEST(Completion, BashKnowsEveryCommand) {
  const std::string offered = " " + bash_completes("glass ''").out;
  for (const Command* command : all_commands()) {
    EXPECT_NE(offered.find(" " + std::string(command->name) + " "), std::string::npos)
        << command->name << " is not in" << offered;
  }
}

TEST(Completion, FishOffersCommandsOptionsAndChoices) {
  if (!installed("fish")) GTEST_SKIP() << "fish is not installed";
  const auto completes = [](const std::string& line) {
    return in_shell("fish", {"-N"}, "source $SCRIPT; complete -C '" + line + "'").out;
  };
  EXPECT_EQ(completes("glass inf").substr(0, 5), "info\t");
  EXPECT_EQ(completes("glass info --thr").substr(0, 10), "--threads\t");
  EXPECT_EQ(completes("glass info --isa sca").substr(0, 7), "scalar\t");
  EXPECT_EQ(completes("glass info --threads 2 --dev").substr(0, 9), "--device\t");
}

// zsh completes only with a terminal, so it gets one of its own kind: zpty.
TEST(Completion, ZshOffersCommandsOptionsAndChoices) {
  if (!installed("zsh")) GTEST_SKIP() << "zsh is not installed";
  const auto completes = [](const std::string& line) {
    return in_shell("zsh", {"-f"}, R"(
      zmodload zsh/zpty
      zpty -b z zsh -f -i
      zpty -w z 'PS1=; autoload -Uz compinit; compinit -u -D; source $SCRIPT; bindkey "^I" complete-word; print READY'
      repeat 100; do sleep 0.05; zpty -r -t z line && out+=$line; [[ $out == *READY*READY* ]] && break; done
      zpty -w -n z ')" + line + R"('$'\t\t'
      out=''; repeat 30; do sleep 0.05; while zpty -r -t z line; do out+=$line; done; done
      print -r -- $out)")
        .out;
  };
  EXPECT_NE(completes("glass inf").find("glass info"), std::string::npos);
  EXPECT_NE(completes("glass info --thr").find("--threads"), std::string::npos);
  const std::string isas = completes("glass info --isa=avx");
  EXPECT_NE(isas.find("avx512"), std::string::npos) << isas;
}

TEST(Completion, AnUnknownShellIsAUsageError) {
  EXPECT_EQ(glass({"completion", "tcsh"}).code, 2);
  EXPECT_EQ(glass({"completion"}).code, 2);
}

}   // namespace
}   // namespace glass::test
