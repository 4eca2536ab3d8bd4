// The one seam to threads: every chunk once, whatever the team.
#include "kernels/cpu/team.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif
#ifdef __unix__
#include <sys/wait.h>
#include <unistd.h>
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

// Jobs follow each other without a pause, so that threads come late into the next one: every chunk
// still sees the numbers of its own job, and runs once.
TEST(Team, LateThreadsNeverMixUpJobs) {
  struct Sum {
    std::int64_t job;
    std::vector<std::int64_t>* out;
    static void add(const void* context, std::int64_t chunk) {
      const Sum& sum = *static_cast<const Sum*>(context);
      (*sum.out)[static_cast<std::size_t>(chunk)] += sum.job;   // a race if two threads have it
    }
  };
  for (const int threads : {2, 5}) {
    std::vector<std::int64_t> out(17), expected(17);
    for (std::int64_t job = 1; job <= 3000; ++job) {
      const std::int64_t chunks = 1 + job % 17;
      const Sum sum = {job, &out};
      run_chunks(make_team(threads), chunks, Sum::add, &sum);
      for (std::int64_t i = 0; i < chunks; ++i) expected[static_cast<std::size_t>(i)] += job;
    }
    EXPECT_EQ(out, expected) << threads << " threads";
  }
}

// Two threads of the program may compute at the same time; neither waits for the other's job.
TEST(Team, SeveralCallersGetTheirOwnResults) {
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller)
    callers.emplace_back([] {
      for (int job = 0; job < 200; ++job) {
        Counts counts(20);
        Counts* context = &counts;
        run_chunks(make_team(3), 20, count, &context);
        for (const std::atomic<int>& n : counts) ASSERT_EQ(n, 1);
      }
    });
  for (std::thread& caller : callers) caller.join();
}

TEST(Team, WhatAChunkThrowsReachesTheCallerAfterAllOthersHaveRun) {
  struct Fails {
    static void chunk(const void* context, std::int64_t chunk) {
      count(context, chunk);
      if (chunk == 7) throw std::runtime_error("chunk 7");
    }
  };
  for (int job = 0; job < 20; ++job) {
    Counts counts(64);
    Counts* context = &counts;
    EXPECT_THROW(run_chunks(make_team(4), 64, Fails::chunk, &context), std::runtime_error);
    if (make_team(4).threads == 1) return;   // the loop of a single thread ends where it throws
    for (const std::atomic<int>& n : counts) ASSERT_EQ(n, 1);
  }
}

#if defined(__unix__) && !defined(__SANITIZE_THREAD__)
// A child of fork has one thread, whatever its parent had.
TEST(Team, AChildOfForkHasThreadsOfItsOwn) {
  if (std::getenv("GLASS_TEST_EMULATOR"))
    GTEST_SKIP() << "qemu ends a child of fork that makes threads";
  const auto all_ran = [] {
    Counts counts(50);
    Counts* context = &counts;
    run_chunks(make_team(3), 50, count, &context);
    return std::all_of(counts.begin(), counts.end(), [](const auto& n) { return n == 1; });
  };
  ASSERT_TRUE(all_ran());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(all_ran() && all_ran() ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
}
#endif

TEST(Team, HasTheThreadsThatWereAskedFor) {
  if (make_team(2).threads == 1) GTEST_SKIP() << "a build without threads";
  EXPECT_EQ(make_team(3).threads, 3);
  EXPECT_EQ(make_team(0).threads, usable_cores());
}

#ifdef __linux__
// Holds the calling thread to one processor of those it may use.
int hold_to(int which) {
  cpu_set_t allowed, one;
  EXPECT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || which-- > 0) continue;
    CPU_SET(cpu, &one);
    EXPECT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    return cpu;
  }
  return -1;
}

// A worker on its caller's processor would wait until the caller has used up its time. The two
// chunks wait for each other, so that a worker must come.
TEST(Team, WorkersKeepOffTheProcessorOfTheirCaller) {
  if (std::string(GLASS_THREADS) != "pool") GTEST_SKIP() << "GLASS_THREADS=" << GLASS_THREADS;
  if (usable_cores() < 2) GTEST_SKIP() << "one processor";
  struct Meeting {
    std::thread::id caller = std::this_thread::get_id();
    std::atomic<int> there{0};
    cpu_set_t allowed{};   // to the worker that came; nothing where none did
    static void meet(const void* context, std::int64_t) {
      Meeting& m = **static_cast<Meeting* const*>(context);
      if (std::this_thread::get_id() != m.caller)
        sched_getaffinity(0, sizeof m.allowed, &m.allowed);
      ++m.there;
      for (int i = 0; i < 2000 && m.there < 2; ++i)
        std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  };
  for (const int which : {0, 1, 0}) {
    std::thread([which] {
      const int caller = hold_to(which);
      int met = 0;
      for (int i = 0; i < 100 && met < 10; ++i) {
        Meeting meeting, *context = &meeting;
        run_chunks(make_team(2), 2, Meeting::meet, &context);
        met += CPU_COUNT(&meeting.allowed) > 0;
        EXPECT_FALSE(CPU_ISSET(caller, &meeting.allowed)) << "job " << i;
      }
      EXPECT_GT(met, 0) << "no worker ever came";
    }).join();
  }
}

// Two chunks that wait for each other, so that a worker must come; it stays for `pause`.
struct Visit {
  std::chrono::milliseconds pause{0};
  std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> there{0};
  std::atomic<bool> worker_came{false};
  static void chunk(const void* context, std::int64_t) {
    Visit& v = **static_cast<Visit* const*>(context);
    ++v.there;
    for (int i = 0; i < 400 && v.there < 2; ++i)
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    if (std::this_thread::get_id() == v.caller) return;
    v.worker_came = true;
    std::this_thread::sleep_for(v.pause);
  }
  bool comes() {
    Visit* context = this;
    run_chunks(make_team(2), 2, chunk, &context);
    return worker_came;
  }
};

// On a busy machine a worker may be late for other reasons, or not come at all: hence the attempts.
TEST(Team, WorksAloneForAWhileAfterAThreadWasLate) {
  if (std::string(GLASS_THREADS) != "pool") GTEST_SKIP() << "GLASS_THREADS=" << GLASS_THREADS;
  if (usable_cores() < 2) GTEST_SKIP() << "one processor";
  bool alone = false, shares_again = false;
  for (int attempt = 0; attempt < 50 && !alone; ++attempt) {
    Visit late, next;
    late.pause = std::chrono::milliseconds(100);
    alone = late.comes() && !next.comes();
  }
  EXPECT_TRUE(alone) << "a worker came at once after every time that one was 100 ms late";
  for (int attempt = 0; attempt < 200 && !shares_again; ++attempt) {
    Visit visit;
    shares_again = visit.comes();
  }
  EXPECT_TRUE(shares_again) << "no worker ever came again";
}

// A process that is held to one processor must not start two threads that share it.
TEST(Team, CountsOnlyTheProcessorsThisProcessMayUse) {
  int cores = 0;
  std::thread held([&] {   // the restriction is this thread's alone
    hold_to(0);
    cores = usable_cores();
  });
  held.join();
  EXPECT_EQ(cores, 1);
}
#endif

}   // namespace
}   // namespace glass::test
