// No kernel of the house has a race, and the detector finds the ones that are planted here. A race
// that an emulator runs in order gives the right numbers; on a GPU it gives them on most days.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/kernel_list.h"
#include "tests/gpu/lent_memory.h"
#include "tests/gpu/race_kernels.h"
#include "tests/gpu/races.h"
#include "tests/kernels/blocks.h"
#include "tests/kernels/harness.h"
#include "tests/kernels/tables.h"

namespace glass {
namespace gpu {
namespace {

std::string finding(const char* kernel) {
  std::vector<float> x(256);
  uint n = 0;
  const RaceArgs args = {x.data(), &n};
  const test::Watch watch(test::find_races);
  try {
    emulator::run(*find_kernel(kernel), &args, {3}, {});
  } catch (const std::logic_error& race) { return race.what(); }
  return "";
}

TEST(Races, AreFoundWhereTheyArePlanted) {
  using testing::AllOf;
  using testing::HasSubstr;
  EXPECT_THAT(
      finding("race_reads_too_soon"),
      AllOf(HasSubstr("the group's memory: thread 63 of group 0 reads what thread 0 of group 0"),
            HasSubstr("with no barrier between")));
  EXPECT_THAT(finding("race_writes_too_soon"), HasSubstr("with no barrier between"));
  EXPECT_THAT(finding("race_two_groups_add"), HasSubstr("device memory: thread 0 of group 1"));
  EXPECT_THAT(finding("race_writes_what_others_read"), HasSubstr("overwrites what"));
  EXPECT_THAT(finding("race_within_a_warp"), HasSubstr("with no barrier between"));
  EXPECT_THAT(finding("race_a_warp_barrier_is_not_enough"), HasSubstr("with no barrier between"));
}

TEST(Races, AreNotFoundWhereThereAreNone) {
  for (const char* kernel : {"race_none", "race_two_groups_add_atomically",
                             "race_not_within_a_warp", "race_not_between_halves"})
    EXPECT_EQ(finding(kernel), "") << kernel;
}

// Of 64 threads the last reads the 65th number.
std::string finding_in_a_block_of(std::size_t numbers) {
  test::WatchedDevice device;
  DeviceMemory memory(device);
  std::byte* const block = memory.allocate(numbers * sizeof(float));
  std::string found;
  uint n = 0;
  const RaceArgs args = {reinterpret_cast<float*>(block), &n};
  const test::Watch watch(test::find_races);
  try {
    device.launch(*find_kernel("race_none_but_reads_the_next"), &args, {1});
  } catch (const std::logic_error& mistake) { found = mistake.what(); }
  memory.release(block, numbers * sizeof(float));
  return found;
}

TEST(Races, ReadingBeyondWhatIsLentIsFound) {
  EXPECT_EQ(finding_in_a_block_of(65), "");
  EXPECT_THAT(finding_in_a_block_of(64),
              testing::HasSubstr("kernel race_none_but_reads_the_next: thread 63 of group 0 reads "
                                 "memory of the device that is lent to nobody"));
}

TEST(Races, NoKernelHasOne) {
  const test::Watch watch(test::find_races);
  GpuBackend backend(std::make_unique<test::WatchedDevice>());
  for (const test::KernelRow& row : test::kernel_table()) {
    const std::uint64_t before = test::watched_accesses();
    const test::Problems problems = row.small();
    for (std::size_t i = 1; i < problems.size(); i += 53)
      EXPECT_NO_THROW(test::output_bits(backend, problems[i], i)) << problems[i].key();
    EXPECT_GT(test::watched_accesses(), before + 100) << row.name << ": nobody watched";
  }
}

// The kernels on matrix units, which the table does not reach: its operands are f32.
TEST(Races, NoKernelOnBlocksHasOne) {
  const test::Watch watch(test::find_races);
  GpuBackend backend(std::make_unique<test::WatchedDevice>());
  const std::uint64_t before = test::watched_accesses();
  for (const bool a : {false, true})
    for (const bool b : {false, true})
      EXPECT_NO_THROW(test::product(backend, DType::bf16, {200, 200, 200}, a, b));
  for (const std::int64_t D : {40, 9})   // copied in pieces of 16 bytes, and number by number
    EXPECT_NO_THROW(
        test::attend(backend, DType::bf16, {1, 2, 1, 100, D}, {0.1, 0, 0, 0.2, {1, 2, 3, 4}}));
  EXPECT_GT(test::watched_accesses(), before + 1000) << "nobody watched";
}

}   // namespace
}   // namespace gpu
}   // namespace glass
