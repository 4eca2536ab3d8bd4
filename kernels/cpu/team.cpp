#include <algorithm>
#include <atomic>
#include <exception>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "kernels/cpu/team_threads.h"

#ifdef __linux__
#include <sched.h>
#endif

namespace glass {
namespace {

#ifdef __linux__
// The name of the core that processor `cpu` belongs to: processors that share a core share it.
std::string core_of(int cpu) {
  std::string siblings;
  std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                     "/topology/thread_siblings_list");
  std::getline(file, siblings);
  return siblings.empty() ? std::to_string(cpu) : siblings;
}

int allowed_cores() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 0;
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cores.insert(core_of(cpu));
  }
  return static_cast<int>(cores.size());
}

// A container may be allowed fewer processors' worth of time than it sees: cpu.max holds "quota
// period" or "max period".
int quota_cores() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0, period = 0;
  if (!(file >> quota >> period) || period <= 0) return 0;
  return std::max(1, static_cast<int>(quota / period + 0.5));
}
#else
int allowed_cores() { return 0; }
int quota_cores() { return 0; }
#endif

}   // namespace

int usable_cores() {
  int cores = allowed_cores();
  if (cores == 0) cores = static_cast<int>(std::thread::hardware_concurrency());
  if (const int quota = quota_cores(); quota > 0) cores = std::min(cores, quota);
  return std::max(1, cores);
}

Team make_team(int threads) {
  return {std::min(threads > 0 ? threads : usable_cores(), most_threads())};
}

namespace {

std::atomic<std::int64_t> offered{0};

// True while this thread runs a chunk: what the chunk calls stays here, for the others are busy.
thread_local bool inside = false;

// A job as the threads see it: chunks that neither share out work of their own nor throw.
struct Job {
  Chunk body;
  const void* context;
  std::exception_ptr failure;
  std::atomic<bool> failed{false};

  static void run(const void* job, std::int64_t chunk) {
    Job& self = *static_cast<Job*>(const_cast<void*>(job));
    inside = true;
    try {
      self.body(self.context, chunk);
    } catch (...) {
      if (!self.failed.exchange(true)) self.failure = std::current_exception();
    }
    inside = false;
  }
};

}   // namespace

void run_chunks(const Team& team, std::int64_t chunks, Chunk body, const void* context) {
  if (chunks > 1 && team.threads > 1 && !inside) {
    Job job{body, context, nullptr};
    offered.fetch_add(1, std::memory_order_relaxed);
    if (!share_chunks(team.threads, chunks, Job::run, &job)) {
      for (std::int64_t chunk = 0; chunk < chunks; ++chunk) Job::run(&job, chunk);
    }
    if (job.failed) std::rethrow_exception(job.failure);
    return;
  }
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) body(context, chunk);
}

std::int64_t offered_jobs() { return offered.load(std::memory_order_relaxed); }

}   // namespace glass
