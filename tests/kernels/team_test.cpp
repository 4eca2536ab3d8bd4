// The one seam to threads: every chunk once, whatever the team.
#include "kernels/cpu/team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

namespace glass::test {
namespace {

using Counts = std::vector<std::atomic<int>>;

// A chunk that counts how often it ran.
void count(const void* context, std::int64_t chunk) {
  Counts& counts = **static_cast<Counts* const*>(context);
  ++counts[static_cast<std::size_t>(chunk)];
}

TEST(Team, RunsEveryChunkOnceForAnyNumberOfThreads) {
  for (const int threads : {1, 2, 3, 8}) {
    for (const std::size_t chunks : {0, 1, 2, 3, 7, 100, 1001}) {
      Counts counts(chunks);
      Counts* context = &counts;
      run_chunks(make_team(threads), static_cast<std::int64_t>(chunks), count, &context);
      for (std::size_t i = 0; i < chunks; ++i)
        ASSERT_EQ(counts[i], 1) << "chunk " << i << " of " << chunks << ", " << threads
                                << " threads";
    }
  }
}

// What a chunk calls must not wait for the threads that are busy with its neighbours.
TEST(Team, InsideOfAChunkWorkStaysOnItsThread) {
  struct Inner {
    static void same_thread(const void* outer, std::int64_t) {
      EXPECT_EQ(*static_cast<const std::thread::id*>(outer), std::this_thread::get_id());
    }
    static void outer(const void* team, std::int64_t) {
      const std::thread::id id = std::this_thread::get_id();
      run_chunks(*static_cast<const Team*>(team), 16, same_thread, &id);
    }
  };
  const Team team = make_team(4);
  run_chunks(team, 8, Inner::outer, &team);
}

#ifdef _OPENMP
TEST(Team, HasTheThreadsThatWereAskedFor) {
  EXPECT_EQ(make_team(3).threads, 3);
  EXPECT_EQ(make_team(0).threads, usable_cores());
}
#else
TEST(Team, IsOneThreadWithoutOpenMP) { EXPECT_EQ(make_team(3).threads, 1); }
#endif

#ifdef __linux__
// A process that is held to one processor must not start two threads that share it.
TEST(Team, CountsOnlyTheProcessorsThisProcessMayUse) {
  int cores = 0;
  std::thread held([&] {   // the restriction is this thread's alone
    cpu_set_t allowed, one;
    ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu)
      if (CPU_ISSET(cpu, &allowed)) CPU_SET(cpu, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    cores = usable_cores();
  });
  held.join();
  EXPECT_EQ(cores, 1);
}
#endif

}   // namespace
}   // namespace glass::test
