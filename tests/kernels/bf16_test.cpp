// bf16: rounding against its definition for every pattern, and every kernel of the table again with operands stored in
// bf16, in all and in some of them, against the reference in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "kernels/backends.h"
#include "tests/kernels/device_copy.h"
#include "tests/kernels/harness.h"
#include "tests/kernels/tables.h"

namespace glass::test {
namespace {

constexpr std::uint64_t kSeed = 16;
constexpr double kHalf = 1.0 / 256;   // 8 bits: a rounded result is off by at most kHalf * |result|

float float_of(std::uint16_t half) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16);
}

// The definition: of the two neighbours the nearer one, of two equally near the even one. In double, where the distance
// to both is exact. Beyond the largest number the next one would be 2^128, and stands for infinity.
std::uint16_t nearest(double x) {
  if (std::isnan(x)) return 0x7FC0;
  const std::uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  const double a = std::fabs(x);
  if (std::isinf(a)) return sign | 0x7F80;
  std::uint16_t below = static_cast<std::uint16_t>(
      std::bit_cast<std::uint32_t>(static_cast<float>(a)) >> 16);
  if (below >= 0x7F80) below = 0x7F7F;
  if (static_cast<double>(float_of(below)) > a) --below;
  const double low = float_of(below), high = below == 0x7F7F ? 0x1p128 : float_of(below + 1);
  const bool up = a - low > high - a || (a - low == high - a && below % 2 == 1);
  return static_cast<std::uint16_t>(sign | (up ? below + 1 : below));
}

View row_view(void* data, DType dtype, std::int64_t n) {
  return {static_cast<std::byte*>(data), dtype, 1, {n}, {1}};
}

class Bf16 : public testing::TestWithParam<Candidate> {
 protected:
  void SetUp() override {
    if (!GetParam().usable) GTEST_SKIP() << "this machine cannot run " << GetParam().isa;
  }
};

// Each of the 2^16 upper halves with lower halves at, beside and far from the middle.
TEST_P(Bf16, EveryFloatIsRoundedToTheNearestTiesToEvenAndNanStaysNan) {
  std::vector<float> from;
  for (std::uint32_t upper = 0; upper < 0x10000; ++upper)
    for (const std::uint32_t lower : {0u, 1u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu})
      from.push_back(std::bit_cast<float>(upper << 16 | lower));
  const std::int64_t n = static_cast<std::int64_t>(from.size());
  std::vector<std::uint16_t> to(from.size());
  candidate(GetParam().isa, 2)
      .copy({row_view(to.data(), DType::bf16, n), false}, row_view(from.data(), DType::f32, n));
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (std::isnan(from[i])) {
      ASSERT_TRUE(std::isnan(float_of(to[i]))) << std::hex << std::bit_cast<std::uint32_t>(from[i]);
      continue;
    }
    ASSERT_EQ(to[i], nearest(from[i])) << std::hex << std::bit_cast<std::uint32_t>(from[i]);
  }
}

TEST_P(Bf16, EveryBf16IsTheFloatWithTheSameUpperHalf) {
  std::vector<std::uint16_t> from(0x10000);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::uint16_t>(i);
  std::vector<float> to(from.size());
  candidate(GetParam().isa, 2)
      .copy({row_view(to.data(), DType::f32, 0x10000), false},
            row_view(from.data(), DType::bf16, 0x10000));
  for (std::size_t i = 0; i < from.size(); ++i) {
    const bool nan = std::isnan(float_of(from[i]));
    ASSERT_EQ(std::isnan(to[i]), nan) << i;
    ASSERT_TRUE(nan || std::bit_cast<std::uint32_t>(to[i]) == i << 16) << i;
  }
}

