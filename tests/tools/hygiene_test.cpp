// What the build promises about numbers: no compiler may reorder, contract or assume away
// arithmetic behind our back.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace glass {
namespace {

// Flags that change what a formula means, or that make the binary depend on the machine that built
// it.
std::vector<std::string> forbidden_in(const std::string& command) {
  std::vector<std::string> found;
  std::istringstream words(command);
  for (std::string word; words >> word;) {
    for (const char* bad :
         {"-ffast-math", "-Ofast", "-funsafe-math-optimizations", "-fassociative-math",
          "-freciprocal-math", "-ffinite-math-only", "-fno-signed-zeros", "-march=native",
          "-mtune=native", "-ffp-contract=fast", "-ffp-contract=on"}) {
      if (word == bad) found.push_back(word);
    }
  }
  return found;
}

std::vector<std::string> compile_commands() {
  std::ifstream file(std::string(GLASS_BINARY_DIR) + "/compile_commands.json");
  std::vector<std::string> commands;
  for (std::string line; std::getline(file, line);) {
    const std::size_t at = line.find("\"command\":");
    if (at != std::string::npos && line.find("/googletest") == std::string::npos)
      commands.push_back(line.substr(at + 10));
  }
  return commands;
}

TEST(Hygiene, NoFileIsCompiledWithLooseArithmetic) {
  const std::vector<std::string> commands = compile_commands();
  ASSERT_GT(commands.size(), 20u) << "compile_commands.json is missing or in another form";
  for (const std::string& command : commands) {
    for (const std::string& flag : forbidden_in(command))
      ADD_FAILURE() << flag << " in " << command;
    EXPECT_NE(command.find(" -ffp-contract=off "), std::string::npos) << command;
  }
}

TEST(Hygiene, TheCheckerKnowsALooseFlagWhenItSeesOne) {
  EXPECT_EQ(forbidden_in("c++ -O3 -ffast-math -o x"), std::vector<std::string>{"-ffast-math"});
  EXPECT_EQ(forbidden_in("c++ -Ofast -march=native").size(), 2u);
  EXPECT_TRUE(forbidden_in("c++ -O3 -ffp-contract=off -mavx2 -mfma").empty());
}

}   // namespace
}   // namespace glass
