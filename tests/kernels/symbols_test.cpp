// The linker keeps one copy of an inline function that several object files define, whichever comes first. Files of
// kernels/cpu/isa are compiled for machines that this one may not be: if they shared an inline function with the rest
// of the program, the copy that is kept could be the AVX-512 one, and a machine without AVX-512 would die in a function
// that has nothing to do with vectors. So such an object file may define a weak function (W in the list of nm) only
// inside of its own namespace, where no other file can mean the same name. Weak data (V, u) are the same bytes for every
// instruction set.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/kernels/harness.h"

namespace glass::test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> object_files(const std::string& isa) {
  std::vector<fs::path> files;
  const fs::path folder =
      fs::path(GLASS_BINARY_DIR) / "kernels" / "CMakeFiles" / ("glass_cpu_" + isa + ".dir");
  if (!fs::exists(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".o") files.push_back(entry.path());
  return files;
}

std::vector<std::string> lines_of(const std::string& command) {
  std::vector<std::string> lines;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return lines;
  char line[65536];
  while (std::fgets(line, sizeof line, pipe)) lines.emplace_back(line);
  pclose(pipe);
  return lines;
}

TEST(Symbols, NoInstructionSetSharesAnInlineFunctionWithTheRest) {
  if (lines_of("nm --version 2>/dev/null").empty()) GTEST_SKIP() << "nm is not installed";
  for (const Candidate& c : candidates()) {
    if (!c.has_threads()) continue;
    const std::vector<fs::path> files = object_files(c.isa);
    EXPECT_GE(files.size(), 5u) << "no object files of " << c.isa << " below " << GLASS_BINARY_DIR;
    const std::string own = "glass::" + c.isa + "::";
    std::size_t defined = 0;
    for (const fs::path& file : files) {
      for (const std::string& line : lines_of("nm -C --defined-only '" + file.string() + "'")) {
        if (line.size() < 20) continue;
        ++defined;
        const bool shared_function = line[17] == 'W';
        EXPECT_FALSE(shared_function && line.find(own) == std::string::npos)
            << file.filename().string() << " of " << c.isa
            << " defines for everybody: " << line.substr(19);
      }
    }
    EXPECT_GT(defined, 20u) << c.isa;
  }
}

}  // namespace
}  // namespace glass::test