// Each of these rows is too small to change a 1 in bf16 by itself; all of them together do.
TEST_P(Bf16, ManySmallRowsAddUpBeforeTheirSumIsRounded) {
  constexpr std::int64_t n = 300, C = 5;
  std::vector<std::uint16_t> table(3 * C, nearest(1.0f)), rows(n * C, nearest(0x1p-9f));
  std::vector<std::int32_t> ids(n, 2);
  ids[100] = 0;
  const auto matrix = [](std::vector<std::uint16_t>& data, std::int64_t count) {
    return View{reinterpret_cast<std::byte*>(data.data()), DType::bf16, 2, {count, C}, {C, 1}};
  };
  candidate(GetParam().isa, 2)
      .scatter_add({matrix(table, 3), true}, row_view(ids.data(), DType::i32, n), matrix(rows, n));
  const auto at = [&](std::int64_t row, std::int64_t c) {
    return float_of(table[static_cast<std::size_t>(row * C + c)]);
  };
  for (std::int64_t c = 0; c < C; ++c) {
    EXPECT_EQ(at(0, c), 1.0f) << "one of them is below half a digit";
    EXPECT_EQ(at(1, c), 1.0f) << "nobody named it";
    EXPECT_EQ(at(2, c), float_of(nearest(1 + 299 * 0x1p-9f)));
  }
}

TEST_P(Bf16, AdamwWritesTheShadowOfTheNewWeightsAndLeavesItInASkippedStep) {
  constexpr std::int64_t n = 1003;   // a tail of every vector
  Backend& backend = candidate(GetParam().isa, 3);
  std::vector<float> p(n), g(n), m(n), v(n);
  for (std::size_t i = 0; i < n; ++i) {
    p[i] = std::sin(static_cast<float>(i)), g[i] = std::cos(3.0f * static_cast<float>(i));
  }
  std::vector<std::uint16_t> shadow(n, 0xABCD);
  std::vector<float> numbers(kAdamWNumbers, 0);
  numbers[kLearningRate] = 0.1f, numbers[kBeta1] = 0.9f, numbers[kBeta2] = 0.99f;
  numbers[kEps] = 1e-8f, numbers[kCorrection1] = 0.1f, numbers[kCorrection2] = 0.01f;
  const AdamWItem item = {row_view(p.data(), DType::f32, n), row_view(g.data(), DType::f32, n),
                          row_view(m.data(), DType::f32, n), row_view(v.data(), DType::f32, n),
                          0.1, row_view(shadow.data(), DType::bf16, n)};
  float norm = std::numeric_limits<float>::infinity();
  const View count = row_view(numbers.data(), DType::f32, kAdamWNumbers);
  backend.adamw(&item, 1, count, row_view(&norm, DType::f32, 1), View{});
  EXPECT_EQ(std::count(shadow.begin(), shadow.end(), 0xABCD), n) << "a skipped step wrote";
  norm = 1;
  const std::vector<float> before = p;
  backend.adamw(&item, 1, count, row_view(&norm, DType::f32, 1), View{});
  for (std::size_t i = 0; i < n; ++i) {
    ASSERT_EQ(shadow[i], nearest(p[i])) << "weight " << i << " is " << p[i];
    ASSERT_NE(p[i], before[i]);
  }
}

// What stays f32 (see the rules of kernels/backend.h). y of attention_backward too: the reference does not read it, it
// sums what y was made of, so a rounded y would be another problem.
bool may_be_half(const Problem& problem, const Operand& o) {
  if (o.dtype != DType::f32) return false;
  for (const char* name : {"mean", "rstd", "lse", "loss", "dloss"})
    if (std::string(o.name) == name) return false;
  return problem.kernel != "attention_backward" || std::string(o.name) != "y";
}

enum class Which { all, some };

std::vector<bool> halves_of(const Problem& problem, Which which, std::uint64_t number) {
  std::vector<bool> half;
  for (std::size_t i = 0; i < problem.operands.size(); ++i) {
    const bool chosen = which == Which::all || (number * 0x9E3779B97F4A7C15u >> (17 + i)) % 2 == 0;
    half.push_back(chosen && may_be_half(problem, problem.operands[i]));
  }
  const bool product = problem.kernel == "matmul" || problem.kernel == "linear";
  if (product) half[2] = half[1];   // both factors have one type
  if (problem.alias >= 0) half[0] = half[static_cast<std::size_t>(problem.alias)];
  return half;
}

