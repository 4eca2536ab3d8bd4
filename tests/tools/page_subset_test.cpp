// What a page without a server is made of must compile where less of C++ and of the system is there
// than here: Emscripten's library has no std::source_location and no coroutines, writes no floating
// number with to_chars, and a browser has no sockets, processes or threads. Emscripten is on few
// machines; this reads the files instead, all that the page's parts (tools/wasm/parts.cmake) and
// the floors below include. That they link without the rest of tools/ shows page_here
// (tests/web/here).
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/tools/process.h"

namespace glass::test {
namespace {

namespace fs = std::filesystem;

struct Rule {
  const char* part;   // of every line that breaks it: looking for that first is quicker
  std::regex line;
  std::string why;
};

// clang-format off
const char* const kNoHeaders =
    R"re(#\s*include\s*<(source_location|coroutine|stop_token|syncstream|ranges|format|print|expected|)re"
    R"re(execution|memory_resource|stacktrace|generator|mdspan|flat_map)>)re";
const char* const kNoSystem =
    R"re(#\s*include\s*<(spawn\.h|poll\.h|sys/(socket|wait|epoll|un|ptrace|prctl)\.h|netinet/\w+\.h|)re"
    R"re(arpa/\w+\.h|netdb\.h|dlfcn\.h|pthread\.h|sched\.h|immintrin\.h|x86intrin\.h|cpuid\.h|arm_neon\.h|omp\.h)>)re";
const char* const kNoNames = R"re(\bstd::(ranges|views|jthread|stop_token|osyncstream|source_location)\b)re";
const char* const kNoCalls =
    R"re(\b(fork|execv\w*|execl\w*|posix_spawn\w*|popen|system|waitpid|pthread_\w+|sched_\w+|dlopen)\s*\()re";
const char* const kNoNumbers = R"re(\bstd::(to_chars|from_chars)\s*\()re";
const char* const kNoThreads = R"re(\bstd::(thread|async)\b)re";

const std::string kText = "numbers are read and written by engine/base/text.h, which knows libraries that cannot";
const std::string kThreads = "a page has one thread";

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all = {
      {"include", std::regex(kNoHeaders), "this header is not in Emscripten's library"},
      {"include", std::regex(kNoSystem), "a page has no processes, sockets, libraries or instructions of a machine"},
      {"std::", std::regex(kNoNames), "this is not in Emscripten's library"},
      {"(", std::regex(kNoCalls), "a page starts nothing"},
      {"_chars", std::regex(kNoNumbers), kText},
      {"std::", std::regex(kNoThreads), kThreads},
  };
  return all;
}

// Who may do what, and why it is right.
const std::pair<const char*, std::string> kExceptions[] = {
    {"engine/base/text.cpp", kText},             // asks __cpp_lib_to_chars first
    {"model/pass.cpp", kText},                   // an integer
    {"kernels/cpu/team.cpp", kThreads},          // asks how many there are
    {"kernels/cpu/placement.h", kThreads},       // of a team of threads, which a page has not
    {"kernels/cpu/placement.cpp", kThreads},
};
// clang-format on

bool is_exception(const std::string& file, const std::string& why) {
  return std::any_of(std::begin(kExceptions), std::end(kExceptions),
                     [&](const auto& row) { return row.first == file && row.second == why; });
}

// Which lines the compiler of a page sees: not those for a system or a processor that it has not.
class Conditions {
 public:
  bool sees(const std::string& line) {
    static const std::regex kIf(R"re(^\s*#\s*if)re"), kElse(R"re(^\s*#\s*el)re"),
        kEnd(R"re(^\s*#\s*endif)re"),
        kElsewhere(
            R"re(^[^!]*(__linux__|__APPLE__|__x86_64__|__aarch64__|GLASS_\w+_(avx|neon)))re");
    if (line.find('#') == std::string::npos) return seen();
    if (std::regex_search(line, kIf)) hidden_.push_back(std::regex_search(line, kElsewhere));
    else if (std::regex_search(line, kElse) && !hidden_.empty()) hidden_.back() = false;
    else if (std::regex_search(line, kEnd) && !hidden_.empty()) hidden_.pop_back();
    return seen();
  }

 private:
  bool seen() const { return std::find(hidden_.begin(), hidden_.end(), true) == hidden_.end(); }

