// The scalar tape: values as Python computes them, gradients against finite differences, and every
// misuse an Error.
#include "engine/value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/python_random.h"

namespace glass::scalar {
namespace {

// What an Error says, or "" if there is none.
std::string complaint(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) { return error.what(); }
  return "";
}

TEST(Value, GivesTheGradientsOfMicrogradsExample) {
  Tape tape;
  Value a = tape.number(-4.0), b = tape.number(2.0);
  Value c = a + b;
  Value d = a * b + pow(b, 3);
  c += c + 1;
  c += 1 + c + (-a);
  d += d * 2 + relu(b + a);
  d += 3 * d + relu(b - a);
  Value e = c - d;
  Value f = pow(e, 2);
  Value g = f / 2.0;
  g += 10.0 / f;
  tape.backward(g);
  EXPECT_NEAR(g.data(), 24.70408163265306, 1e-13);
  EXPECT_NEAR(a.grad(), 138.83381924198252, 1e-11);
  EXPECT_NEAR(b.grad(), 645.5772594752186, 1e-11);
}

TEST(Value, AddsUpTheGradientOfAValueThatIsUsedTwice) {
  Tape tape;
  Value a = tape.number(1), b = a + a, c = b + b;
  tape.backward(c);
  EXPECT_EQ(a.grad(), 4);   // a walk that visits b before both its uses are done gives 2
}

TEST(Value, HasGradientZeroWhereTheLossDoesNotDependOnIt) {
  Tape tape;
  Value a = tape.number(1), b = tape.number(2), unused = b * b, loss = a * 3;
  EXPECT_EQ(a.grad(), 0) << "before any backward";
  tape.backward(loss);
  EXPECT_EQ(a.grad(), 3);
  EXPECT_EQ(b.grad(), 0);
  EXPECT_EQ(unused.grad(), 0);
}

TEST(Value, HasFreshGradientsAfterEveryBackward) {
  Tape tape;
  Value a = tape.number(2), loss = a * a;
  tape.backward(loss);
  tape.backward(loss);
  EXPECT_EQ(a.grad(), 4);   // not 8
  Value other = a * 5;
  EXPECT_EQ(other.grad(), 0) << "made after the last backward";
  tape.backward(other);
  EXPECT_EQ(a.grad(), 5);
  EXPECT_EQ(loss.grad(), 0) << "loss came before, but other does not depend on it";
}

// --- every operation against finite differences --------------------------------------------------

struct Operation {
  const char* name;
  std::function<Value(Value, Value)> f;
  double low, high;   // where its inputs may lie; kinks and poles are left out
};

const std::vector<Operation>& operations() {
  static const std::vector<Operation> all = {
      {"a + b", [](Value a, Value b) { return a + b; }, -2, 2},
      {"a * b", [](Value a, Value b) { return a * b; }, -2, 2},
      {"a - b", [](Value a, Value b) { return a - b; }, -2, 2},
      {"a / b", [](Value a, Value b) { return a / b; }, 0.5, 2},
      {"-a", [](Value a, Value) { return -a; }, -2, 2},
      {"a + 1.5", [](Value a, Value) { return a + 1.5; }, -2, 2},
      {"1.5 + a", [](Value a, Value) { return 1.5 + a; }, -2, 2},
      {"a - 1.5", [](Value a, Value) { return a - 1.5; }, -2, 2},
      {"1.5 - a", [](Value a, Value) { return 1.5 - a; }, -2, 2},
      {"a * 1.5", [](Value a, Value) { return a * 1.5; }, -2, 2},
      {"1.5 * a", [](Value a, Value) { return 1.5 * a; }, -2, 2},
      {"a / 1.5", [](Value a, Value) { return a / 1.5; }, -2, 2},
      {"1.5 / a", [](Value a, Value) { return 1.5 / a; }, 0.5, 2},
      {"a += b", [](Value a, Value b) { return a += b; }, -2, 2},
      {"a -= b", [](Value a, Value b) { return a -= b; }, -2, 2},
      {"a *= b", [](Value a, Value b) { return a *= b; }, -2, 2},
      {"a /= b", [](Value a, Value b) { return a /= b; }, 0.5, 2},
      {"a += 1.5", [](Value a, Value) { return a += 1.5; }, -2, 2},
      {"a -= 1.5", [](Value a, Value) { return a -= 1.5; }, -2, 2},
      {"a *= 3", [](Value a, Value) { return a *= 3; }, -2, 2},
      {"a /= 3", [](Value a, Value) { return a /= 3; }, -2, 2},
      {"pow(a, 3)", [](Value a, Value) { return pow(a, 3); }, -2, 2},
      {"pow(a, -1)", [](Value a, Value) { return pow(a, -1); }, 0.5, 2},
      {"pow(a, -0.5)", [](Value a, Value) { return pow(a, -0.5); }, 0.5, 2},
      {"pow(a, 0)", [](Value a, Value b) { return pow(a, 0) + 0.0 * b; }, 0.5, 2},
      {"exp(a)", [](Value a, Value) { return exp(a); }, -2, 2},
      {"log(a)", [](Value a, Value) { return log(a); }, 0.5, 2},
      {"relu(a) above 0", [](Value a, Value) { return relu(a); }, 0.1, 2},
      {"relu(a) below 0", [](Value a, Value) { return relu(a); }, -2, -0.1},
      {"sum of a, b, a",
       [](Value a, Value b) {
         return sum(std::vector<Value>{a, b, a});
       },
       -2, 2},
      {"a used as both inputs", [](Value a, Value b) { return a * a + b * b * b; }, -2, 2},
  };
  return all;
}

// f at (x, y) on a tape of its own.
double evaluate(const std::function<Value(Value, Value)>& f, double x, double y) {
  Tape tape;
  const Value a = tape.number(x), b = tape.number(y);
  return f(a, b).data();
}

// Central differences. With h = 1e-5 the truncation error is h^2 f'''/6 and the rounding error
// about 1e-16 f / h, both near 1e-10 here, so 1e-8 leaves room for steep expressions and none for a
// wrong rule.
void expect_slopes(const std::string& name, const std::function<Value(Value, Value)>& f, double x,
                   double y) {
  Tape tape;
  const Value a = tape.number(x), b = tape.number(y);
  const Value loss = f(a, b);
  tape.backward(loss);
  const double h = 1e-5;
  const double da = (evaluate(f, x + h, y) - evaluate(f, x - h, y)) / (2 * h);
  const double db = (evaluate(f, x, y + h) - evaluate(f, x, y - h)) / (2 * h);
  const double scale = 1 + std::abs(loss.data());
  EXPECT_NEAR(a.grad(), da, 1e-8 * scale + 1e-6 * std::abs(da))
      << name << " at (" << x << ", " << y << "), slope towards a";
  EXPECT_NEAR(b.grad(), db, 1e-8 * scale + 1e-6 * std::abs(db))
      << name << " at (" << x << ", " << y << "), slope towards b";
}

TEST(Value, GradientsOfEveryOperationAgreeWithFiniteDifferences) {
  PythonRandom random(20);
  for (const Operation& op : operations()) {
    for (int i = 0; i < 50; ++i) {
      const double x = op.low + (op.high - op.low) * random.uniform(),
                   y = op.low + (op.high - op.low) * random.uniform();
      expect_slopes(op.name, op.f, x, y);
    }
  }
}

// A random expression of a and b, of up to 30 operations. The choice of operations depends on the
// seed alone, so it is the same function wherever it is evaluated. Every step keeps the numbers
// small and away from kinks and poles.
Value random_expression(std::uint64_t seed, Value a, Value b) {
  PythonRandom random(seed);
  std::vector<Value> made = {a, b};
  const int steps = 3 + static_cast<int>(random.below(28));
  for (int i = 0; i < steps; ++i) {
    const Value x = made[random.below(static_cast<std::uint32_t>(made.size()))];
    const Value y = made[random.below(static_cast<std::uint32_t>(made.size()))];
    switch (random.below(9)) {
      case 0:
        made.push_back(x + y);
        break;
      case 1:
        made.push_back(x * y * 0.5);
        break;
      case 2:
        made.push_back(x - y);
        break;
      case 3:
        made.push_back(x / (y * y + 1.0));
        break;
      case 4:
        made.push_back(exp(-(x * x)));
        break;
      case 5:
        made.push_back(log(x * x + 1.5));
        break;
      case 6:
        made.push_back(pow(y * y + 0.5, -0.5));
        break;
      case 7:
        made.push_back(relu(x * x + 0.3) - 1.0);
        break;
      case 8:
        made.push_back(pow(x * 0.5, 3) / (x * x + 1.0));
        break;
    }
  }
  return sum(made);
}

TEST(Value, GradientsOfRandomExpressionsAgreeWithFiniteDifferences) {
  PythonRandom random(21);
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const double x = 2 * random.uniform() - 1, y = 2 * random.uniform() - 1;
    expect_slopes(
        "expression " + std::to_string(seed),
        [seed](Value a, Value b) { return random_expression(seed, a, b); }, x, y);
    if (HasFailure()) break;
  }
}

