// tools/setup.sh on machines we do not have: PATH holds only stand-ins, which write down how they
// were called.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/tools/process.h"

namespace glass::test {
namespace {

// A machine is a folder of programs. Each stand-in logs its command line and does what the test
// says.
class Machine {
 public:
  Machine() {
    for (const char* real : {"sh", "cat", "sed", "head", "rm", "mktemp", "touch", "env"})
      link(real);
    program("id", "echo 0");
    program("uname", "echo Linux");
    program("cmake", "echo cmake version 3.25.1");
    for (const char* found : {"c++", "g++", "ninja", "python3", "gdb"}) program(found, "");
  }

  void program(const std::string& name, const std::string& body) {
    const std::string path = folder_.write(
        name, "#!/bin/sh\necho \"" + name + " $*\" >> '" + (folder_ / "log") + "'\n" + body + "\n");
    ::chmod(path.c_str(), 0755);
  }
  void remove(const std::string& name) { std::filesystem::remove(folder_ / name); }

  std::string browser = "";   // what GLASS_TEST_BROWSER says

  Outcome run_setup(
      const std::string& what = "need_to_test; install_missing; check_versions; echo READY") {
    const std::string script =
        ". '" + std::string(GLASS_SOURCE_DIR) + "/tools/setup.sh'; set -eu; " + what;
    return run(
        {folder_ / "sh", "-c", script},
        {.environment = {{"PATH", folder_ / ""}, {"CXX", ""}, {"GLASS_TEST_BROWSER", browser}}});
  }

  // The calls to one program, in order.
  std::vector<std::string> calls(const std::string& name) const {
    std::ifstream log(folder_ / "log");
    std::vector<std::string> out;
    for (std::string line; std::getline(log, line);) {
      if (line.compare(0, name.size() + 1, name + " ") == 0) out.push_back(line);
    }
    return out;
  }

 private:
  void link(const std::string& name) {
    Outcome where = run({"sh", "-c", "command -v " + name});
    where.out.pop_back();
    std::filesystem::create_symlink(where.out, folder_ / name);
  }
  Scratch folder_;
};

TEST(Setup, InstallsNothingWhereNothingIsMissing) {
  Machine machine;
  machine.program("apt-get", "");
  machine.program("sudo", "");
  const Outcome outcome = machine.run_setup();
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_EQ(outcome.out, "READY\n");
  EXPECT_TRUE(machine.calls("apt-get").empty());
  EXPECT_TRUE(machine.calls("sudo").empty());
}

TEST(Setup, RootInstallsWithoutSudoAndSaysWhat) {
  Machine machine;
  machine.remove("gdb");
  machine.remove("ninja");
  machine.program("apt-get", "");
  const Outcome outcome = machine.run_setup();
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_EQ(outcome.out, "Installing what is missing: apt-get install ninja-build gdb\nREADY\n");
  ASSERT_EQ(machine.calls("apt-get").size(), 1u);
  EXPECT_EQ(machine.calls("apt-get")[0],
            "apt-get install -y -qq --no-install-recommends ninja-build gdb");
}

TEST(Setup, ABrowserIsInstalledOnlyWhereItIsAskedFor) {
  Machine machine;
  machine.program("apt-get", "");
  machine.run_setup();
  EXPECT_TRUE(machine.calls("apt-get").empty());
  machine.browser = "1";
  machine.run_setup();
  ASSERT_EQ(machine.calls("apt-get").size(), 1u);
  EXPECT_EQ(machine.calls("apt-get")[0], "apt-get install -y -qq --no-install-recommends chromium");
}

TEST(Setup, WhoIsNotRootGoesThroughSudo) {
  Machine machine;
  machine.remove("gdb");
  machine.program("id", "echo 1000");
  machine.program("apt-get", "");
  machine.program("sudo", "exec \"$@\"");
  const Outcome outcome = machine.run_setup();
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_EQ(machine.calls("sudo").size(), 1u);
  EXPECT_EQ(machine.calls("apt-get").size(), 1u);
}

TEST(Setup, WithoutRootAndSudoItSaysWhatToRun) {
  Machine machine;
  machine.remove("gdb");
  machine.program("id", "echo 1000");
  machine.program("apt-get", "");
  const Outcome outcome = machine.run_setup();
  EXPECT_EQ(outcome.code, 4) << outcome.text();
  EXPECT_NE(outcome.err.find("as root"), std::string::npos) << outcome.text();
  EXPECT_EQ(outcome.out.find("READY"), std::string::npos);
}

TEST(Setup, AnOldPackageListIsRefreshedOnce) {
  Machine machine;
  machine.remove("gdb");
  // Fails until "update" was called.
  machine.program(
      "apt-get",
      "dir=${0%/*}; case $1 in update) touch $dir/fresh ;; install) [ -e $dir/fresh ] ;; esac");
  const Outcome outcome = machine.run_setup();
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_EQ(machine.calls("apt-get").size(), 3u) << "install, update, install";
}

TEST(Setup, WithoutANetworkItSaysWhatIsMissing) {
  Machine machine;
  machine.remove("gdb");
  machine.program("apt-get", "exit 100");
  const Outcome outcome = machine.run_setup();
  EXPECT_EQ(outcome.code, 4) << outcome.text();
  EXPECT_NE(outcome.err.find("is there a network? Missing: gdb"), std::string::npos)
      << outcome.text();
}

TEST(Setup, FedoraAndMacAreToldWhatToInstall) {
  Machine fedora;
  fedora.remove("ninja");
  fedora.program("dnf", "");
  Outcome outcome = fedora.run_setup();
  EXPECT_EQ(outcome.code, 4);
  EXPECT_NE(outcome.err.find("sudo dnf install gcc-c++ cmake ninja-build"), std::string::npos)
      << outcome.text();
  EXPECT_TRUE(fedora.calls("dnf").empty()) << "only Debian and Ubuntu are ours to change";

  Machine mac;
  mac.remove("cmake");
  mac.program("uname", "echo Darwin");
  outcome = mac.run_setup();
  EXPECT_EQ(outcome.code, 4);
  EXPECT_NE(outcome.err.find("brew install cmake ninja"), std::string::npos) << outcome.text();
}

TEST(Setup, ToolsThatAreTooOldAreNamed) {
  Machine old_cmake;
  old_cmake.program("cmake", "echo cmake version 3.22.1");
  Outcome outcome = old_cmake.run_setup();
  EXPECT_EQ(outcome.code, 4);
  EXPECT_NE(outcome.err.find("cmake 3.22 is too old; 3.25 or newer is needed"), std::string::npos)
      << outcome.text();

  Machine old_compiler;
  old_compiler.program("c++",
                       "case $* in *-fsyntax-only*) case $(cat) in *span*) exit 1 ;; esac ;; "
                       "--version) echo c++ 9.4 ;; esac");
  outcome = old_compiler.run_setup("check_versions");
  EXPECT_EQ(outcome.code, 4) << outcome.text();
  EXPECT_NE(outcome.err.find("does not compile C++20"), std::string::npos) << outcome.text();
}

TEST(Setup, BothScriptsRefuseWhatTheyDoNotKnow) {
  const Outcome outcome = run({"sh", std::string(GLASS_SOURCE_DIR) + "/tools/test.sh", "--zzz"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("'--zzz'"), std::string::npos);
}

}   // namespace
}   // namespace glass::test