double stored(double value, bool half, DType dtype) {
  if (dtype == DType::i32) return value;
  return half ? static_cast<double>(float_of(nearest(value)))
              : static_cast<double>(static_cast<float>(value));
}

std::int64_t offset_of(const View& v, std::int64_t n) {
  std::int64_t offset = 0;
  for (int i = v.rank - 1; i >= 0; --i) offset += n % v.shape[i] * v.stride[i], n /= v.shape[i];
  return offset;
}

// One operand in memory with a margin of a known pattern.
struct Stage {
  static constexpr std::size_t kMargin = 64;
  std::vector<std::uint16_t> memory, before;
  View view{};
  bool half = false;

  Stage(const Operand& o, const std::vector<double>& values, bool in_bf16) : half(in_bf16) {
    const Placement p = place(o.dtype, o.shape, o.layout);
    view = p.view;
    if (o.role == Role::none) return;
    const std::size_t wide = half ? 1 : 2;
    memory.assign(2 * kMargin + static_cast<std::size_t>(p.storage) * wide + 2, 0x7FED);
    if (half) view.dtype = DType::bf16;
    view.data = reinterpret_cast<std::byte*>(memory.data() + kMargin +
                                             static_cast<std::size_t>(p.offset) * wide);
    for (std::size_t n = 0; n < values.size(); ++n) put(static_cast<std::int64_t>(n), values[n], o);
    before = memory;
  }
  void put(std::int64_t n, double value, const Operand& o) {
    const std::int64_t at = offset_of(view, n);
    if (half) {
      reinterpret_cast<std::uint16_t*>(view.data)[at] = nearest(value);
    } else if (o.dtype == DType::i32) {
      reinterpret_cast<std::int32_t*>(view.data)[at] = static_cast<std::int32_t>(value);
    } else {
      reinterpret_cast<float*>(view.data)[at] = static_cast<float>(value);
    }
  }
  double number(std::int64_t n) const {
    const std::int64_t at = offset_of(view, n);
    return half ? float_of(reinterpret_cast<const std::uint16_t*>(view.data)[at])
                : reinterpret_cast<const float*>(view.data)[at];
  }
  // Everything but the elements of a result is as it was.
  bool kept(std::int64_t elements, bool written) {
    for (std::int64_t n = 0; written && n < elements; ++n) {
      const std::int64_t at = offset_of(view, n) * (half ? 1 : 2);
      std::uint16_t* p = reinterpret_cast<std::uint16_t*>(view.data) + at;
      std::copy_n(before.begin() + (p - memory.data()), half ? 1 : 2, p);
    }
    return memory == before;
  }
};

Values inputs(const Problem& problem, const std::vector<bool>& half, std::uint64_t seed) {
  Values v;
  const auto store_all = [&] {
    for (std::size_t i = 0; i < v.of.size(); ++i)
      for (double& value : v.of[i]) value = stored(value, half[i], problem.operands[i].dtype);
  };
  for (std::size_t i = 0; i < problem.operands.size(); ++i)
    v.of.push_back(draw(problem.operands[i], seed, static_cast<int>(i)));
  store_all();
  if (problem.prepare) problem.prepare(v);
  if (problem.alias >= 0) v[0] = v[problem.alias];
  store_all();
  return v;
}