TEST(Value, ReluHasSlopeZeroAtZero) {
  Tape tape;
  Value a = tape.number(0), y = relu(a);
  tape.backward(y);
  EXPECT_EQ(y.data(), 0);
  EXPECT_EQ(a.grad(), 0);
}

TEST(Value, ReluOfANanIsZeroAsInPython) {
  Tape tape;
  EXPECT_EQ(relu(tape.number(std::nan(""))).data(), 0);   // max(0, nan) is 0
}

// --- what the tape remembers ---------------------------------------------------------------------

TEST(ScalarTape, HasOneNodeForEachThingPythonWouldMake) {
  Tape tape;
  const Value a = tape.number(2), b = tape.number(3);
  const auto nodes_of = [&](const std::function<Value()>& make) {
    const int before = tape.size();
    make();
    return tape.size() - before;
  };
  EXPECT_EQ(nodes_of([&] { return a + b; }), 1);
  EXPECT_EQ(nodes_of([&] { return a * b; }), 1);
  EXPECT_EQ(nodes_of([&] { return a * 2; }), 2) << "the number 2, and the product";
  EXPECT_EQ(nodes_of([&] { return -a; }), 2) << "the number -1, and the product";
  EXPECT_EQ(nodes_of([&] { return a - b; }), 3) << "-1, -1 * b, and the sum";
  EXPECT_EQ(nodes_of([&] { return a / b; }), 3) << "-1, b ** -1, and the product";
  EXPECT_EQ(nodes_of([&] { return exp(a); }), 1);
  EXPECT_EQ(nodes_of([&] { return sum(std::vector<Value>{a, b}); }), 2) << "0 + a, and + b";
}

