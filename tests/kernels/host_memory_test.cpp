// The cache of blocks: aligned, reused, never much larger than asked for, and honest when there is nothing left.
#include "kernels/host_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <new>
#include <thread>
#include <vector>

#include "kernels/poison.h"

namespace glass {
namespace {

TEST(HostMemory, BlocksStartAtMultiplesOf64) {
  HostMemory memory;
  std::vector<std::pair<std::byte*, std::size_t>> blocks;
  for (const std::size_t bytes : {0, 1, 63, 64, 65, 1000, 4096, 100000, 3000000}) {
    std::byte* block = memory.allocate(bytes);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 64, 0u) << bytes;
    std::memset(block, 0xAB, bytes);
    blocks.emplace_back(block, bytes);
  }
  for (const auto& [block, bytes] : blocks) memory.release(block, bytes);
  EXPECT_EQ(memory.counters().used_blocks, 0);
  EXPECT_EQ(memory.counters().used_bytes, 0);
}

TEST(HostMemory, ASecondStepLikeTheFirstAsksTheSystemForNothing) {
  HostMemory memory;
  const auto step = [&] {
    std::vector<std::pair<std::byte*, std::size_t>> blocks;
    for (std::size_t bytes = 1; bytes < 5000000; bytes = bytes * 3 / 2 + 1)
      blocks.emplace_back(memory.allocate(bytes), bytes);
    for (const auto& [block, bytes] : blocks) memory.release(block, bytes);
  };
  step();
  const std::int64_t after_first = memory.counters().allocations,
                     held = memory.counters().held_bytes;
  EXPECT_GT(after_first, 10);
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(memory.counters().allocations, after_first);
  EXPECT_EQ(memory.counters().held_bytes, held);
}

TEST(HostMemory, ABlockThatIsReleasedIsTheNextOneOfItsSize) {
  HostMemory memory;
  std::byte* first = memory.allocate(5000);
  memory.release(first, 5000);
  EXPECT_EQ(memory.allocate(5001), first);
  memory.release(first, 5001);
}

TEST(HostMemory, WastesAtMostAnEighthAboveOneKilobyte) {
  HostMemory memory;
  for (std::size_t bytes = 1024; bytes < 3000000; bytes += bytes / 7 + 1) {
    std::byte* block = memory.allocate(bytes);
    EXPECT_LE(static_cast<double>(memory.counters().used_bytes),
              1.125 * static_cast<double>(bytes) + 64)
        << bytes;
    EXPECT_GE(memory.counters().used_bytes, static_cast<std::int64_t>(bytes));
    memory.release(block, bytes);
  }
}

TEST(HostMemory, TrimGivesEverythingBack) {
  HostMemory memory;
  for (const std::size_t bytes : {10, 1000, 70000, 5000000})
    memory.release(memory.allocate(bytes), bytes);
  EXPECT_GT(memory.counters().held_bytes, 5000000);
  memory.trim();
  EXPECT_EQ(memory.counters().held_bytes, 0);
}

TEST(HostMemory, MoreThanThereIsThrowsBadAllocAndHarmsNothing) {
  HostMemory memory;
  std::byte* block = memory.allocate(100);
  std::vector<std::size_t> sizes = {std::numeric_limits<std::size_t>::max(), std::size_t{1} << 60};
#ifndef GLASS_ASAN   // the sanitizer ends the program where the system says no
  sizes.push_back(std::size_t{1} << 47);
#endif
  for (const std::size_t bytes : sizes) EXPECT_THROW((void)memory.allocate(bytes), std::bad_alloc);
  EXPECT_EQ(memory.counters().used_blocks, 1);
  memory.release(block, 100);
}

TEST(HostMemory, ServesSeveralThreads) {
  HostMemory memory;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&memory, t] {
      for (int i = 0; i < 3000; ++i) {
        const std::size_t bytes = static_cast<std::size_t>(64 + (i * 97 + t * 31) % 3000);
        std::byte* block = memory.allocate(bytes);
        std::memset(block, t, bytes);
        EXPECT_EQ(std::to_integer<int>(block[bytes - 1]), t);
        memory.release(block, bytes);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(memory.counters().used_blocks, 0);
}

#ifdef GLASS_ASAN
TEST(HostMemoryDeathTest, AnOverrunIsSeenBySanitizersThoughTheBlockIsLonger) {
  HostMemory memory;
  std::byte* block = memory.allocate(1025);
  EXPECT_DEATH(block[1025] = std::byte{1}, "use-after-poison");
  memory.release(block, 1025);
  EXPECT_DEATH(block[0] = std::byte{1}, "use-after-poison");
}
#endif

}  // namespace
}  // namespace glass
