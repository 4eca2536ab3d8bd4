#include "kernels/cpu/team.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif
#ifdef _OPENMP
#include <omp.h>
#endif

// How long an idle thread waits awake. The next kernel follows within microseconds, so falling
// asleep at once would cost more than the kernel. But a thread that waits awake takes its processor
// away from whoever needs it, perhaps from the very thread it waits for: on a machine that is
// shared, the milliseconds that OpenMP waits by default cost a factor of ten and more. So: awake
// for some tens of microseconds, then asleep.
#if defined(_OPENMP) && defined(__GNUC__) && !defined(__clang__)
// libgomp takes this from the environment only, in a constructor of its own; one with a number runs
// before it.
[[gnu::constructor(101)]] static void wait_briefly() {
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) setenv("GOMP_SPINCOUNT", "5000", 0);
}
#elif defined(_OPENMP) && defined(__clang__)
extern "C" void kmp_set_blocktime(int milliseconds) __attribute__((weak));   // libomp's
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
#ifdef _OPENMP
#ifdef __clang__
  if (kmp_set_blocktime != nullptr) kmp_set_blocktime(1);
#endif
  return {threads > 0 ? threads : usable_cores()};
#else
  (void)threads;
  return {1};
#endif
}

void run_chunks(const Team& team, std::int64_t chunks, Chunk body, const void* context) {
#ifdef _OPENMP
  if (chunks > 1 && team.threads > 1 && !omp_in_parallel()) {
    // Always the whole team, even for two chunks: libgomp ends the threads that a smaller region
    // leaves over.
#pragma omp parallel for schedule(static) num_threads(team.threads)
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) body(context, chunk);
    return;
  }
#endif
  (void)team;
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) body(context, chunk);
}

}   // namespace glass
