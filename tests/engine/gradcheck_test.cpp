// Every derivative of every op against differences, and the checker itself against derivatives that
// are wrong.
//   test_engine --gtest_filter='*AgreesWithDifferences*gelu*'   one op
//   GLASS_DEEP=1 test_engine   up to 2,000 differences one by one, before directions are taken
#include "engine/gradcheck.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <set>

#include "engine/base/error.h"
#include "engine/random.h"
#include "engine/slot.h"
#include "tests/engine/devices.h"
#include "tests/engine/op_cases.h"

namespace glass {
namespace {

using testing::counting;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::reference;

constexpr int kFailuresShown = 5;

// ---- every op

class Derivative : public ::testing::TestWithParam<OpCases> {};

TEST_P(Derivative, AgreesWithDifferences) {
  const bool deep = std::getenv("GLASS_DEEP") != nullptr;
  const std::vector<Case> cases = cases_of(GetParam());
  double margin = 0;
  std::int64_t entries = 0;
  int failed = 0;
  for (const Case& c : cases) {
    GradientCheck how = c.how;
    if (!deep) how.max_entries = 100;
    const GradientReport report =
        check_gradients(c.name, c.op, c.draw(reference(), DType::f64), how);
    margin = std::max(margin, report.margin);
    entries += report.entries;
    if (!report.ok && ++failed <= kFailuresShown) ADD_FAILURE() << report.failure;
  }
  EXPECT_EQ(failed, 0) << "of " << cases.size() << " cases of " << GetParam().op;
  RecordProperty("cases", static_cast<int>(cases.size()));
  std::cout << "[  margin  ] " << GetParam().op << ": " << cases.size() << " cases, " << entries
            << " differences, worst " << margin << " of the gate\n";
}

INSTANTIATE_TEST_SUITE_P(Ops, Derivative, ::testing::ValuesIn(all_op_cases()),
                         testing::name_of_test);

// ---- the table

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// "const Tensor& x" -> "x", "Keep = Keep::no" -> "Keep": the last word of a parameter, without its
// default.
std::string name_of_parameter(std::string text) {
  text = text.substr(0, text.find(" = "));
  while (!text.empty() && !is_name(text.back())) text.pop_back();
  std::size_t start = text.size();
  while (start > 0 && is_name(text[start - 1])) --start;
  return text.substr(start);
}

// The parameters between brackets, those that say where a call stands left out. `text` begins after
// the first bracket.
std::vector<std::string> names_of_parameters(const std::string& text) {
  std::vector<std::string> names;
  std::string one;
  int depth = 1;
  for (std::size_t i = 0; i < text.size() && depth > 0; ++i) {
    depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
    if (depth > 1 || (depth == 1 && text[i] != ',')) {
      one += text[i];
      continue;
    }
    if (const std::string name = name_of_parameter(one); name != "Where" && name != "where")
      names.push_back(name);
    one.clear();
  }
  return names;
}

// How ops.h declares its ops, as the table calls them: "composed::linear(x, w, bias)", "a + b".
std::set<std::string> declared_ops() {
  std::ifstream file(GLASS_SOURCE_DIR "/engine/ops.h");
  std::set<std::string> ops;
  std::string line, scope;
  while (std::getline(file, line)) {
    if (line == "namespace composed {") scope = "composed::";
    if (line.rfind("inline ", 0) == 0) line.erase(0, 7);
    const std::size_t bracket = line.find('(');
    if (line.rfind("Tensor ", 0) != 0 || bracket == std::string::npos) continue;
    const std::string name = line.substr(7, bracket - 7);
    const std::vector<std::string> names = names_of_parameters(line.substr(bracket + 1));
    if (name.rfind("operator", 0) == 0) {
      const std::string sign = name.substr(8);
      ops.insert(names.size() == 1 ? sign + names[0]
                                   : names.at(0) + " " + sign + " " + names.at(1));
      continue;
    }
    std::string call = scope + name + "(";
    for (std::size_t i = 0; i < names.size(); ++i) call += (i ? ", " : "") + names[i];
    ops.insert(call + ")");
  }
  return ops;
}

TEST(OpTable, HoldsExactlyTheOpsOfOpsH) {
  const std::set<std::string> declared = declared_ops();
  std::set<std::string> listed;
  for (const OpCases& op : all_op_cases())
    EXPECT_TRUE(listed.insert(op.op).second) << op.op << " is listed twice";
  ASSERT_GE(declared.size(), 80u) << "ops.h was not understood";
  for (const std::string& op : declared) {
    EXPECT_TRUE(listed.count(op))
        << op
        << " is declared in engine/ops.h and has no cases: add them at the bottom of its file";
  }
  for (const std::string& op : listed)
    EXPECT_TRUE(declared.count(op)) << op << " has cases, but engine/ops.h does not declare it";
}

TEST(OpTable, HasTwelveThousandCasesOfWhichFewAreEmpty) {
  std::set<std::string> names;
  std::size_t total = 0, empty = 0;
  for (const OpCases& op : all_op_cases()) {
    const std::vector<Case> cases = cases_of(op);
    EXPECT_GE(cases.size(), 200u) << op.op;
    total += cases.size();
    for (const Case& c : cases) {
      names.insert(c.name);
      empty += testing::has_zero_size(c) ? 1 : 0;
    }
  }
  EXPECT_EQ(names.size(), total) << "two cases have one name";
  EXPECT_GE(total, 12000u);
  EXPECT_LE(empty * 20, total) << empty << " of " << total << " have a size of 0";
  std::cout << "[  cases   ] " << total << ", of which " << empty << " have a size of 0\n";
}

// Sizes and layouts that an op of any shape must have met; ops with shapes of their own are looked
// at by name below.
TEST(OpTable, ShowsEverySizeRankAndLayoutToAnOpOfAnyShape) {
  const std::set<std::string> of_any_shape = {"exp(x)", "add(a, b)", "softmax(x)"};
  std::size_t looked_at = 0;
  for (const OpCases& op : all_op_cases()) {
    if (!of_any_shape.count(op.op)) continue;
    ++looked_at;
    std::set<std::int64_t> sizes, ranks;
    std::map<Layout, int> layouts;
    for (const Case& c : cases_of(op)) {
      const Seen& x = c.inputs[0];
      sizes.insert(x.shape.begin(), x.shape.end());
      ranks.insert(x.shape.rank);
      ++layouts[x.layout];
    }
    for (const std::int64_t n : kSizes)
      EXPECT_TRUE(sizes.count(n)) << op.op << " never meets size " << n;
    EXPECT_TRUE(sizes.count(0)) << op.op;
    EXPECT_GE(ranks.size(), 5u) << op.op;
    EXPECT_EQ(layouts.size(), 6u) << op.op << " never meets some layout";
    for (const auto& [layout, count] : layouts)
      EXPECT_GE(count, 10) << op.op << ", layout " << static_cast<int>(layout);
  }
  EXPECT_EQ(looked_at, of_any_shape.size());
}

// For each axis that two shapes share: equal, or 1 on either side. Up to rank 4 there are 237 ways.
TEST(OpTable, BroadcastsInEveryPatternUpToRankFour) {
  std::set<std::string> patterns;
  for (const OpCases& op : all_op_cases()) {
    if (std::string(op.op) != "mul(a, b)") continue;
    for (const Case& c : cases_of(op)) {
      if (c.inputs.size() < 2) continue;   // one tensor on both sides
      const Shape &a = c.inputs[0].shape, &b = c.inputs[1].shape;
      std::string pattern = std::to_string(a.rank) + std::to_string(b.rank);
      for (int i = 1; i <= std::min(a.rank, b.rank); ++i)
        pattern += a[-i] == b[-i] ? '=' : a[-i] == 1 ? 'a' : 'b';
      patterns.insert(pattern);
    }
  }
  EXPECT_EQ(patterns.size(), 237u);
}

TEST(OpTable, VisitsTheCornersOfAttentionNormsAndLosses) {
  std::map<std::string, int> seen;
  for (const OpCases& op : all_op_cases()) {
    for (const Case& c : cases_of(op)) {
      const Shape& x = c.inputs[0].shape;
      const std::string name = op.op;
      if (name == "attention(q, k, v, Attention)") {
        seen["one query"] += x[2] == 1;
        if (c.inputs.size() == 3) {
          const Shape& k = c.inputs[1].shape;
          seen["one key"] += k[2] == 1;
          seen["grouped queries"] += x[1] > k[1];
          seen["more keys than queries"] += k[2] > x[2];
        }
        seen["window"] += c.name.find("window=0") == std::string::npos;
        seen["query offset"] += c.name.find("q_offset=0") == std::string::npos;
        seen["dropout"] += c.name.find("dropout/10=1") != std::string::npos ||
                           c.name.find("dropout/10=3") != std::string::npos;
      }
      if (name == "layernorm(x, w, b, eps)") seen["one channel"] += x[-1] == 1;
      if (name == "cross_entropy(logits, targets, ignore)") {
        seen["a vocabulary of one"] += x[-1] == 1;
        seen["a class is ignored"] += c.name.find("ignore=0") != std::string::npos;
      }
      if (name == "matmul(a, b)")
        seen["one tensor on both sides"] += c.name.find("transposed") != std::string::npos;
    }
  }
  EXPECT_EQ(seen.size(), 11u);
  for (const auto& [what, count] : seen) EXPECT_GE(count, 5) << what;
}

// ---- kinks: where there is no derivative, the one that is documented

TEST(Kinks, EqualNumbersShareTheDerivativeOfAMaximum) {
  Tape tape;
  Parameter a{"a", counting({3})},
      b{"b", Tensor::from(reference(), std::vector<double>{1, 1, 1}, {3}, DType::f64)};
  const Tensor a_watched = tape.watch(a), b_watched = tape.watch(b);
  const Tensor y = maximum(a_watched, b_watched), z = minimum(a_watched, b_watched);
  tape.backward(sum(y) + 10.0 * sum(z));
  EXPECT_THAT(a.grad.to_host(), ElementsAre(10, 5.5, 1));
  EXPECT_THAT(b.grad.to_host(), ElementsAre(1, 5.5, 10));
}

TEST(Kinks, AllThatReachTheMaximumOfAnAxisShareItsDerivative) {
  Tape tape;
  Parameter x{"x", Tensor::from(reference(), std::vector<double>{7, 2, 7, 7, 1, 5, 5, 0}, {2, 4},
                                DType::f64)};
  tape.backward(max(tape.watch(x), 1),
                Tensor::from(reference(), std::vector<double>{6, 8}, {2}, DType::f64));
  EXPECT_THAT(x.grad.to_host(), ElementsAre(2, 0, 2, 2, 0, 4, 4, 0));
}

TEST(Kinks, ReluAndAbsHaveNoSlopeAtZero) {
  for (const auto f : {relu, relu2, abs}) {
    Tape tape;
    Parameter x{"x", Tensor::from(reference(), std::vector<double>{-1, 0, 2}, {3}, DType::f64)};
    tape.backward(sum(f(tape.watch(x), Where::here())));
    EXPECT_EQ(x.grad.to_host()[1], 0);
  }
}

// ---- the checker itself: it accepts what is right and rejects what is nearly right

GradientReport check_at_gaussian(const char* name, const TensorFunction& f,
                                 const Shape& shape = {3, 4}, GradientCheck how = {}) {
  return check_gradients(name, f, {gaussian(reference(), shape, 0, 1, {7, 0, 0, 0}, DType::f64)},
                         how);
}

// A user's own op: y = x^3, with a derivative that may be wrong in several ways.
enum class Bug { none, scaled, zero, nan, overwrites, writes_input, one_element };

struct Cube final : Node {
  Tensor x;
  Bug bug;
  Cube(Tensor input, Bug wrong) : Node("cube"), x(std::move(input)), bug(wrong) {}
  void backward(const Tensor& dy, Slots dx) override {
    Tensor g = dy * (3.0 * square(x));
    if (bug == Bug::scaled) g = 1.00001 * g;
    if (bug == Bug::zero) g = 0.0 * g;
    if (bug == Bug::nan) g = g / 0.0;
    if (bug == Bug::one_element)
      g.backend().fill(slice(reshape(g, {g.numel()}), 0, 5, 6).view(), 0);
    if (bug == Bug::overwrites) {
      g.backend().copy({dx[0].into().view, false}, g.view());
      return;
    }
    dx[0] += g;
    if (bug == Bug::writes_input) x.backend().fill(x.view(), 1);
  }
};

TensorFunction cube(Bug bug) {
  return [=](Tensors in) {
    const Tensor& x = in[0];
    return record<Cube>(x.detach() * x.detach() * x.detach(), Where::here(), {x}, x, bug);
  };
}

TEST(CheckGradients, AcceptsADerivativeThatIsRight) {
  const GradientReport report = check_at_gaussian("cube", cube(Bug::none));
  EXPECT_TRUE(report.ok) << report.failure;
  EXPECT_EQ(report.entries, 12);
  EXPECT_LT(report.margin, 0.05);
}

TEST(CheckGradients, RejectsADerivativeThatIsOffByAHundredThousandth) {
  const GradientReport report = check_at_gaussian("cube", cube(Bug::scaled));
  EXPECT_FALSE(report.ok);
  EXPECT_THAT(report.failure, HasSubstr("cube: input 0 (3,4), element "));
  EXPECT_THAT(report.failure, HasSubstr("expected "));
  EXPECT_THAT(report.failure, HasSubstr("got "));
}

TEST(CheckGradients, RejectsZerosNaNsAndOneWrongElement) {
  for (const Bug bug : {Bug::zero, Bug::nan, Bug::one_element})
    EXPECT_FALSE(check_at_gaussian("cube", cube(bug)).ok);
}

TEST(CheckGradients, FindsOneWrongElementAmongThousands) {
  const GradientReport right = check_at_gaussian("cube", cube(Bug::none), {50, 60});
  EXPECT_TRUE(right.ok) << right.failure;
  EXPECT_EQ(right.entries, 16);   // directions
  EXPECT_FALSE(check_at_gaussian("cube", cube(Bug::one_element), {50, 60}).ok);
}

TEST(CheckGradients, RejectsOverwritingAGradient) {
  const GradientReport report = check_at_gaussian("cube", cube(Bug::overwrites));
  EXPECT_THAT(report.failure, HasSubstr("adds"));
}

TEST(CheckGradients, RejectsWritingToAnInput) {
  EXPECT_FALSE(check_at_gaussian("cube", cube(Bug::writes_input)).ok);
}

// Differences of a constant are zero, and so is its derivative: only the author can say that this
// is meant.
TEST(CheckGradients, WantsZeroDerivativesDeclared) {
  const auto constant = [](Tensors x) { return sum(softmax(x[0]), -1); };
  EXPECT_THAT(check_at_gaussian("constant", constant).failure, HasSubstr("zero everywhere"));
  GradientCheck declared;
  declared.zero_gradient = true;
  EXPECT_TRUE(check_at_gaussian("constant", constant, {3, 4}, declared).ok);
}

TEST(CheckGradients, RejectsAFunctionThatTheTapeDoesNotSee) {
  const GradientReport report =
      check_at_gaussian("cut off", [](Tensors x) { return exp(x[0].detach()); });
  EXPECT_THAT(report.failure, HasSubstr("not recorded"));
}

TEST(CheckGradients, RefusesSinglePrecision) {
  const auto check = [] {
    check_gradients("exp", [](Tensors x) { return exp(x[0]); },
                    {Tensor::full(reference(), {2}, 1)});
  };
  EXPECT_THAT(testing::message_of<ShapeError>(check), HasSubstr("f64"));
}

}   // namespace
}   // namespace glass
