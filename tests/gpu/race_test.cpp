// No kernel of the house has a race, and the detector finds the ones that are planted here. A race
// that an emulator runs in order gives the right numbers; on a GPU it gives them on most days.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/emulator/emulator_device.h"
#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/kernel_list.h"
#include "tests/gpu/race_kernels.h"
#include "tests/gpu/races.h"
#include "tests/kernels/harness.h"
#include "tests/kernels/tables.h"

namespace glass {
namespace gpu {
namespace {

std::string finding(const char* kernel) {
  std::vector<float> x(256);
  uint n = 0;
  const RaceArgs args = {x.data(), &n};
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

TEST(Races, NoKernelHasOne) {
  GpuBackend backend(std::make_unique<emulator::EmulatorDevice>());
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
  GpuBackend backend(std::make_unique<emulator::EmulatorDevice>());
  const std::vector<std::uint16_t> x(200 * 200, 0x3f80);
  std::vector<float> y(200 * 200), lse(200);
  const auto matrix = [](const auto& numbers, DType dtype, bool across) {
    View v{};
    v.data = const_cast<std::byte*>(reinterpret_cast<const std::byte*>(numbers.data()));
    v.dtype = dtype, v.rank = 2, v.shape[0] = v.shape[1] = 200;
    v.stride[across ? 0 : 1] = 1, v.stride[across ? 1 : 0] = 200;
    return v;
  };
  for (const bool a : {false, true})
    for (const bool b : {false, true}) {
      backend.matmul({matrix(y, DType::f32, false), false}, matrix(x, DType::bf16, a),
                     matrix(x, DType::bf16, b));
      EXPECT_EQ(y[0], 200.0f);
    }
  // One head of 100 queries with 40 numbers.
  const auto head = [](const auto& numbers, DType dtype) {
    View v{};
    v.data = const_cast<std::byte*>(reinterpret_cast<const std::byte*>(numbers.data()));
    v.dtype = dtype, v.rank = 4;
    v.shape[0] = v.shape[1] = 1, v.shape[2] = 100, v.shape[3] = 40;
    v.stride[0] = v.stride[1] = 4000, v.stride[2] = 40, v.stride[3] = 1;
    return v;
  };
  View row{};
  row.data = reinterpret_cast<std::byte*>(lse.data());
  row.rank = 3, row.shape[0] = row.shape[1] = 1, row.shape[2] = 100;
  row.stride[0] = row.stride[1] = 100, row.stride[2] = 1;
  const View q = head(x, DType::bf16);
  std::vector<float> dq(4000), dk(4000), dv(4000);
  const Attention options = {0.1, 0, 0, 0.2, {1, 2, 3, 4}};
  backend.attention(head(y, DType::f32), row, q, q, q, options);
  backend.attention_backward({head(dq, DType::f32), false}, {head(dk, DType::f32), false},
                             {head(dv, DType::f32), false}, q, head(y, DType::f32), row, q, q, q,
                             options);
  EXPECT_TRUE(dv[0] > 0);
}

}   // namespace
}   // namespace gpu
}   // namespace glass