  std::vector<bool> hidden_;   // by the depth of #if
};

// What is wrong in one file, a line each. Comments say nothing to a compiler.
std::vector<std::string> findings(const std::string& file, const std::string& text) {
  std::vector<std::string> out;
  Conditions conditions;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (!conditions.sees(line)) continue;
    line = line.substr(0, line.find("//"));
    for (const Rule& rule : rules()) {
      std::smatch match;
      if (line.find(rule.part) == std::string::npos) continue;
      if (!std::regex_search(line, match, rule.line) || is_exception(file, rule.why)) continue;
      out.push_back(file + ":" + std::to_string(number) + ": " + match.str() + ": " + rule.why);
    }
  }
  return out;
}

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The files that Emscripten compiles, and the headers of the house that they include.
std::set<std::string> closure(std::vector<std::string> open) {
  static const std::string kInclude = "#include \"";
  std::set<std::string> seen;
  while (!open.empty()) {
    const std::string file = open.back();
    open.pop_back();
    if (!fs::exists(fs::path(GLASS_SOURCE_DIR) / file) || !seen.insert(file).second) continue;
    std::ifstream lines(fs::path(GLASS_SOURCE_DIR) / file);
    for (std::string line; std::getline(lines, line);)
      if (line.rfind(kInclude, 0) == 0)
        open.push_back(line.substr(kInclude.size(), line.rfind('"') - kInclude.size()));
  }
  return seen;
}

std::vector<std::string> compiled() {
  std::vector<std::string> files = {"tools/wasm/glass_wasm.cpp", "tools/wasm/not_in_a_page.cpp"};
  std::istringstream parts(GLASS_PAGE_PARTS);   // from CMake, one behind the other
  for (std::string part; std::getline(parts, part, ' ');) files.push_back("tools/" + part);
  // Of the kernels, those of one thread (GLASS_THREADS=none), and none of GPUs.
  static const std::regex kOther("team_pool|team_openmp|kernels/(gpu|emulator|cuda|metal)/");
  for (const char* floor : {"kernels", "engine", "model", "interp"})
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(GLASS_SOURCE_DIR) / floor)) {
      const std::string file = fs::relative(entry.path(), GLASS_SOURCE_DIR).generic_string();
      if (entry.path().extension() == ".cpp" && !std::regex_search(file, kOther))
        files.push_back(file);
    }
  return files;
}

TEST(PageSubset, UsesOnlyWhatABrowserHas) {
  static const std::regex kOther("simd_(avx|neon)|team_threads");
  const std::set<std::string> files = closure(compiled());
  EXPECT_GT(files.size(), 300u) << "the walk over the page's parts found nothing to read";
  EXPECT_EQ(files.count("tools/api/endpoints.cpp"), 1u);
  EXPECT_EQ(files.count("tools/api/trainer_process.cpp"), 0u) << "it starts processes";
  for (const std::string& file : files) {
    if (std::regex_search(file, kOther)) continue;
    for (const std::string& found : findings(file, text_of(fs::path(GLASS_SOURCE_DIR) / file)))
      ADD_FAILURE() << found;
  }
}

TEST(PageSubset, SeesWhatABrowserHasNot) {
  const std::pair<const char*, const char*> planted[] = {
      {"#include <source_location>", "header"},
      {"#  include <coroutine>   // why", "header"},
      {"#include <sys/socket.h>", "sockets"},
      {"  std::ranges::sort(all);", "library"},
      {"  const int child = fork();", "starts nothing"},
      {"  std::to_chars(begin, end, 0.5);", "text.h"},
      {"  std::thread other(run);", "one thread"},
  };
  for (const auto& [line, why] : planted) {
    const auto found = findings("tools/api/api.cpp", std::string("int x;\n") + line + "\n");
    ASSERT_EQ(found.size(), 1u) << line;
    EXPECT_NE(found[0].find(why), std::string::npos) << found[0];
    EXPECT_NE(found[0].find("api.cpp:2"), std::string::npos) << found[0];
  }
  EXPECT_TRUE(findings("tools/api/api.cpp", "// std::thread, as in <thread>\n").empty());
  EXPECT_TRUE(findings("a.cpp", "#ifdef __linux__\n#include <spawn.h>\n#endif\n").empty());
  EXPECT_EQ(findings("a.cpp", "#ifdef __linux__\n#else\n#include <spawn.h>\n#endif\n").size(), 1u);
  EXPECT_EQ(findings("a.cpp", "#ifdef __linux__\n#endif\n#include <spawn.h>\n").size(), 1u);
}

// A row of kExceptions that nobody needs any more is none.
TEST(PageSubset, HasNoExceptionForNobody) {
  for (const auto& [file, why] : kExceptions) {
    const std::string text = text_of(fs::path(GLASS_SOURCE_DIR) / file);
    EXPECT_FALSE(findings("somebody/else.cpp", text).empty()) << file << " needs no exception";
  }
}

}   // namespace
}   // namespace glass::test