TEST(ScalarTape, RemembersOpInputsSlopesAndLine) {
  Tape tape;
  const Value a = tape.number(2), b = tape.number(3);
  const Value c = a * b;
  const int line = __LINE__ - 1;
  const Node& node = tape.node(c.id());
  EXPECT_STREQ(name_of(node.made.op), "mul");
  EXPECT_EQ(node.in[0], a.id());
  EXPECT_EQ(node.in[1], b.id());
  EXPECT_EQ(node.local[0], 3);
  EXPECT_EQ(node.local[1], 2);
  EXPECT_EQ(tape.where(c.id()).line, line);
  EXPECT_TRUE(std::string(tape.where(c.id()).file).ends_with("value_test.cpp"))
      << tape.where(c.id()).file;
}

TEST(ScalarTape, GivesEveryNodeOfACompoundOperationTheLineThatWroteIt) {
  Tape tape;
  const Value a = tape.number(2), b = tape.number(3);
  const int first = tape.size();
  // clang-format off
  const int line = __LINE__ + 1;
  Value c = (1.0 - a / b) - relu(2.0 * a) + exp(-b) / 7.0 + pow(a, 2) + log(a) * (3 - b) + 5 / a - sum(std::vector<Value>{a, b});
  c += 1.0, c -= a, c *= b, c /= a, c -= 2, c *= 3, c /= 4, c += b;
  // clang-format on
  for (int i = first; i < tape.size(); ++i) {
    const Where at = tape.where(i);
    EXPECT_TRUE(std::string(at.file).ends_with("value_test.cpp") &&
                (at.line == line || at.line == line + 1))
        << "#" << i << " " << name_of(tape.node(i).made.op) << " says " << at.file << ":"
        << at.line;
  }
  EXPECT_GT(tape.size() - first, 40);
}

TEST(ScalarTape, ReusesItsMemoryFromStepToStep) {
  Tape tape;
  const Value w = tape.number(0.5);
  const int mark = tape.size();
  const double* before = nullptr;
  for (int step = 0; step < 100; ++step) {
    Value x = w;
    for (int i = 0; i < 1000; ++i) x = x * w + w;
    tape.backward(x);
    if (step == 0) before = tape.data(w, 1).data();
    tape.rewind(mark);
    ASSERT_EQ(tape.size(), mark);
  }
  EXPECT_EQ(tape.data(w, 1).data(), before) << "the memory moved";
  EXPECT_EQ(w.data(), 0.5) << "what lies below the mark stays";
}

