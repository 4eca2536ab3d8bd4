// Memory of a device: few slabs, and what was given back serves again.
#include "kernels/gpu/device_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <vector>

namespace glass::gpu {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// Has so many bytes, and runs nothing.
class SmallDevice final : public Device {
 public:
  explicit SmallDevice(std::size_t bytes) : left_(bytes) {}
  ~SmallDevice() override { EXPECT_TRUE(slabs_.empty()) << "a slab was not given back"; }
  const char* name() const override { return "a small device"; }
  std::byte* allocate(std::size_t bytes) override {
    if (bytes > left_) throw std::bad_alloc();
    left_ -= bytes;
    std::byte* slab =
        static_cast<std::byte*>(std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096));
    slabs_[slab] = bytes;
    return slab;
  }
  void release(std::byte* slab, std::size_t bytes) noexcept override {
    EXPECT_EQ(slabs_.at(slab), bytes);
    EXPECT_TRUE(waited) << "kernels may still use it";
    slabs_.erase(slab);
    left_ += bytes;
    std::free(slab);
  }
  void upload(std::byte*, const void*, std::size_t) override {}
  void download(void*, const std::byte*, std::size_t) override {}
  void launch(const Kernel&, const void*, Grid) override {}
  void wait() override { waited = true; }
  std::size_t gap() const override { return between; }
  bool waited = false;
  std::size_t between = 0;

 private:
  std::size_t left_;
  std::map<std::byte*, std::size_t> slabs_;
};

TEST(DeviceMemory, ASecondStepLikeTheFirstAsksTheDeviceForNothing) {
  SmallDevice device(std::size_t{1} << 40);
  DeviceMemory memory(device);
  const auto step = [&] {
    std::vector<std::pair<std::byte*, std::size_t>> blocks;
    for (const std::size_t bytes :
         {100 * kMiB, 3 * kMiB, kMiB / 2, std::size_t{4}, std::size_t{0}, 7 * kMiB})
      blocks.emplace_back(memory.allocate(bytes), bytes);
    for (const auto& [block, bytes] : blocks) memory.release(block, bytes);
  };
  step();
  const MemoryUse before = memory.use();
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(memory.use().requests, before.requests);
  EXPECT_EQ(memory.use().held_bytes, before.held_bytes);
  EXPECT_EQ(memory.use().used_bytes, 0);
  EXPECT_FALSE(device.waited) << "what is given back serves again without waiting";
}

TEST(DeviceMemory, ABlockThatIsGivenBackServesTheNextRequest) {
  SmallDevice device(std::size_t{1} << 40);
  DeviceMemory memory(device);
  std::byte* first = memory.allocate(5 * kMiB);
  memory.release(first, 5 * kMiB);
  std::byte* again = memory.allocate(4 * kMiB);
  EXPECT_EQ(again, first);
  memory.release(again, 4 * kMiB);
}

// Random sizes and lifetimes: no two blocks overlap, and when all are back every slab is whole.
TEST(DeviceMemory, BlocksNeverOverlapAndJoinAgain) {
  SmallDevice device(std::size_t{1} << 40);
  DeviceMemory memory(device);
  std::mt19937_64 random(1);
  std::map<std::byte*, std::size_t> alive;
  for (int i = 0; i < 3000; ++i) {
    if (!alive.empty() && random() % 100 < 48) {
      const auto one =
          std::next(alive.begin(), static_cast<std::ptrdiff_t>(random() % alive.size()));
      memory.release(one->first, one->second);
      alive.erase(one);
      continue;
    }
    const std::size_t bytes = random() % (std::size_t{1} << (random() % 24));
    std::byte* block = memory.allocate(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 256, 0u);
    const auto above = alive.lower_bound(block);
    if (above != alive.end()) { EXPECT_LE(block + bytes, above->first); }
    if (above != alive.begin()) {
      EXPECT_LE(std::prev(above)->first + std::prev(above)->second, block);
    }
    alive[block] = bytes;
  }
  for (const auto& [block, bytes] : alive) memory.release(block, bytes);
  EXPECT_EQ(memory.use().used_bytes, 0);
  memory.trim();
  EXPECT_EQ(memory.slabs(), 0u);
  EXPECT_EQ(memory.use().held_bytes, 0);
}

