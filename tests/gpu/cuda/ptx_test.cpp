// The interpreter of PTX: what a warp does where its lanes part, what it does not forgive, and what
// it does not know. (That it computes what a GPU would is for the kernels to show, in
// tests/kernels.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "tests/gpu/cuda/ptx/group.h"
#include "tests/gpu/cuda/ptx/kernel.h"

namespace glass::test::ptx {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A kernel of one warp or more around some lines. %r0 is the thread, %rd0 where its own word of the
// result is, of which there are as many as threads; %rd9 is where they begin.
std::string around(const std::string& lines, unsigned threads, const std::string& variables) {
  return ".version 7.0\n.target sm_80\n.address_size 64\n.visible .entry k(\n.param .align 8 .b8 "
         "k_param_0[8]\n)\n.maxntid " +
         std::to_string(threads) +
         ", 1, 1\n{\n.reg .pred %p<9>;\n.reg .b16 %rs<9>;\n.reg .b32 %r<40>;\n.reg .f32 "
         "%f<20>;\n.reg .f64 %fd<9>;\n.reg .b64 %rd<20>;\n" +
         variables +
         "ld.param.u64 %rd8, [k_param_0];\ncvta.to.global.u64 %rd9, %rd8;\nmov.u32 %r0, "
         "%tid.x;\nmul.wide.u32 %rd7, %r0, 4;\nadd.s64 %rd0, %rd9, %rd7;\n" +
         lines + "\nret;\n}\n";
}

std::vector<std::uint32_t> run(const std::string& lines, unsigned threads = 32,
                               const std::string& variables = "", Rules rules = {}) {
  const std::unique_ptr<Module> module = load(around(lines, threads, variables));
  std::vector<std::uint32_t> result(threads, 0xdead);
  const std::uint64_t at = reinterpret_cast<std::uint64_t>(result.data());
  const std::vector<Range> memory = {{at, at + 4 * threads}};
  Group group(module->kernels.at("k"), &at, {1, 1, 1}, 0, memory, rules);
  group.run({0, 0, 0});
  return result;
}
std::string fault(const std::string& lines, unsigned threads = 32,
                  const std::string& variables = "", Rules rules = {}) {
  try {
    run(lines, threads, variables, rules);
  } catch (const std::runtime_error& error) { return error.what(); }
  return "";
}
float as_float(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

constexpr const char* kShared = ".shared .align 4 .b8 s[256];\n";
// %r1: where the thread's own word in shared memory is.
const std::string kOwn = "mov.u32 %r2, s;\nshl.b32 %r3, %r0, 2;\nadd.s32 %r1, %r2, %r3;\n";

TEST(Ptx, LanesThatPartMeetAgain) {
  // Odd lanes take one way, even lanes the other; a shuffle afterwards needs them all.
  const std::vector<std::uint32_t> y =
      run("and.b32 %r1, %r0, 1;\nsetp.eq.s32 %p1, %r1, 0;\n@%p1 bra $L1;\nmul.lo.s32 %r2, %r0, "
          "100;\nbra.uni $L2;\n"
          "$L1:\nadd.s32 %r2, %r0, 7;\n$L2:\nshfl.sync.bfly.b32 %r3|%p2, %r2, 1, 31, "
          "-1;\nst.global.u32 [%rd0], %r3;");
  for (std::uint32_t l = 0; l < 32; ++l) EXPECT_EQ(y[l], l % 2 ? l - 1 + 7 : (l + 1) * 100) << l;
}
TEST(Ptx, EveryLaneLeavesALoopWhenItHasDone) {
  const std::vector<std::uint32_t> y =
      run("mov.u32 %r1, 0;\nmov.u32 %r2, 0;\n$L1:\nadd.s32 %r1, %r1, %r2;\nadd.s32 %r2, %r2, "
          "1;\nsetp.le.u32 %p1, %r2, %r0;\n"
          "@%p1 bra $L1;\nvote.sync.ballot.b32 %r3, %p1, -1;\nadd.s32 %r1, %r1, "
          "%r3;\nst.global.u32 [%rd0], %r1;");
  for (std::uint32_t l = 0; l < 32; ++l) EXPECT_EQ(y[l], l * (l + 1) / 2) << l;
}
TEST(Ptx, SomeThatDoNotComeAreNamed) {
  const std::string some = "setp.gt.u32 %p1, %r0, 9;\n@%p1 bra $L1;\n";
  EXPECT_THAT(
      fault(some + "shfl.sync.bfly.b32 %r3|%p2, %r0, 1, 31, -1;\n$L1:"),
      HasSubstr("thread 0 of group (0,0,0): waits for its whole warp, but thread 10 has returned"));
  EXPECT_THAT(fault(some + "bar.sync 0;\n$L1:"),
              HasSubstr("waits for its whole warp, but thread 10 has returned"));
  EXPECT_THAT(fault(some + "bar.sync 0;\n$L1:\nbar.sync 0;"),
              HasSubstr("but others wait elsewhere, PTX line"));
  EXPECT_THAT(fault("setp.gt.u32 %p1, %r0, 31;\n@%p1 bra $L1;\nbar.sync 0;\n$L1:", 64),
              HasSubstr("thread 32 has returned"));
}
TEST(Ptx, ABarrierLetsNobodyGoOnBeforeAllAreThere) {
  const std::string neighbour =
      "xor.b32 %r4, %r3, 128;\nadd.s32 %r4, %r2, %r4;\n";   // of the other warp
  for (const bool backwards : {false, true}) {
    const std::vector<std::uint32_t> y =
        run(kOwn + neighbour +
                "st.shared.u32 [%r1], %r0;\nbar.sync 0;\nld.shared.u32 %r5, [%r4];\nst.global.u32 "
                "[%rd0], %r5;",
            64, kShared, {false, backwards});
    for (std::uint32_t l = 0; l < 64; ++l) EXPECT_EQ(y[l], l ^ 32) << l;
    EXPECT_THAT(fault(kOwn + neighbour + "st.shared.u32 [%r1], %r0;\nld.shared.u32 %r5, [%r4];", 64,
                      kShared, {false, backwards}),
                AllOf(HasSubstr("of group (0,0,0)"), HasSubstr("with no barrier between")));
  }
}
TEST(Ptx, WithinAWarpABarrierOfTheWarpIsEnough) {
  const std::string neighbour = "xor.b32 %r4, %r3, 4;\nadd.s32 %r4, %r2, %r4;\n";
  const auto with = [&](const std::string& between) {
    return fault(
        kOwn + neighbour + "st.shared.u32 [%r1], %r0;\n" + between + "ld.shared.u32 %r5, [%r4];",
        32, kShared);
  };
  EXPECT_EQ(with("bar.warp.sync -1;\n"), "");
  EXPECT_THAT(with(""), HasSubstr("reads what was written by thread"));
  EXPECT_THAT(
      fault(kOwn + neighbour + "ld.shared.u32 %r5, [%r4];\nst.shared.u32 [%r1], %r0;", 32, kShared),
      HasSubstr("overwrites what"));
}
TEST(Ptx, OneElementTooFarIsFoundInEveryMemory) {
  EXPECT_THAT(fault("add.s64 %rd1, %rd0, 4;\nst.global.u32 [%rd1], %r0;"),
              AllOf(HasSubstr("thread 31 "), HasSubstr("in no allocation")));
  EXPECT_THAT(fault("ld.global.u32 %r1, [%rd0+-4];"),
              AllOf(HasSubstr("thread 0 "), HasSubstr("in no allocation")));
  EXPECT_THAT(fault("ld.param.u32 %r1, [k_param_0+8];"), HasSubstr("past the kernel's arguments"));
  // Also from one array into the next.
  const std::string two = ".shared .align 4 .b8 s[128];\n.shared .align 4 .b8 u[128];\n";
  EXPECT_THAT(fault(kOwn + "st.shared.u32 [%r1+4], %r0;", 32, two),
              AllOf(HasSubstr("thread 31 "), HasSubstr("past the end of an array")));
  EXPECT_EQ(fault(kOwn + "st.shared.u32 [%r1], %r0;", 32, two), "");
  EXPECT_THAT(fault("ld.local.u32 %r1, [d+8];", 32, ".local .align 4 .b8 d[8];\n"),
              HasSubstr("past its own memory"));
}
TEST(Ptx, AnAddressMustBeAMultipleOfWhatIsRead) {
  EXPECT_THAT(fault("ld.global.v2.u32 {%r1, %r2}, [%rd9+4];"), HasSubstr("no multiple of 8"));
}
TEST(Ptx, WhatNobodyWroteIsNaN) {
  for (const std::uint32_t bits : run(kOwn + "ld.shared.f32 %f1, [%r1];\nadd.f32 %f2, %f1, "
                                             "0f3F800000;\nst.global.f32 [%rd0], %f2;",
                                      32, kShared))
    EXPECT_TRUE(std::isnan(as_float(bits)));
}
TEST(Ptx, ComparisonsKnowNaN) {
  const std::string nan = "mov.f32 %f1, 0f7FC00000;\nmov.f32 %f2, 0f3F800000;\n";
  for (const auto& [name, expected] :
       std::vector<std::pair<std::string, std::uint32_t>>{{"eq", 0},
                                                          {"ne", 0},
                                                          {"lt", 0},
                                                          {"ge", 0},
                                                          {"equ", 1},
                                                          {"neu", 1},
                                                          {"ltu", 1},
                                                          {"geu", 1},
                                                          {"nan", 1},
                                                          {"num", 0}})
    EXPECT_EQ(run(nan + "setp." + name +
                  ".f32 %p1, %f1, %f2;\nselp.u32 %r1, 1, 0, %p1;\nst.global.u32 [%rd0], %r1;")[5],
              expected)
        << name;
}
TEST(Ptx, NumbersAreConvertedAsAGpuDoesIt) {
  const auto converted = [](const std::string& how, const std::string& from) {
    return run("mov.f32 %f1, " + from + ";\ncvt." + how +
               " %r1, %f1;\nst.global.u32 [%rd0], %r1;")[0];
  };
  EXPECT_EQ(converted("rni.s32.f32", "0f40200000"), 2u);            // 2.5, to even
  EXPECT_EQ(converted("rzi.s32.f32", "0fC0200000"), 0xfffffffeu);   // -2.5
  EXPECT_EQ(converted("rzi.s32.f32", "0f4F800000"), 0x7fffffffu);   // 2^32 does not fit
  EXPECT_EQ(converted("rzi.u32.f32", "0fBF800000"), 0u);            // -1
  EXPECT_EQ(converted("rzi.s32.f32", "0f7FC00000"), 0u);            // NaN
}
TEST(Ptx, RoundingDownIsNotRoundingToTheNearest) {
  const auto sum = [](const char* how) {   // 1 + 2^-24
    return run(std::string("mov.f32 %f1, 0f3F800000;\nmov.f32 %f2, 0f33C00000;\nfma.") + how +
               ".f32 %f3, %f1, %f2, %f1;\nst.global.f32 [%rd0], %f3;")[0];
  };
  EXPECT_EQ(sum("rn"), 0x3f800001u);
  EXPECT_EQ(sum("rm"), 0x3f800000u);
}
TEST(Ptx, ACopyOnItsWayArrivesWhenSomebodyWaitsForIt) {
  const std::string copy =
      "mov.u32 %r2, s;\nst.global.u32 [%rd0], %r0;\nsetp.gt.u32 %p1, %r0, 7;\n@%p1 bra "
      "$L1;\nshl.b32 %r3, %r0, 4;\nadd.s32 %r1, %r2, %r3;\n"
      "mul.wide.u32 %rd1, %r0, 16;\nadd.s64 %rd2, %rd9, %rd1;\ncp.async.cg.shared.global [%r1], "
      "[%rd2], 16;\n$L1:\ncp.async.commit_group;\n";
  const std::string variables = ".shared .align 16 .b8 s[128];\n";
  const std::string read =
      "bar.sync 0;\nshl.b32 %r4, %r0, 2;\nadd.s32 %r5, %r2, %r4;\nld.shared.u32 %r6, "
      "[%r5];\nbar.sync 0;\nst.global.u32 [%rd0], %r6;\n";
  const std::vector<std::uint32_t> y = run(copy + "cp.async.wait_group 0;\n" + read, 32, variables);
  for (std::uint32_t l = 0; l < 32; ++l) EXPECT_EQ(y[l], l);
  // One batch may still be on its way: nothing has arrived.
  EXPECT_THAT(fault(copy + "cp.async.wait_group 1;\n" + read, 32, variables),
              HasSubstr("reads byte 0 of the group's memory, which cp.async is still to bring"));
  EXPECT_THAT(
      fault(copy + "bar.sync 0;\nst.shared.u32 [%r2], %r0;", 32, variables),
      HasSubstr("overwrites byte 0 of the group's memory, which cp.async is still to bring"));
  EXPECT_THAT(fault(copy + "@%p1 bra $L2;\ncp.async.cg.shared.global [%r1], [%rd2], 16;\n$L2:", 32,
                    variables),
              HasSubstr("where another copy is on its way"));
  EXPECT_EQ(run(copy + "cp.async.wait_group 1;\n" + read + "cp.async.wait_group 0;\n", 32,
                variables, {true, false})[3],
            3u);
  EXPECT_THAT(fault(copy + "cp.async.wait_group 0;\nshl.b32 %r4, %r0, 2;\nadd.s32 %r5, %r2, "
                           "%r4;\nld.shared.u32 %r6, [%r5];\n",
                    32, variables),
              HasSubstr("with no barrier between"));
  EXPECT_THAT(fault(copy, 32, variables), HasSubstr("returns while a copy"));
}
TEST(Ptx, WhatIsNotKnownIsRefusedByNameAndLine) {
  EXPECT_THAT(fault("sad.u32 %r1, %r0, %r0, %r0;"),
              AllOf(HasSubstr("kernel k, PTX line"),
                    HasSubstr("sad.u32: this instruction is not known here")));
  EXPECT_THAT(fault("add.cc.u32 %r1, %r0, %r0;"), HasSubstr(".cc is not known here"));
  EXPECT_THAT(fault("add.s32 %q1, %r0, %r0;"), HasSubstr("no register is called %q1"));
  EXPECT_THAT(fault("mov.u32 %r1, nowhere;"), HasSubstr("nothing is called nowhere"));
}

}   // namespace
}   // namespace glass::test::ptx