TEST(ScalarTape, LetsAnOptimizerWriteToWeightsThatLieSideBySide) {
  Tape tape;
  const Value w = tape.number(1), v = tape.number(2);
  const int mark = tape.size();
  tape.backward(w * v);
  const auto data = tape.data(w, 2);
  const auto grad = tape.grad(w, 2);
  for (int i = 0; i < 2; ++i) data[i] -= 0.1 * grad[i];
  tape.rewind(mark);
  EXPECT_EQ(w.data(), 1 - 0.1 * 2);
  EXPECT_EQ(v.data(), 2 - 0.1 * 1);
}

// As many links as a long training run of a careless program; a recursive walk or destructor would
// need gigabytes of stack. Each link doubles the gradient's path without changing the number: x +
// 0.
TEST(ScalarTape, WalksAChainOfTenMillionNodes) {
  Tape tape;
  tape.reserve(10'000'010);
  const Value zero = tape.number(0), start = tape.number(1.25);
  Value x = start;
  for (int i = 0; i < 10'000'000; ++i) x = x + zero;
  tape.backward(x);
  EXPECT_EQ(tape.size(), 10'000'003);
  EXPECT_EQ(x.data(), 1.25);
  EXPECT_EQ(start.grad(), 1);
  EXPECT_EQ(zero.grad(), 10'000'000);
}

// --- linear --------------------------------------------------------------------------------------

// The same sums said with operators, one row after the other.
std::vector<Value> linear_by_operators(const Matrix& w, const std::vector<Value>& x) {
  std::vector<Value> y;
  for (int i = 0; i < w.rows; ++i) {
    std::vector<Value> products;
    for (int j = 0; j < w.columns; ++j)
      products.push_back(w(i, j) * x[static_cast<std::size_t>(j)]);
    y.push_back(sum(products));
  }
  return y;
}

struct LinearResult {
  std::vector<double> y, dw, dx;
  int nodes;
};

template <class Linear>
LinearResult run_linear(int rows, int columns, Linear linear_of) {
  Tape tape;
  PythonRandom random(22);
  const Matrix w{tape.number(random.gauss(0, 1)), rows, columns};
  for (int i = 1; i < rows * columns; ++i) tape.number(random.gauss(0, 1));
  std::vector<Value> x;
  for (int j = 0; j < columns; ++j) x.push_back(exp(tape.number(random.gauss(0, 1))));
  const int before = tape.size();
  const std::vector<Value> y = linear_of(w, x);
  LinearResult result;
  result.nodes = tape.size() - before;
  std::vector<Value> weighted;
  for (const Value& v : y) {
    result.y.push_back(v.data());
    weighted.push_back(v * random.gauss(0, 1));
  }
  tape.backward(sum(weighted));
  for (int i = 0; i < rows * columns; ++i) result.dw.push_back(tape.grad(w.first.id() + i));
  for (const Value& v : x) result.dx.push_back(v.grad());
  return result;
}

TEST(ScalarLinear, IsTheSumsThatOperatorsMakeToTheLastBit) {
  for (const auto& [rows, columns] :
       {std::pair{1, 1}, {2, 1}, {1, 5}, {3, 4}, {16, 16}, {27, 16}, {5, 64}, {64, 3}}) {
    SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(columns));
    const LinearResult fast = run_linear(
        rows, columns, [](const Matrix& w, const std::vector<Value>& x) { return linear(w, x); });
    const LinearResult plain = run_linear(rows, columns, linear_by_operators);
    EXPECT_EQ(fast.y, plain.y);
    EXPECT_EQ(fast.dw, plain.dw);
    EXPECT_EQ(fast.nodes, plain.nodes);
    ASSERT_EQ(fast.dx.size(), plain.dx.size());
    // The uses of x[j] stand in another order on the tape, so its gradient is the same sum in
    // another order.
    for (std::size_t j = 0; j < fast.dx.size(); ++j)
      EXPECT_NEAR(fast.dx[j], plain.dx[j], 1e-13) << "dx[" << j << "]";
  }
}