// The result in double, of the same numbers.
Values expected(const Problem& problem, const Values& initial) {
  static const std::unique_ptr<Backend> reference = make_reference_backend();
  std::vector<std::vector<double>> numbers;
  std::vector<std::vector<std::int32_t>> integers(problem.operands.size());
  Args args;
  for (std::size_t i = 0; i < problem.operands.size(); ++i) {
    const Operand& o = problem.operands[i];
    numbers.push_back(initial.of[i]);
    numbers.back().push_back(0);   // an address also for nothing
    for (const double value : numbers.back())
      integers[i].push_back(o.dtype == DType::i32 ? static_cast<std::int32_t>(value) : 0);
    View v = place(o.dtype == DType::i32 ? o.dtype : DType::f64, o.shape, Layout::contiguous).view;
    if (o.role != Role::none)
      v.data = o.dtype == DType::i32 ? reinterpret_cast<std::byte*>(integers[i].data())
                                     : reinterpret_cast<std::byte*>(numbers[i].data());
    args.views.push_back(v);
    args.modes.push_back(Mode::write);
  }
  problem.run(*reference, args);
  Values result = initial;
  for (std::size_t i = 0; i < problem.operands.size(); ++i)
    if (is_result(problem.operands[i]))
      result.of[i].assign(numbers[i].begin(), numbers[i].end() - 1);
  return result;
}

std::string check(const Candidate& who, Backend& backend, const Problem& problem,
                  const std::vector<bool>& half, std::uint64_t seed) {
  const Values initial = inputs(problem, half, seed);
  Values want = expected(problem, initial);
  want.before = &initial;
  want.pattern_error = who.has_matrix_units() ? kHalf / kU : 0;
  std::vector<Stage> stages;
  Args args;
  for (std::size_t i = 0; i < problem.operands.size(); ++i) {
    const Operand& o = problem.operands[i];
    stages.emplace_back(o, initial.of[i], half[i]);
    args.modes.push_back(o.mode);
  }
  for (std::size_t i = 0; i < stages.size(); ++i) {
    args.views.push_back(stages[i].view);
    if (problem.operands[i].mode == Mode::skip) args.views.back().data = nullptr;
  }
  const std::size_t alias = static_cast<std::size_t>(problem.alias);
  DeviceCopies copies(backend);
  for (std::size_t i = 0; i < stages.size(); ++i) {
    std::vector<std::uint16_t>& memory = stages[i].memory;
    args.views[i].data =
        copies.send(memory.data(), memory.data() + memory.size(), args.views[i].data);
  }
  if (problem.alias >= 0) args.views[0] = args.views[alias];
  problem.run(backend, args);
  backend.wait();
  copies.fetch();
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const Operand& o = problem.operands[i];
    if (o.role == Role::none) continue;
    const bool written = is_result(o) && o.mode != Mode::skip;
    const bool onto_input = problem.alias >= 0 && i == 0;
    Stage& stage = onto_input ? stages[alias] : stages[i];
    const std::vector<double> gate =
        written && problem.gate ? problem.gate(want, static_cast<int>(i)) : std::vector<double>();
    for (std::size_t e = 0; written && e < want.of[i].size(); ++e) {
      double value = want.of[i][e], allowed = gate.empty() ? 0 : gate[e];
      allowed += kU * std::fabs(value) + 0x1p-149;
      if (problem.kernel == "scatter_add") allowed += 64 * kU * 3;   // rows within 3, one by one
      if (o.role == Role::into && o.mode == Mode::add) {
        value += initial.of[i][e];
        allowed += kU * std::fabs(value);
      }
      const double got = stage.number(static_cast<std::int64_t>(e));
      if (std::isnan(value) && std::isnan(got)) continue;
      // The f32 that is rounded may itself be off by what is allowed so far.
      if (stage.half) allowed += kHalf * (std::fabs(value) + allowed) + 0x1p-134;
      const double rounded = stored(value, stage.half, DType::f32);
      if (std::isinf(rounded) && got == rounded) continue;
      if (std::fabs(got - value) <= allowed) continue;
      return std::string(o.name) + "[" + std::to_string(e) + "]" + (stage.half ? " (bf16)" : "") +
             ": expected " + std::to_string(value) + ", got " + std::to_string(got) +
             ", allowed " + std::to_string(allowed);
    }
    if (onto_input) continue;
    const bool changes = written || (problem.alias >= 0 && i == alias);
    if (!stage.kept(count(o.shape), changes))
      return std::string("memory of ") + o.name + " was changed outside of its elements";
  }
  return "";
}

