// The house has floors, kernels <- engine <- model <- interp <- tools, and an #include never
// climbs. Every include of every source file is read; the checker itself is tested on files that
// break the rule.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "tests/tools/process.h"

namespace glass::test {
namespace {

const std::vector<std::string> kFloors = {"kernels", "engine", "model", "interp", "tools"};

// -1 for what is not part of the house: a system header, generated data.
int floor_of(const std::string& path) {
  const std::string folder = path.substr(0, path.find('/'));
  for (std::size_t i = 0; i < kFloors.size(); ++i)
    if (kFloors[i] == folder) return static_cast<int>(i);
  return -1;
}

// What is wrong with the includes of one file, one line a finding.
std::vector<std::string> findings(const std::string& file, const std::string& text,
                                  const std::filesystem::path& root) {
  static const std::regex kInclude(R"re(^\s*#\s*include\s*"([^"]+)")re");
  std::vector<std::string> out;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::smatch match;
    if (!std::regex_search(line, match, kInclude)) continue;
    const std::string included = match[1];
    const std::string here = file + ":" + std::to_string(number) + ": \"" + included + "\" ";
    const int target = floor_of(included);
    const bool generated =
        included.size() > 4 && included.compare(included.size() - 4, 4, ".inc") == 0;
    if (included.compare(0, 6, "tests/") == 0)
      out.push_back(here + "is a test; the house does not know its tests");
    else if (target < 0 && !generated)
      out.push_back(here + "does not start with a folder of the house");
    else if (target > floor_of(file))
      out.push_back(here + "lies above " + kFloors[static_cast<std::size_t>(floor_of(file))]);
    else if (!generated && !std::filesystem::exists(root / included))
      out.push_back(here + "does not exist");
  }
  return out;
}

bool is_source(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".h" || extension == ".cpp" || extension == ".cu" || extension == ".inl" ||
         extension == ".metal";
}

std::vector<std::string> findings_in(const std::filesystem::path& root, int& files) {
  std::vector<std::string> all;
  for (const std::string& floor : kFloors) {
    if (!std::filesystem::exists(root / floor)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / floor)) {
      if (!entry.is_regular_file() || !is_source(entry.path())) continue;
      ++files;
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      const std::string file = std::filesystem::relative(entry.path(), root).generic_string();
      for (const std::string& finding : findings(file, text.str(), root)) all.push_back(finding);
    }
  }
  return all;
}

TEST(Layers, NoIncludeClimbs) {
  int files = 0;
  const std::vector<std::string> found = findings_in(GLASS_SOURCE_DIR, files);
  EXPECT_GT(files, 50) << "the walk over the tree found nothing to read";
  for (const std::string& finding : found) ADD_FAILURE() << finding;
}

TEST(Layers, TheCheckerSeesEveryKindOfBreach) {
  const Scratch folder;
  const std::filesystem::path root = (folder / "house");
  for (const std::string& floor : kFloors)
    std::filesystem::create_directories(root / floor / "deep");
  const auto write = [&](const std::string& path, const std::string& text) {
    std::ofstream(root / path) << text;
  };
  for (const std::string& floor : kFloors) write(floor + "/a.h", "#pragma once\n");
  write("kernels/up.cpp", "#include \"kernels/a.h\"\n  #  include \"engine/a.h\"\n");
  write("engine/deep/up.h",
        "#include <vector>\n#include \"model/a.h\"\n#include \"kernels/a.h\"\n");
  write("model/tests.cpp", "#include \"tests/a.h\"\n");
  write("interp/stray.cpp", "#include \"a.h\"\n");
  write("tools/gone.cpp",
        "#include \"engine/gone.h\"\n#include \"data/names.txt.inc\"\n#include \"interp/a.h\"\n");
  int files = 0;
  std::vector<std::string> found = findings_in(root, files);
  std::sort(found.begin(), found.end());
  const std::vector<std::string> expected = {
      "engine/deep/up.h:2: \"model/a.h\" lies above engine",
      "interp/stray.cpp:1: \"a.h\" does not start with a folder of the house",
      "kernels/up.cpp:2: \"engine/a.h\" lies above kernels",
      "model/tests.cpp:1: \"tests/a.h\" is a test; the house does not know its tests",
      "tools/gone.cpp:1: \"engine/gone.h\" does not exist",
  };
  EXPECT_EQ(found, expected);
  EXPECT_EQ(files, 10);
}

}   // namespace
}   // namespace glass::test