TEST(ScalarLinear, RefusesWhatDoesNotFit) {
  Tape tape, other;
  const Matrix w{tape.number(1), 1, 2};
  tape.number(2);
  const Value x = tape.number(3), stranger = other.number(4);
  EXPECT_NE(
      complaint([&] { linear(w, std::vector<Value>{x}); }).find("1 x 2 cannot take 1 numbers"),
      std::string::npos);
  EXPECT_NE(complaint([&] {
              linear(w, std::vector<Value>{x, stranger});
            }).find("different tapes"),
            std::string::npos);
  EXPECT_NE(complaint([&] {
              linear(w, std::vector<Value>{x, Value()});
            }).find("before it was given a number"),
            std::string::npos);
  EXPECT_NE(complaint([&] {
              linear(Matrix{w.first, 100, 2}, std::vector<Value>{x, x});
            }).find("no 200 values"),
            std::string::npos);
  EXPECT_NE(complaint([&] { w(0, 2); }).find("no (0, 2) in (1, 2)"), std::string::npos);
}

// --- misuse --------------------------------------------------------------------------------------

TEST(ScalarTape, RefusesValuesOfTwoTapes) {
  Tape one, two;
  const Value a = one.number(1), b = two.number(2);
  EXPECT_NE(complaint([&] { a + b; }).find("different tapes"), std::string::npos);
  EXPECT_NE(complaint([&] { a* b; }).find("different tapes"), std::string::npos);
  EXPECT_NE(complaint([&] { one.backward(b); }).find("another tape"), std::string::npos);
}

TEST(ScalarTape, RefusesAValueWithoutANumber) {
  Tape tape;
  const Value a = tape.number(1), nothing;
  EXPECT_NE(complaint([&] { a + nothing; }).find("before it was given a number"),
            std::string::npos);
  EXPECT_NE(complaint([&] { nothing.data(); }).find("before it was given a number"),
            std::string::npos);
  EXPECT_NE(complaint([&] { exp(nothing); }).find("value_test.cpp"), std::string::npos)
      << "the message names the line";
  EXPECT_NE(complaint([&] { tape.backward(nothing); }).find("before it was given a number"),
            std::string::npos);
  EXPECT_NE(complaint([&] { sum(std::vector<Value>{}); }).find("nothing to add up"),
            std::string::npos);
}

TEST(ScalarTape, RefusesValuesThatWereRewound) {
  Tape tape;
  const Value kept = tape.number(1);
  const int mark = tape.size();
  const Value gone = kept * 2;
  tape.rewind(mark);
  EXPECT_NE(complaint([&] { gone.data(); }).find("after its tape was rewound"), std::string::npos);
  kept * 3;   // takes the place of `gone`, which must not come back to life
  EXPECT_NE(complaint([&] { gone + kept; }).find("after its tape was rewound"), std::string::npos);
  EXPECT_EQ((kept + 1).data(), 2);
  EXPECT_NE(complaint([&] { tape.rewind(0); }).find("cannot go back to size 0"), std::string::npos);
  EXPECT_NE(complaint([&] { tape.rewind(1000); }).find("cannot go back to size 1000"),
            std::string::npos);
}

TEST(ScalarTape, RefusesToComputeWhatIsNotANumber) {
  Tape tape;
  const Value zero = tape.number(0), negative = tape.number(-1), big = tape.number(1000);
  EXPECT_NE(complaint([&] { log(zero); }).find("log of 0 is not a finite number"),
            std::string::npos);
  EXPECT_NE(complaint([&] { log(negative); }).find("log of -1"), std::string::npos);
  EXPECT_NE(complaint([&] { exp(big); }).find("exp of 1000"), std::string::npos);
  EXPECT_NE(complaint([&] { pow(zero, -1); }).find("pow of 0"), std::string::npos);
  EXPECT_NE(complaint([&] { pow(negative, 0.5); }).find("pow of -1"), std::string::npos);
  EXPECT_NE(complaint([&] { pow(zero, 0.5); }).find("pow of 0"), std::string::npos)
      << "its slope is infinite";
  EXPECT_NE(complaint([&] { big / 0.0; }).find("pow of 0"), std::string::npos);
  EXPECT_NE(complaint([&] { big / zero; }).find("pow of 0"), std::string::npos);
  EXPECT_TRUE(std::isnan(exp(tape.number(std::nan(""))).data()))
      << "a nan that comes in goes on, as in Python";
}

TEST(ScalarTape, RefusesGradientsThatNobodyComputed) {
  Tape tape;
  const Value a = tape.number(1);
  EXPECT_NE(complaint([&] { tape.grad(a, 1); }).find("no gradient yet"), std::string::npos);
  EXPECT_NE(complaint([&] { tape.data(a, 2); }).find("no 2 values"), std::string::npos);
}

}   // namespace
}   // namespace glass::scalar