std::string types(const Problem& problem, const std::vector<bool>& half) {
  std::string text;
  for (std::size_t i = 0; i < half.size(); ++i)
    if (half[i]) text += std::string(text.empty() ? "" : ", ") + problem.operands[i].name;
  return "in bf16: " + text;
}

// fill, copy and the optimizer's kernels have tests of their own above, or no operand that may be bf16.
std::vector<const KernelRow*> rows() {
  std::vector<const KernelRow*> all;
  for (const KernelRow& row : kernel_table()) {
    const std::string name = row.name;
    if (name != "global_norm" && name != "adamw") all.push_back(&row);
  }
  return all;
}

bool has_integers(const Problem& problem) {   // fill and copy of whole numbers: not of this test
  const std::string name = problem.kernel;
  if (name != "fill" && name != "copy") return false;
  return std::any_of(problem.operands.begin(), problem.operands.end(),
                     [](const Operand& o) { return o.dtype == DType::i32; });
}

class Bf16Table : public testing::TestWithParam<Candidate> {};

TEST_P(Bf16Table, EveryKernelAgreesWithTheReferenceInDouble) {
  if (!GetParam().usable) GTEST_SKIP() << "this machine cannot run " << GetParam().isa;
  Backend& backend = candidate(GetParam().isa, 3);
  for (const KernelRow* row : rows()) {
    const Problems problems = row->small();
    int failed = 0, run = 0;
    const std::size_t stride = GetParam().stride > 1 ? 4 * 11 : 11;
    for (std::size_t i = 0; i < problems.size(); i += stride) {
      if (has_integers(problems[i])) continue;
      for (const Which which : {Which::all, Which::some}) {
        const std::vector<bool> half = halves_of(problems[i], which, i + 1);
        on_crash_say(GetParam().isa + " in bf16: " + problems[i].key());
        const std::string finding = check(GetParam(), backend, problems[i], half, kSeed + i);
        ++run;
        if (finding.empty() || ++failed > 3) continue;
        ADD_FAILURE() << GetParam().isa << ", case " << i << ": " << problems[i].key() << "\n  "
                      << types(problems[i], half) << "\n  " << finding;
      }
    }
    EXPECT_EQ(failed, 0) << "of " << run << " cases of " << row->name << " on " << GetParam().isa;
    EXPECT_GE(run, stride > 11 ? 4 : 14) << row->name;
  }
}

TEST_P(Bf16, TheNumberOfThreadsDoesNotChangeOneBit) {
  if (!GetParam().has_threads()) return;
  for (const KernelRow* row : rows()) {
    const Problems problems = row->large();
    for (std::size_t p = 0; p < problems.size() && p < 2; ++p) {
      const Problem& problem = problems[p];
      const std::vector<bool> half = halves_of(problem, Which::all, 1);
      const Values initial = inputs(problem, half, kSeed);
      std::vector<std::vector<std::uint16_t>> alone;
      for (const int threads : {1, 2, 3, 7}) {
        std::vector<Stage> stages;
        Args args;
        for (std::size_t i = 0; i < problem.operands.size(); ++i) {
          stages.emplace_back(problem.operands[i], initial.of[i], half[i]);
          args.modes.push_back(problem.operands[i].mode);
        }
        for (const Stage& stage : stages) args.views.push_back(stage.view);
        problem.run(candidate(GetParam().isa, threads), args);
        for (std::size_t i = 0; i < stages.size(); ++i) {
          if (threads == 1) alone.push_back(stages[i].memory);
          EXPECT_EQ(stages[i].memory, alone[i])
              << problem.operands[i].name << ", " << threads << " threads: " << problem.key();
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Bf16, testing::ValuesIn(candidates()),
                         [](const auto& one) { return one.param.isa; });
INSTANTIATE_TEST_SUITE_P(Kernels, Bf16Table, testing::ValuesIn(candidates_and_gpus()),
                         [](const auto& one) { return one.param.isa; });

}  // namespace
}  // namespace glass::test
