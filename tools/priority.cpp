#include "tools/priority.h"

#ifdef __linux__
#include <sys/resource.h>

#include <condition_variable>
#include <fstream>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#endif

namespace glass {

#ifdef __linux__
namespace {

constexpr int kNice = 10;                                  // a tenth of the share of a thread at 0
constexpr const char* kSession = "/proc/self/autogroup";   // "/autogroup-1640 nice 0"

}   // namespace

// To Linux a thread is what POSIX calls a process here: the others keep their priority.
void give_way() {
  if (::getpriority(PRIO_PROCESS, 0) < kNice) ::setpriority(PRIO_PROCESS, 0, kNice);
}

SessionGivesWay::SessionGivesWay() {
  std::string name, word;
  int nice = -1;
  if (!(std::ifstream(kSession) >> name >> word >> nice) || nice < 0 || nice >= kNice) return;
  if (std::ofstream(kSession) << kNice << std::flush) before_ = nice;
}

SessionGivesWay::~SessionGivesWay() {
  if (before_ >= 0) std::ofstream(kSession) << before_;
}

struct Errands::State {
  std::mutex one_at_a_time, mutex;
  std::condition_variable changed;
  std::packaged_task<void()> errand;   // that waits to be run
  bool over = false;
  std::thread thread;

  void run_errands() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return over || errand.valid(); });
      if (!errand.valid()) return;
      std::exchange(errand, {})();
    }
  }
};

Errands::Errands() : state_(std::make_unique<State>()) {
  state_->thread = std::thread([state = state_.get()] { state->run_errands(); });
}

Errands::~Errands() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->over = true;
  }
  state_->changed.notify_one();
  state_->thread.join();
}

void Errands::run(const std::function<void()>& errand) {
  const std::lock_guard turn(state_->one_at_a_time);
  std::packaged_task<void()> task(errand);
  std::future<void> done = task.get_future();
  {
    const std::lock_guard lock(state_->mutex);
    state_->errand = std::move(task);
  }
  state_->changed.notify_one();
  done.get();
}
#else
void give_way() {}
SessionGivesWay::SessionGivesWay() = default;
SessionGivesWay::~SessionGivesWay() = default;
struct Errands::State {};
Errands::Errands() = default;   // nobody gave way, so there is nobody to ask
Errands::~Errands() = default;
void Errands::run(const std::function<void()>& errand) { errand(); }
#endif

}   // namespace glass