TEST(DeviceMemory, BehindEachBlockIsTheGapThatTheDeviceAsksFor) {
  SmallDevice device(std::size_t{1} << 40);
  device.between = 64;
  DeviceMemory memory(device);
  std::byte* before = nullptr;
  std::vector<std::byte*> blocks;
  for (const std::size_t bytes : {192, 193, 256, 256}) {
    blocks.push_back(memory.allocate(bytes));
    if (before) { EXPECT_LE(before + 64, blocks.back()); }
    before = blocks.back() + bytes;
  }
  EXPECT_EQ(blocks[1], blocks[0] + 256);   // 192 and 64
  EXPECT_EQ(blocks[2], blocks[1] + 512);
  for (std::byte* block : blocks) memory.release(block, 0);
}

TEST(DeviceMemory, SlabsAreFewAndAtMostAQuarterOfThemIsHeldInVain) {
  SmallDevice device(std::size_t{1} << 40);
  DeviceMemory memory(device);
  std::vector<std::byte*> blocks;
  constexpr std::size_t kBytes = 3 * kMiB;
  for (int i = 0; i < 500; ++i) blocks.push_back(memory.allocate(kBytes));
  EXPECT_LT(memory.slabs(), 40u);
  EXPECT_LE(static_cast<double>(memory.use().held_bytes), 1.3 * 500 * kBytes);
  for (std::byte* block : blocks) memory.release(block, kBytes);
}

TEST(DeviceMemory, WhatLiesUnusedIsGivenBackBeforeAnybodyHearsThatThereIsNone) {
  SmallDevice device(100 * kMiB);
  DeviceMemory memory(device);
  std::byte* a = memory.allocate(60 * kMiB);
  memory.release(a, 60 * kMiB);
  std::byte* b = memory.allocate(90 * kMiB);
  EXPECT_TRUE(device.waited);
  memory.release(b, 90 * kMiB);
}

TEST(DeviceMemory, ANearlyFullDeviceGivesWhatWasAskedForAndNoMore) {
  SmallDevice device(101 * kMiB);
  DeviceMemory memory(device);
  std::byte *a = memory.allocate(80 * kMiB),
            *b = memory.allocate(20 * kMiB);   // a quarter of 80 rounds up
  memory.release(a, 80 * kMiB);
  memory.release(b, 20 * kMiB);
}

TEST(DeviceMemory, SaysWhatWasWantedAndWhatThereIs) {
  SmallDevice device(100 * kMiB);
  DeviceMemory memory(device);
  std::byte *a = memory.allocate(40 * kMiB), *b = memory.allocate(20 * kMiB);
  memory.release(a, 40 * kMiB);
  std::byte* c = memory.allocate(10 * kMiB);   // in the middle of what a left
  std::string said;
  try {
    memory.allocate(75 * kMiB);
  } catch (const OutOfDeviceMemory& error) { said = error.what(); }
  EXPECT_THAT(said, ::testing::AllOf(
                        ::testing::HasSubstr("a small device: out of memory: 75.0 MiB are wanted"),
                        ::testing::HasSubstr("30.0 MiB are in use"),
                        ::testing::HasSubstr("30.0 MiB more that this program holds")));
  EXPECT_THROW(memory.allocate(std::size_t{1} << 60), std::bad_alloc);
  std::byte* d = memory.allocate(25 * kMiB);   // and it goes on
  for (const auto& [block, bytes] : {std::pair{b, 20 * kMiB}, {c, 10 * kMiB}, {d, 25 * kMiB}})
    memory.release(block, bytes);
}

}   // namespace
}   // namespace glass::gpu
