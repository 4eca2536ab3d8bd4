#include "tools/priority.h"

#include <utility>

#ifdef __linux__
#include <sys/resource.h>

#include <fstream>
#include <string>
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
#else
void give_way() {}
SessionGivesWay::SessionGivesWay() = default;
SessionGivesWay::~SessionGivesWay() = default;
#endif

Errands::Errands() : thread_([this] { wait_for_errands(); }) {}

Errands::~Errands() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Errands::run(const std::function<void()>& errand) {
  const std::lock_guard turn(one_at_a_time_);
  std::packaged_task<void()> task(errand);
  std::future<void> done = task.get_future();
  {
    const std::lock_guard lock(mutex_);
    errand_ = std::move(task);
  }
  changed_.notify_one();
  done.get();
}

void Errands::wait_for_errands() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return over_ || errand_.valid(); });
    if (!errand_.valid()) return;
    std::exchange(errand_, {})();
  }
}

}   // namespace glass
