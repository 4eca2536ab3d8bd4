// The rules of wgmma, one by one, on the interpreter of PTX: what has to be said before a warpgroup
// starts a product, and what nobody may touch until it has waited for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/gpu/cuda/ptx/group.h"
#include "tests/gpu/cuda/ptx/kernel.h"

namespace glass::test::ptx {
namespace {

using testing::Each;
using testing::HasSubstr;

// 64 by 8 sums of 16, which a lane has in %f1 to %f4. Both factors begin where the array does.
const std::string
    kFence = "wgmma.fence.sync.aligned;\n",
    kProduct =
        "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%f1,%f2,%f3,%f4}, %rd1, "
        "%rd1, 1, 1, 1, 0, 0;\n",
    kCommit = "wgmma.commit_group.sync.aligned;\n";
const std::string kAll = kFence + kProduct + kCommit;
std::string wait_for_all_but(int batches) {
  return "wgmma.wait_group.sync.aligned " + std::to_string(batches) + ";\n";
}

// A warpgroup writes 1 to the whole array, 64 bytes each thread; the sums begin at 0. %rd0: a
// thread's own place in the result; %rd1: what wgmma is told of a factor: rows of 128 bytes, 1024
// to the next eight, and pieces that have changed places.
std::string program(const std::string& lines) {
  std::string ones;
  for (int at = 0; at < 64; at += 4)
    ones += "st.shared.u32 [%r3+" + std::to_string(at) + "], %r4;\n";
  return ".version 8.0\n.target sm_90a\n.address_size 64\n.visible .entry k(\n.param .align 8 .b8 "
         "k_param_0[8]\n)\n.maxntid 128, 1, 1\n{\n.reg .b32 %r<9>;\n.reg .f32 %f<9>;\n"
         ".reg .b64 %rd<9>;\n.shared .align 1024 .b8 s[8192];\n"
         "ld.param.u64 %rd8, [k_param_0];\nmov.u32 %r0, %tid.x;\nmul.wide.u32 %rd7, %r0, 4;\n"
         "add.s64 %rd0, %rd8, %rd7;\nmov.u32 %r1, s;\nshl.b32 %r2, %r0, 6;\nadd.s32 %r3, %r1, "
         "%r2;\n"
         "mov.u32 %r4, 1065369472;\n" +
         ones +
         "fence.proxy.async.shared::cta;\nbar.sync 0;\ncvt.u64.u32 %rd2, %r1;\nshr.u64 %rd3, %rd2, "
         "4;\nor.b64 %rd1, %rd3, 4611686293305294848;\nmov.f32 %f1, 0f00000000;\nmov.f32 %f2, "
         "%f1;\n"
         "mov.f32 %f3, %f1;\nmov.f32 %f4, %f1;\n" +
         lines + "st.global.f32 [%rd0], %f1;\nret;\n}\n";
}

std::vector<float> run(const std::string& lines) {
  const std::unique_ptr<Module> module = load(program(lines));
  std::vector<float> result(128, -1);
  const std::uint64_t at = reinterpret_cast<std::uint64_t>(result.data());
  const std::vector<Range> memory = {{at, at + 4 * result.size()}};
  Group group(module->kernels.at("k"), &at, {1, 1, 1}, 0, memory, {});
  group.run({0, 0, 0});
  return result;
}
std::string fault(const std::string& lines) {
  try {
    run(lines);
  } catch (const Fault& error) { return error.what(); }
  return "";
}

TEST(Wgmma, ProductsFollowOneAnotherIntoTheSameSums) {
  EXPECT_THAT(run(kAll + wait_for_all_but(0)), Each(16.0f));
  EXPECT_THAT(run(kFence + kProduct + kProduct + kCommit + wait_for_all_but(0)), Each(32.0f));
  EXPECT_THAT(run(kAll + kAll + wait_for_all_but(1) + wait_for_all_but(0)), Each(32.0f));
}

TEST(Wgmma, SumsThatNobodyWaitedForAreNotTouched) {
  constexpr const char* kSaid = "touches a register that a product of wgmma on its way has";
  EXPECT_THAT(fault(kAll), HasSubstr(kSaid));
  EXPECT_THAT(fault(kAll + wait_for_all_but(1)), HasSubstr(kSaid));
  EXPECT_THAT(fault(kFence + kProduct + wait_for_all_but(0)), HasSubstr(kSaid)) << "not committed";
  EXPECT_THAT(fault(kAll + "mov.f32 %f2, %f5;\n" + wait_for_all_but(0)), HasSubstr(kSaid));
  EXPECT_EQ(fault(kAll + "mov.f32 %f5, %f6;\n" + wait_for_all_but(0)), "");
  EXPECT_THAT(fault(kAll + "ret;\n"), HasSubstr("returns while a product of wgmma is on its way"));
}

TEST(Wgmma, SumsAreFencedFromWhatTheWarpItselfDidToThem) {
  EXPECT_THAT(fault(kProduct + kCommit + wait_for_all_but(0)), HasSubstr("before any wgmma.fence"));
  const std::string change = "mov.f32 %f3, 0f3F800000;\n";
  EXPECT_THAT(fault(kFence + change + kProduct + kCommit + wait_for_all_but(0)),
              HasSubstr("changed since the last wgmma.fence, number 2 of its sums"));
  EXPECT_EQ(fault(change + kAll + wait_for_all_but(0)), "");
  EXPECT_THAT(fault(kAll + wait_for_all_but(0) + change + kProduct + kCommit + wait_for_all_but(0)),
              HasSubstr("changed since the last wgmma.fence"));
  EXPECT_EQ(fault(kAll + wait_for_all_but(0) + change + kAll + wait_for_all_but(0)), "");
}

TEST(Wgmma, FactorsAreNotOverwrittenWhileTheyAreRead) {
  const std::string overwrite = "bar.sync 0;\nst.shared.u32 [%r3], %r0;\n";
  EXPECT_THAT(fault(kAll + overwrite + wait_for_all_but(0)),
              HasSubstr("overwrites byte 0 of the group's memory, which wgmma of PTX line"));
  EXPECT_EQ(fault(kAll + wait_for_all_but(0) + overwrite), "");
  EXPECT_THAT(fault(kAll + kAll + wait_for_all_but(1) + overwrite), HasSubstr("may still read"));
}

TEST(Wgmma, FactorsAreFencedFromWhatThreadsWrote) {
  const std::string write = "st.shared.u32 [%r3], %r4;\n";
  EXPECT_THAT(fault(write + "bar.sync 0;\n" + kAll + wait_for_all_but(0)),
              HasSubstr("wgmma reads what thread 0 wrote without a fence.proxy.async"));
  EXPECT_EQ(
      fault(write + "fence.proxy.async.shared::cta;\nbar.sync 0;\n" + kAll + wait_for_all_but(0)),
      "");
}

}   // namespace
}   // namespace glass::test::ptx
