// Two types of one name in one namespace are one type to the linker: it keeps one destructor for
// both, and whoever meets the other one's is lost. No compiler sees two files at once, so this test
// reads them all.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "tests/tools/process.h"

namespace glass::test {
namespace {

using Places = std::map<std::string, std::string>;   // "glass::Call" -> "tools/api/api.h:28"

// Types that a file defines outside of functions and unnamed namespaces; what `known` has already
// is a finding. Kernels are compiled once for each instruction set, in namespaces of their own.
std::vector<std::string> clashes(const std::string& file, std::istream& lines, Places& known) {
  static const std::regex kOpens(R"re(^(inline )?namespace\s*([\w:]*)\s*\{)re");
  static const std::regex kEnds(R"re(^\}\s*// namespace)re");
  static const std::regex kType(R"re(^(struct|class)\s+(\w+)(\s+final)?\s*(:(?!:).*)?\{)re");
  std::vector<std::string> open, found;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::smatch match;
    if (std::regex_search(line, match, kOpens)) open.push_back(match[2]);
    else if (std::regex_search(line, kEnds) && !open.empty()) open.pop_back();
    if (!std::regex_search(line, match, kType)) continue;
    std::string name;
    bool named = true;
    for (const std::string& space : open) {
      named = named && !space.empty() && space.find("GLASS_ISA") == std::string::npos;
      name += space + "::";
    }
    if (!named) continue;
    const std::string here = file + ":" + std::to_string(number);
    const auto [first, is_new] = known.emplace(name + match[2].str(), here);
    if (!is_new) found.push_back(here + ": " + first->first + " is defined in " + first->second);
  }
  return found;
}

TEST(OneName, IsOneTypeInTheWholeProgram) {
  Places known;
  for (const char* floor : {"kernels", "engine", "model", "interp", "tools"}) {
    const std::filesystem::path root = GLASS_SOURCE_DIR;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / floor)) {
      const std::string ending = entry.path().extension().string();
      if (!entry.is_regular_file() || (ending != ".h" && ending != ".cpp")) continue;
      const std::string stem = entry.path().stem().string();
      if (stem.ends_with("_cuda") || stem.ends_with("_metal")) continue;   // compilers of GPUs read these
      std::ifstream lines(entry.path());
      const std::string file = std::filesystem::relative(entry.path(), root).generic_string();
      for (const std::string& clash : clashes(file, lines, known)) ADD_FAILURE() << clash;
    }
  }
  EXPECT_GT(known.size(), 200u) << "the walk over the tree found nothing to read";
}

TEST(OneName, TheCheckerSeesATwinAndNothingElse) {
  Places known;
  const auto found = [&](const std::string& file, const std::string& text) {
    std::istringstream lines(text);
    return clashes(file, lines, known).size();
  };
  EXPECT_EQ(
      found("a.h", "namespace glass {\nstruct Place {\n};\nclass Other;\n}  // namespace glass\n"),
      0u);
  EXPECT_EQ(
      found("b.cpp", "namespace glass {\nnamespace {\nstruct Place {\n};\n}   // namespace\n}"),
      0u);
  EXPECT_EQ(
      found("c.h", "namespace glass {\nnamespace deep {\nstruct Place {\n};\n}  // namespace\n}"),
      0u);
  EXPECT_EQ(found("d.cpp", "namespace glass {\nstruct Place::Inner {\n};\nstruct Place;\n}"), 0u);
  EXPECT_EQ(found("e.h", "namespace glass {\nclass Place final : public Other {\n};\n}"), 1u);
}

}   // namespace
}   // namespace glass::test
