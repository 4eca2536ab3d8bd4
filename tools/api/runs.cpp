#include "tools/api/runs.h"

#include <algorithm>
#include <filesystem>

#include "engine/base/error.h"
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

}   // namespace

std::vector<std::int64_t> steps_of(const RunPlace& run) {
  try {
    return saved_steps(run.path);
  } catch (const SystemError&) { return {}; }
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
