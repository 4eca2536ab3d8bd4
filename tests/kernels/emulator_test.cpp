// The emulator of GPUs: threads really wait for each other, mistakes that only a GPU program can
// make are named with file and line, and no kernel of the house depends on the order in which
// threads get their turns.
#define GLASS_EMULATED 1
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "kernels/emulator/emulator_device.h"
#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/language/gpu.h"
#include "kernels/gpu/operands.h"
#include "kernels/poison.h"
#include "tests/kernels/harness.h"
#include "tests/kernels/tables.h"

namespace glass {
namespace gpu {
namespace {

struct TestArgs {
  GLOBAL float* out;
  uint threads;   // those below this number do what the kernel is about
};

// Neighbours exchange their numbers through the group's memory.
KERNEL(test_neighbours, TestArgs, 64) {
  Thread t = this_thread();
  SHARED_ARRAY(float, numbers, [64]);
  numbers[t.id] = float(t.id);
  barrier(t);
  p.out[t.group.x * 64 + t.id] = numbers[(t.id + 1) % 64];
}
// The same without the barrier.
KERNEL(test_no_barrier, TestArgs, 64) {
  Thread t = this_thread();
  SHARED_ARRAY(float, numbers, [64]);
  numbers[t.id] = float(t.id);
  p.out[t.id] = numbers[(t.id + 1) % 64];
}
KERNEL(test_some_wait, TestArgs, 64) {
  Thread t = this_thread();
  if (t.id < p.threads) barrier(t);
}
KERNEL(test_two_barriers, TestArgs, 64) {
  Thread t = this_thread();
  if (t.id < p.threads) barrier(t);
  else barrier(t);
}
KERNEL(test_some_add, TestArgs, 64) {
  Thread t = this_thread();
  if (t.lane < p.threads) p.out[t.id] = warp_sum(t, 1.0f);
}
KERNEL(test_warp_sum, TestArgs, 64) {
  Thread t = this_thread();
  p.out[t.id] = warp_sum(t, float(t.id)) + warp_max(t, float(t.lane)) * 1000 +
                shuffle_xor(t, float(t.lane), 1) * 1e6f;
}
KERNEL(test_ballot, TestArgs, 64) {
  Thread t = this_thread();
  p.out[t.id] = float(warp_ballot(t, t.lane % 4 == t.warp));
}
KERNEL(test_too_much_memory, TestArgs, 64) {
  Thread t = this_thread();
  SHARED_ARRAY(float, numbers, [9000]);
  numbers[t.id] = 0;
}
KERNEL(test_reads_first, TestArgs, 64) {
  Thread t = this_thread();
  SHARED_ARRAY(float, numbers, [64]);
  p.out[t.id] = numbers[t.id];
}
KERNEL(test_writes, TestArgs, 64) {
  Thread t = this_thread();
  if (t.id < p.threads) p.out[t.id] = 0;
}

// Groups 5 and up go wrong, each in its own way.
KERNEL(test_some_groups_fail, TestArgs, 64) {
  Thread t = this_thread();
  if (t.group.x < 5) p.out[t.group.x] = 1;
  if (t.group.x >= 5 && t.id <= t.group.x) barrier(t);
}

std::vector<float> run(const char* kernel, uint threads = 64, emulator::Options options = {}) {
  std::vector<float> out(192, -1);
  const TestArgs args = {out.data(), threads};
  emulator::run(*find_kernel(kernel), &args, {3}, options);
  return out;
}

std::string mistake_of(const char* kernel, uint threads = 64) {
  try {
    run(kernel, threads);
  } catch (const std::logic_error& error) { return error.what(); }
  return "";
}

TEST(Emulator, ABarrierLetsNobodyGoOnBeforeAllAreThere) {
  for (const emulator::Order order :
       {emulator::Order::forward, emulator::Order::reverse, emulator::Order::shuffle}) {
    const std::vector<float> out = run("test_neighbours", 64, {order});
    for (uint i = 0; i < 192; ++i) EXPECT_EQ(out[i], static_cast<float>((i + 1) % 64)) << i;
  }
}

TEST(Emulator, AMissingBarrierShowsAsANumberThatNobodyWrote) {
  EXPECT_TRUE(std::isnan(run("test_no_barrier")[0]));
  EXPECT_TRUE(std::isnan(run("test_reads_first")[5]));
}

TEST(Emulator, TheLanesOfAWarpExchangeValues) {
  const std::vector<float> out = run("test_warp_sum");
  EXPECT_EQ(out[0], 496.0f + 31000.0f + 1e6f);       // 0 + ... + 31
  EXPECT_EQ(out[33], 1520.0f + 31000.0f + 0.0f);     // 32 + ... + 63; lane 1 gets lane 0's
  EXPECT_EQ(run("test_ballot")[0], 286331153.0f);    // 0x11111111
  EXPECT_EQ(run("test_ballot")[40], 572662306.0f);   // 0x22222222
}

// What kernels use in place of a division (language/array.h), at both ends of every quotient.
TEST(Operands, AWalkDividesWithoutADivision) {
  for (const uint d : {1u, 2u, 3u, 5u, 7u, 10u, 64u, 768u, 50257u, 65535u, 65536u, 65537u,
                       0x7fffffffu, 0x80000000u, 0x80000001u, 0xfffffffeu, 0xffffffffu}) {
    Walk w = {};
    w.rank = 2, w.size[1] = d;
    prepare_divisions(w);
    for (std::uint64_t q = 0; q * d <= 0xffffffffu; q = q < 50 ? q + 1 : q * 3 / 2) {
      for (const std::uint64_t i : {q * d, std::min<std::uint64_t>(q * d + d - 1, 0xffffffffu)}) {
        ASSERT_EQ(divided(w, 1, static_cast<uint>(i)), i / d) << i << " / " << d;
      }
    }
    ASSERT_EQ(divided(w, 1, 0xffffffffu), 0xffffffffu / d) << d;
  }
}

TEST(Emulator, SaysWhereThreadsWaitForSomebodyWhoDoesNotCome) {
  using testing::HasSubstr;
  EXPECT_THAT(
      mistake_of("test_some_wait", 10),
      testing::AllOf(
          HasSubstr("kernel test_some_wait: thread 0 waits at the barrier at emulator_test.cpp:"),
          HasSubstr("but 54 threads have returned")));
  EXPECT_THAT(mistake_of("test_two_barriers", 10),
              HasSubstr("threads 0 and 10 wait at different barriers, emulator_test.cpp:"));
  EXPECT_THAT(
      mistake_of("test_some_add", 31),
      HasSubstr("lane 31 has returned while lane 0 of its warp waits at emulator_test.cpp:"));
  EXPECT_THAT(mistake_of("test_too_much_memory"),
              HasSubstr("the group's memory is full at numbers"));
  EXPECT_EQ(mistake_of("test_some_wait", 64), "");
  EXPECT_EQ(mistake_of("test_some_wait", 0), "");
  EXPECT_EQ(run("test_neighbours")[0], 1.0f);   // a mistake leaves nothing behind
}

// Whoever is done first: it is told what would be told if the groups ran one after the other.
TEST(Emulator, SeveralThreadsTellTheMistakeOfTheFirstGroup) {
  emulator::EmulatorDevice device({}, {3});
  for (int i = 0; i < 20; ++i) {
    std::vector<float> out(5);
    const TestArgs args = {out.data(), 64};
    try {
      device.launch(*find_kernel("test_some_groups_fail"), &args, {40});
      FAIL() << "nothing was told";
    } catch (const std::logic_error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("but 58 threads have returned"));
    }
    EXPECT_EQ(out, std::vector<float>(5, 1));
  }
}

// A slab has room for 100 numbers behind the block of 50, and then for another block.
TEST(Emulator, NamesTheKernelThatWritesBeyondWhatWasLent) {
  emulator::EmulatorDevice device;
  DeviceMemory memory(device);
  std::byte *const first = memory.allocate(200), *const second = memory.allocate(200);
  const auto write = [&](uint numbers) {
    const TestArgs args = {reinterpret_cast<float*>(first), numbers};
    device.launch(*find_kernel("test_writes"), &args, {1});
  };
  write(50);
  if (kPoisons) {
    EXPECT_DEATH(write(51), "use-after-poison");
  } else {
    for (int i = 0; i < 2; ++i) try {   // and so it does the next time
        write(51);
        ADD_FAILURE() << "nothing was told";
      } catch (const std::logic_error& error) {
        EXPECT_STREQ(error.what(),
                     "kernel test_writes: wrote beyond the end of a block of 200 bytes of the "
                     "device's memory");
      }
  }
  memory.release(first, 200);
  std::byte* const larger = memory.allocate(204);   // where the first one was
  EXPECT_EQ(larger, first);
  write(51);
  memory.release(larger, 204);
  memory.release(second, 200);
}

TEST(Emulator, KnowsEveryKernelByOneName) {
  std::set<std::string> names;
  for (const Kernel* k = kernels(); k; k = k->next) {
    EXPECT_TRUE(names.insert(k->name).second) << k->name;
    EXPECT_EQ(k->threads % 32, 0u) << k->name;
  }
  EXPECT_GT(names.size(), 30u);
  EXPECT_EQ(find_kernel("no such kernel"), nullptr);
}

// Threads may get their turns in any order, and so may groups, also on several threads of the
// system: what depends on it is a race.
TEST(Emulator, NoKernelDependsOnTheOrderOfThreads) {
  GpuBackend forward(std::make_unique<emulator::EmulatorDevice>());
  GpuBackend reverse(
      std::make_unique<emulator::EmulatorDevice>(emulator::Options{emulator::Order::reverse}));
  GpuBackend shared_out(
      std::make_unique<emulator::EmulatorDevice>(emulator::Options{}, Team{3}));
  GpuBackend shuffled(
      std::make_unique<emulator::EmulatorDevice>(emulator::Options{emulator::Order::shuffle, 7}));
  for (const test::KernelRow& row : test::kernel_table()) {
    const test::Problems problems = row.small();
    for (std::size_t i = 3; i < problems.size(); i += 41) {
      const auto bits = test::output_bits(forward, problems[i], i);
      EXPECT_EQ(bits, test::output_bits(reverse, problems[i], i)) << problems[i].key();
      EXPECT_EQ(bits, test::output_bits(shuffled, problems[i], i)) << problems[i].key();
      EXPECT_EQ(bits, test::output_bits(shared_out, problems[i], i)) << problems[i].key();
    }
  }
}

}   // namespace
}   // namespace gpu
}   // namespace glass
