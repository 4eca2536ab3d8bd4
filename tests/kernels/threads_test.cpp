// The number of threads must not change one bit of any result: chunks depend on the problem alone, and partial results
// are combined in the order of the chunks. Three threads and seven matter most: with two, an order that depends on who
// is first can go unnoticed, and with powers of two, uneven chunks.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "kernels/cpu/team.h"
#include "tests/kernels/harness.h"
#include "tests/kernels/tables.h"

namespace glass::test {
namespace {

constexpr std::uint64_t kSeed = 777;

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
    for (const Candidate& c : candidates())
      if (c.has_threads()) all.push_back({&row, c});
  return all;
}

class Threads : public testing::TestWithParam<Parameter> {};

TEST_P(Threads, DoNotChangeOneBit) {
  const auto [kernel, candidate_] = GetParam();
  if (!candidate_.usable) GTEST_SKIP() << "this machine cannot run " << candidate_.isa;
  const Problems problems = kernel->large();
  ASSERT_FALSE(problems.empty());
  for (std::size_t i = 0; i < problems.size(); ++i) {
    on_crash_say(candidate_.isa + ", threads: " + problems[i].key());
    const auto alone = output_bits(candidate(candidate_.isa, 1), problems[i], kSeed + i);
    for (const int threads : {2, 3, 4, 7, 8}) {
      const auto together = output_bits(candidate(candidate_.isa, threads), problems[i], kSeed + i);
      ASSERT_EQ(alone.size(), together.size());
      for (std::size_t o = 0; o < alone.size(); ++o)
        EXPECT_EQ(std::memcmp(alone[o].data(), together[o].data(), alone[o].size() * 4), 0)
            << candidate_.isa << ", " << threads << " threads, result " << o << ": "
            << problems[i].key();
    }
  }
}

// The same problems are also right, not only alike.
TEST_P(Threads, AgreeWithTheReference) {
  const auto [kernel, candidate_] = GetParam();
  if (!candidate_.usable) GTEST_SKIP() << "this machine cannot run " << candidate_.isa;
  const Problems problems = kernel->large();
  for (std::size_t i = 0; i < problems.size(); ++i) {
    on_crash_say(candidate_.isa + ", large: " + problems[i].key());
    const Verdict verdict = check(candidate(candidate_.isa, 4), problems[i],
                                  expect(problems[i], kSeed + i), Standing{Edge::back, 0});
    EXPECT_EQ(verdict.findings, "") << candidate_.isa << ": " << problems[i].key();
  }
}

std::string name_of_test(const testing::TestParamInfo<Parameter>& p) {
  return std::string(p.param.kernel->name) + "_" + p.param.candidate.isa;
}
INSTANTIATE_TEST_SUITE_P(Kernels, Threads, testing::ValuesIn(all_parameters()), name_of_test);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Threads);

// Bit-equality would be worth nothing where the work never reaches a second thread.
TEST_P(Threads, ShareTheLargeProblems) {
  const auto [kernel, candidate_] = GetParam();
  if (!candidate_.usable) GTEST_SKIP() << "this machine cannot run " << candidate_.isa;
  if (make_team(2).threads == 1) GTEST_SKIP() << "a build without threads";
  const std::int64_t before = offered_jobs();
  for (const Problem& problem : kernel->large())
    (void)output_bits(candidate(candidate_.isa, 4), problem, kSeed);
  EXPECT_GT(offered_jobs(), before) << kernel->name << " on " << candidate_.isa
                      << " ran every large problem on one thread";
}

}  // namespace
}  // namespace glass::test
