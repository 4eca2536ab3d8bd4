// Every kernel of every instruction set against the reference, over the table of problems (tables.cpp).
//   test_kernels --gtest_filter='*layernorm*avx2*'    one kernel, one instruction set
//   GLASS_ISA=avx2 test_kernels                       one instruction set
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <set>
#include <typeinfo>

#include "tests/kernels/harness.h"
#include "tests/kernels/tables.h"

namespace glass::test {
namespace {

constexpr std::uint64_t kSeed = 20240229;
constexpr int kThreads = 3;
constexpr int kFindingsShown = 8;

struct Parameter {
  const KernelRow* kernel;
  Candidate candidate;
};
void PrintTo(const Parameter& p, std::ostream* out) {
  *out << p.kernel->name << " on " << p.candidate.isa;
}

std::vector<Parameter> all_parameters() {
  std::vector<Parameter> all;
  for (const KernelRow& row : kernel_table())
    for (const Candidate& c : candidates_and_gpus()) all.push_back({&row, c});
  return all;
}

std::string name_of_test(const testing::TestParamInfo<Parameter>& info) {
  return std::string(info.param.kernel->name) + "_" + info.param.candidate.isa;
}

class Parity : public testing::TestWithParam<Parameter> {};

// Where the operands of case number `i` stand: half of them end at a guard page, the others begin behind one, at every
// distance from alignment in turn.
Standing standing(std::size_t i) {
  return i % 2 ? Standing{Edge::back, 0} : Standing{Edge::front, static_cast<int>(i / 2 * 5 % 16)};
}

TEST_P(Parity, AgreesWithTheReference) {
  const auto [kernel, candidate_] = GetParam();
  if (!candidate_.usable) GTEST_SKIP() << "this machine cannot run " << candidate_.isa;
  Backend& backend = candidate(candidate_.isa, kThreads);
  const Problems problems = kernel->small();
  int failed = 0;
  double margin = 0;
  for (std::size_t i = 0; i < problems.size(); i += candidate_.stride) {
    const Problem& problem = problems[i];
    on_crash_say(candidate_.isa + ": " + problem.key());
    const Expected expected = expect(problem, kSeed + i);
    Verdict verdict = check(backend, problem, expected, standing(i));
    margin = std::max(margin, verdict.margin);
    if (verdict.findings.empty() && i % 8 < 2)   // also at the other edge
      verdict = check(backend, problem, expected, standing(i + 1));
    if (verdict.findings.empty() || ++failed > kFindingsShown) continue;
    ADD_FAILURE() << candidate_.isa << ", case " << i << " (seed " << kSeed + i
                  << "): " << problem.key() << "\n"
                  << verdict.findings;
  }
  if (failed > 0)
    ADD_FAILURE() << failed << " of " << problems.size() << " cases of " << kernel->name
                  << " fail on " << candidate_.isa;
  if (margin > 0)
    std::cout << "  " << kernel->name << " on " << candidate_.isa << ": the worst error is "
              << margin << " of what is allowed\n";
}

// A kernel that was given f64 and read it as f32 would give numbers; it must say no instead.
TEST_P(Parity, RefusesDoubleWhereItCannotComputeInIt) {
  const auto [kernel, candidate_] = GetParam();
  if (!candidate_.usable) GTEST_SKIP() << "this machine cannot run " << candidate_.isa;
  Backend& backend = candidate(candidate_.isa, 1);
  const std::string name = kernel->name;
  if (backend.supports(DType::f64) || candidate_.is_gpu()) return;
  for (const Problem& problem : kernel->small()) {
    if (problem.empty() || problem.operands[0].dtype != DType::f32 || name == "copy") continue;
    EXPECT_THROW(run_in_double(backend, problem, kSeed), std::invalid_argument) << problem.key();
    return;
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Parity, testing::ValuesIn(all_parameters()), name_of_test);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Parity);

TEST(ParityTable, HoldsAtLeastFifteenThousandDistinctCasesPerInstructionSet) {
  std::set<std::string> distinct;
  std::size_t empty = 0;
  for (const KernelRow& row : kernel_table()) {
    std::size_t of_this_kernel = 0;
    for (const Problem& problem : row.small())
      if (distinct.insert(problem.key()).second) ++of_this_kernel, empty += problem.empty();
    std::cout << "  " << row.name << ": " << of_this_kernel << " cases\n";
    EXPECT_GE(of_this_kernel, 80u) << row.name;
  }
  std::cout << distinct.size() << " distinct cases, " << empty
            << " of them with a size of zero; first seed " << kSeed << "\n";
  EXPECT_GE(distinct.size(), 15000u);
  EXPECT_LE(empty * 20, distinct.size());
}

// A reference that says nothing would agree with anything: every case with elements must expect a number besides zero.
TEST(ParityTable, ExpectsSomethingInEveryKernel) {
  for (const KernelRow& row : kernel_table()) {
    std::size_t speaking = 0, all = 0;
    const Problems problems = row.small();
    for (std::size_t i = 0; i < problems.size(); i += 7) {
      if (problems[i].empty()) continue;
      const Expected expected = expect(problems[i], kSeed + i);
      bool speaks = false;
      for (std::size_t o = 0; o < problems[i].operands.size(); ++o)
        if (is_result(problems[i].operands[o]))
          for (const double value : expected.result.of[o])
            speaks = speaks || (std::isfinite(value) && value != 0);
      ++all, speaking += speaks;
    }
    EXPECT_GE(speaking * 10, all * 8) << row.name;
  }
}

// The harness itself must notice: each of these planted mistakes is one that a vector kernel could make.
std::string check_instead_of_copy(const std::function<void(const Args&)>& kernel, Operand y) {
  Problem p = {"copy", "", {std::move(y), in("x", {37})}, [](Backend& b, const Args& a) {
                 b.copy(a.into(0), a[1]);
               }};
  const Expected expected = expect(p, kSeed);
  p.run = [&](Backend&, const Args& a) { kernel(a); };
  return check(candidate("reference", 1), p, expected, Standing{Edge::front, 3}).findings;
}

float* floats(const View& v) { return reinterpret_cast<float*>(v.data); }

TEST(ParityHarness, AcceptsACorrectKernel) {
  EXPECT_EQ(check_instead_of_copy(
                [](const Args& a) {
                  for (int i = 0; i < 37; ++i) floats(a[0])[i] = floats(a[1])[i];
                },
                into("y", {37}, Mode::write)),
            "");
}
TEST(ParityHarness, NoticesAnElementThatWasNotWritten) {
  EXPECT_NE(check_instead_of_copy(
                [](const Args& a) {
                  for (int i = 0; i < 36; ++i) floats(a[0])[i] = floats(a[1])[i];
                },
                into("y", {37}, Mode::write)),
            "");
}
TEST(ParityHarness, NoticesAWriteBehindTheEnd) {
  EXPECT_NE(check_instead_of_copy(
                [](const Args& a) {
                  for (int i = 0; i < 37; ++i) floats(a[0])[i] = floats(a[1])[i];
                  floats(a[0])[38] = 0;
                },
                into("y", {37}, Mode::write)),
            "");
}
TEST(ParityHarness, NoticesAWriteBeforeTheBeginning) {
  EXPECT_NE(check_instead_of_copy(
                [](const Args& a) {
                  for (int i = 0; i < 37; ++i) floats(a[0])[i] = floats(a[1])[i];
                  floats(a[0])[-1] = 0;
                },
                into("y", {37}, Mode::write)),
            "");
}
TEST(ParityHarness, NoticesAWriteBetweenSteps) {
  EXPECT_NE(check_instead_of_copy(
                [](const Args& a) {
                  for (int i = 0; i < 37; ++i) floats(a[0])[2 * i] = floats(a[1])[i];
                  floats(a[0])[5] = 1;
                },
                into("y", {37}, Mode::write, Layout::stepped)),
            "");
}
TEST(ParityHarness, NoticesAnInputThatChanged) {
  EXPECT_NE(check_instead_of_copy(
                [](const Args& a) {
                  for (int i = 0; i < 37; ++i) floats(a[0])[i] = floats(a[1])[i];
                  floats(a[1])[0] += 1;
                },
                into("y", {37}, Mode::write)),
            "");
}
TEST(ParityHarness, NoticesOverwritingWhereAddingWasAsked) {
  EXPECT_NE(check_instead_of_copy(
                [](const Args& a) {
                  for (int i = 0; i < 37; ++i) floats(a[0])[i] = floats(a[1])[i];
                },
                into("y", {37}, Mode::add)),
            "");
}
TEST(ParityHarness, NoticesOneBitInACopy) {
  EXPECT_NE(check_instead_of_copy(
                [](const Args& a) {
                  for (int i = 0; i < 37; ++i) floats(a[0])[i] = floats(a[1])[i];
                  floats(a[0])[36] = std::nextafter(floats(a[0])[36], 10.0f);
                },
                into("y", {37}, Mode::write)),
            "");
}
TEST(ParityHarness, NoticesAReadBehindTheEnd) {
  EXPECT_NE(check_instead_of_copy(
                [](const Args& a) {
                  for (int i = 0; i < 37; ++i) floats(a[0])[i] = floats(a[1])[i + 1];
                },
                into("y", {37}, Mode::write)),
            "");
}
TEST(ParityHarnessDeathTest, EndsAtAReadOfAGuardPage) {
  const Problem p = {
      "copy", "", {into("y", {5}, Mode::write), in("x", {5})}, [](Backend& b, const Args& a) {
        b.copy(a.into(0), a[1]);
      }};
  const Expected expected = expect(p, kSeed);
  Problem reads = p;
  reads.run = [](Backend&, const Args& a) {
    floats(a[0])[0] = const_cast<volatile float*>(floats(a[1]))[5];
  };
  EXPECT_DEATH((void)check(candidate("reference", 1), reads, expected, Standing{Edge::back, 0}),
               "");
}

// Which machine code ran is decided by the class behind the backend, and that lives in the namespace it was compiled in.
TEST(Isa, EachForcedPathRunsItsOwnCode) {
  for (const Candidate& c : candidates()) {
    if (!c.usable || !c.has_threads()) continue;
    Backend& backend = candidate(c.isa, 1);
    const std::type_info& type = typeid(backend);
    EXPECT_NE(std::string(type.name()).find(c.isa), std::string::npos)
        << c.isa << " is run by " << type.name();
    EXPECT_NE(std::string(backend.name()).find(c.isa), std::string::npos) << backend.name();
  }
}

}  // namespace
}  // namespace glass::test
