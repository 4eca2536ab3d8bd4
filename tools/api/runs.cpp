#include "tools/api/runs.h"

#include <algorithm>
#include <filesystem>

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/text.h"
#include "model/run_folder.h"
#include "tools/api/api.h"

namespace glass {
namespace {

namespace fs = std::filesystem;

// A run has a lock from its first moment on; one that was copied from elsewhere has checkpoints.
bool is_run(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / ".lock", ignored) || fs::exists(folder / "metrics.jsonl", ignored) ||
         is_run_folder(folder.string());
}

constexpr std::int64_t kLongestFile = 1 << 20;

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(' '), last = text.find_last_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

}   // namespace

std::vector<std::int64_t> steps_of(const RunPlace& run) {
  try {
    return saved_steps(run.path);
  } catch (const SystemError&) { return {}; }
}

std::string text_in(const RunPlace& run, const char* name) {
  std::error_code ignored;
  const std::string path = run.path + "/" + name;
  if (!fs::is_regular_file(path, ignored)) return "";
  try {
    return read_text_file(path, name, kLongestFile);
  } catch (const Error&) { return ""; }
}

std::vector<std::pair<std::string, std::string>> settings_of(const RunPlace& run) {
  std::vector<std::pair<std::string, std::string>> settings;
  for (const std::string& line : split(text_in(run, "config.toml"), '\n')) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos || line.front() == '#') continue;
    settings.emplace_back(trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1)));
  }
  return settings;
}

std::string size_of(const RunPlace& run) {
  std::map<std::string, std::int64_t> numbers;
  bool bigram = false;
  for (const auto& [name, value] : settings_of(run)) {
    std::int64_t number = 0;
    if (parse_integer(value, number) == NumberFault::none) numbers[name] = number;
    bigram = bigram || (name == "arch" && value == "\"bigram\"");
  }
  if (bigram) return "a table of pairs";
  const auto counted = [&](const char* name, const char* what) {
    const std::int64_t n = numbers[name];
    return with_commas(n) + " " + what + (n == 1 ? "" : "s");
  };
  if (numbers["n_layer"] < 1 || numbers["n_head"] < 1 || numbers["n_embd"] < 1) return "";
  return counted("n_layer", "layer") + " of " + counted("n_head", "head") + ", " +
         counted("n_embd", "channel");
}

int SmallNumbers::of(const std::string& name) {
  const std::lock_guard lock(guard_);
  return numbers_.emplace(name, static_cast<int>(numbers_.size())).first->second;
}

std::vector<RunPlace> Runs::list() {
  std::vector<RunPlace> runs;
  if (folder_.empty()) return runs;
  std::error_code fault;
  for (fs::directory_iterator it(folder_, fault), end; !fault && it != end; it.increment(fault)) {
    std::error_code ignored;
    const std::string name = it->path().filename().string();
    if (name.front() != '.' && it->is_directory(ignored) && is_run(it->path()))
      runs.push_back({-1, name, it->path().string()});
  }
  std::sort(runs.begin(), runs.end(),
            [](const RunPlace& a, const RunPlace& b) { return a.name < b.name; });
  for (RunPlace& run : runs) run.id = numbers_.of(run.name);
  return runs;
}

RunPlace Runs::at(std::int64_t id) {
  for (const RunPlace& run : list())
    if (run.id == id) return run;
  throw ApiError(404, "not_found", "there is no run " + std::to_string(id),
                 "GET /api/runs lists them");
}

RunLog& Runs::log(const RunPlace& run) {
  const std::lock_guard lock(guard_);
  std::unique_ptr<RunLog>& log = logs_[run.path];
  if (!log) log = std::make_unique<RunLog>(run.path);
  return *log;
}

}   // namespace glass
