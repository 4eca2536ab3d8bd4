#include "tools/api/training.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "engine/base/error.h"
#include "engine/base/file_ops.h"
#include "engine/base/text.h"
#include "tools/api/api.h"

namespace glass {
namespace {

constexpr int kMostAtOnce = 4;
constexpr const char* kLogName = "train.log";

// Ours from the moment it exists, so that two who ask at once get two folders. The empty lock says
// that whatever else is in it comes from a trainer (train_start.cpp).
bool claim(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0) {
    if (errno == EEXIST) return false;
    fail(SystemError("cannot make the folder " + in_quotes(path) + ": " + reason_of(errno) + "."));
  }
  const Descriptor lock(system_files(),
                        ::open((path + "/.lock").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  return true;
}

}   // namespace

const char* name_of(Training::State state) {
  constexpr const char* kNames[] = {"idle", "starting", "running", "paused"};
  return kNames[static_cast<int>(state)];
}

std::string Training::begin(const std::string& name, const std::vector<std::string>& words) {
  if (folder_.empty())
    throw ApiError(409, "no_folder", "there is no folder for runs", "start the server with one");
  const std::lock_guard lock(guard_);
  refuse_too_many();
  std::error_code ignored;
  std::filesystem::create_directories(folder_, ignored);
  std::string chosen = name;
  for (int i = 2; !claim(folder_ + "/" + chosen); ++i) chosen = name + "-" + std::to_string(i);
  const std::string path = folder_ + "/" + chosen;
  std::vector<std::string> all = words;
  all.push_back("--out=" + path);
  start(path, std::move(all));
  return chosen;
}

void Training::resume(const RunPlace& run) {
  const std::lock_guard lock(guard_);
  refuse_too_many();
  const auto child = children_.find(run.path);
  if (child != children_.end() && !child->second.ended)
    throw ApiError(409, "running", "somebody trains there already", "GET /api/train shows it");
  start(run.path, {"--resume=" + run.path});
}

void Training::refuse_too_many() {
  int running = 0;
  for (auto& [path, child] : children_) {
    child.ended = child.ended || has_ended(child.process, child.code);
    running += child.ended ? 0 : 1;
  }
  if (running >= kMostAtOnce)
    throw ApiError(409, "busy", std::to_string(running) + " trainings run already",
                   "stop one of them, or wait");
}

void Training::start(const std::string& path, std::vector<std::string> words) {
  words.insert(words.begin(), {"glass", "train"});
  int process = 0;
  errands_.run([&] { process = start_process(program_, words, path + "/" + kLogName); });
  children_[path] = {process, 0, false};
}

Training::Now Training::now(const RunPlace& run) {
  Now now;
  now.trainer = trainer_in(run.path);
  if (now.trainer) now.state = now.trainer.paused ? State::paused : State::running;
  const std::lock_guard lock(guard_);
  const auto found = children_.find(run.path);
  if (found == children_.end()) return now;
  Child& child = found->second;
  child.ended = child.ended || has_ended(child.process, child.code);
  now.mine = true;
  if (now.trainer) return now;
  now.ended = child.ended, now.code = child.code;
  if (!child.ended) now.state = State::starting, now.trainer = known_process(child.process);
  return now;
}

}   // namespace glass
