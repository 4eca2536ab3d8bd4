// The threads behind run_chunks, as OpenMP gives them: for a build that shares its threads with
// other OpenMP code. Every region ends with a barrier of the whole team, also of a thread that
// another process keeps from running; kernels/README.md says what that costs.
#include <omp.h>

#include <atomic>
#include <cstdlib>

#include "kernels/cpu/team_threads.h"

#if __has_include(<pthread.h>)
#include <pthread.h>
#endif

// A thread that waits awake takes its processor from whoever needs it. libgomp reads how long to
// from the environment only, in a constructor of its own; one with a number runs before it.
#if !defined(__clang__)
[[gnu::constructor(101)]] static void wait_briefly() {
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) setenv("GOMP_SPINCOUNT", "5000", 0);
}
#endif

namespace glass {
namespace {

// A child of fork has none of its parent's threads, and OpenMP would wait for them forever.
std::atomic<bool> orphaned{false};

bool alone() {
#if __has_include(<pthread.h>)
  [[maybe_unused]] static const int registered =
      pthread_atfork(nullptr, nullptr, [] { orphaned = true; });
#endif
  return orphaned.load(std::memory_order_relaxed);
}

}   // namespace

int most_threads() { return 1024; }

bool share_chunks(int threads, std::int64_t chunks, Chunk body, const void* context) {
  if (alone()) return false;
  std::atomic<std::int64_t> next{0};
#pragma omp parallel num_threads(threads)
  {
    for (std::int64_t chunk; (chunk = next.fetch_add(1, std::memory_order_relaxed)) < chunks;)
      body(context, chunk);
  }
  return true;
}

}   // namespace glass
