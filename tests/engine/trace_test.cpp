#include "engine/trace.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "engine/ops.h"
#include "engine/trace_layout.h"
#include "tests/engine/devices.h"
#include "tests/pattern.h"

namespace glass {
namespace {

using testing::counting;
using testing::reference;

// A small network whose nodes are: w (leaf), linear, gelu, reshape of something strided, sum.
struct Step {
  Tape tape;
  Parameter w{"mlp.w", counting({5, 3}, -7)};
  Trace trace;

  explicit Step(double scale = 0.1) {
    w.value = scale * w.value;
    Tracer tracer(tape);
    tape.keep_values = tape.keep_grads = true;
    const Tensor x = counting({4, 3}, -5);
    Tensor h;
    {
      const auto scope = tape.enter("mlp");
      h = gelu(linear(x, tape.watch(w)));   // (4,5)
    }
    tape.backward(sum(square(reshape(transpose(h), {20}))));
    trace = tracer.take();
  }
};

double norm(const Tensor& x) {
  double sum = 0;
  for (const double v : x.to_host()) sum += v * v;
  return std::sqrt(sum);
}

const TraceNode& row(const Trace& trace, const std::string& op) {
  for (const TraceNode& node : trace.nodes) {
    if (node.op == op) return node;
  }
  throw std::runtime_error("no node " + op);
}

TEST(Trace, HasARowForEachNodeInTheOrderTheyRan) {
  const Step step;
  ASSERT_EQ(step.trace.nodes.size(), step.tape.size());
  for (std::size_t i = 0; i < step.tape.size(); ++i) {
    const TraceNode& row = step.trace.nodes[i];
    const Node& node = step.tape.node(i);
    EXPECT_EQ(row.id, node.id);
    EXPECT_EQ(row.op, node.op);
    EXPECT_EQ(row.scope, node.scope);
    EXPECT_EQ(row.line, node.where.line);
    EXPECT_EQ(row.shape, node.shape);
    EXPECT_EQ(row.inputs, std::vector<int>(node.inputs, node.inputs + node.input_count));
  }
  EXPECT_EQ(row(step.trace, "leaf").scope, "mlp.w");
  EXPECT_EQ(row(step.trace, "gelu").scope, "mlp");
  EXPECT_EQ(row(step.trace, "linear").inputs, (std::vector<int>{-1, 0}))
      << "x is data: nobody wants its gradient";
  EXPECT_NE(row(step.trace, "gelu").file.find("trace_test.cpp"), std::string::npos);
}

TEST(Trace, ItsNumbersAreTheNormsOfValuesAndGradients) {
  const Step step;
  for (std::size_t i = 0; i < step.tape.size(); ++i) {
    const Node& node = step.tape.node(i);
    EXPECT_DOUBLE_EQ(step.trace.nodes[i].value, norm(node.value)) << node.op;
    EXPECT_TRUE(step.trace.nodes[i].reached) << node.op;
    EXPECT_DOUBLE_EQ(step.trace.nodes[i].grad, norm(node.grad)) << node.op;
  }
}

TEST(Trace, CountsAKeptBufferOnceAndNoWeight) {
  const Step step;
  EXPECT_EQ(row(step.trace, "leaf").saved_bytes, 0u);
  EXPECT_EQ(row(step.trace, "linear").saved_bytes, 4 * 3 * sizeof(double)) << "x, but not w";
  EXPECT_EQ(row(step.trace, "gelu").saved_bytes, 4 * 5 * sizeof(double));
  EXPECT_EQ(row(step.trace, "square").saved_bytes, 4 * 5 * sizeof(double));

  Tape tape;
  Tracer tracer(tape);
  const Tensor x = exp(tape.watch(counting({10}, 0), "x"));
  const Tensor y = x * x;       // keeps x twice
  const Tensor z = square(x);   // and once more
  const Trace trace = tracer.take();
  EXPECT_EQ(row(trace, "mul").saved_bytes, 10 * sizeof(double));
  EXPECT_EQ(row(trace, "square").saved_bytes, 0u) << "mul keeps it already";
}

TEST(Trace, SaysWhichOpHadToCopyItsInput) {
  const Step step;
  EXPECT_EQ(row(step.trace, "reshape").layout_copies, 1) << "the input is transposed";
  EXPECT_EQ(row(step.trace, "linear").layout_copies, 0);
}

TEST(Trace, ANodeThatBackwardDidNotReachHasNoGradient) {
  Tape tape;
  Tracer tracer(tape);
  const Tensor x = tape.watch(counting({3}), "x");
  const Tensor unused = exp(x);
  tape.backward(sum(x));
  const Trace trace = tracer.take();
  EXPECT_FALSE(row(trace, "exp").reached);
  EXPECT_TRUE(row(trace, "sum").reached);
}

TEST(Tracer, LetsGoOfTheTapeWhenItDies) {
  Tape tape;
  { const Tracer tracer(tape); }
  EXPECT_FALSE(tape.on_record);
  EXPECT_FALSE(tape.on_backward);
}

// Lines of the table split at two blanks or more.
TEST(Trace, TheTableHasAHeadingARowANodeAndTotals) {
  const Step step;
  std::istringstream text(str(step.trace));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 1 + step.tape.size() + 2);
  for (const char* word : {"node", "op", "output", "inputs", "scope", "where", "ms back", "saved",
                           "copies", "|value|", "|grad|"}) {
    EXPECT_NE(lines[0].find(word), std::string::npos) << word << " in " << lines[0];
  }
  EXPECT_TRUE(test::holds(
      lines[3], "^%2 +gelu +\\(4,5\\) f64 +%1 +mlp +tests/engine/trace_test.cpp:[0-9]+ .*160 B.*"))
      << lines[3];
  EXPECT_NE(lines.back().find("7 nodes, forward "), std::string::npos) << lines.back();
}

// --- pictures ---

// Every tag that opens closes, in order, and no number is nan.
std::string xml_fault(const std::string& text) {
  std::vector<std::string> open;
  for (std::size_t at = 0; (at = text.find('<', at)) != std::string::npos;) {
    const std::size_t end = text.find('>', at);
    if (end == std::string::npos) return "a tag without an end";
    const std::string tag = text.substr(at + 1, end - at - 1);
    at = end;
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1))
        return "</" + tag.substr(1) + "> closes nothing";
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
  }
  if (!open.empty()) return open.back() + " stays open";
  return text.find("nan") == std::string::npos ? "" : "a number is nan";
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

TEST(Trace, TheSvgIsWellFormedAndHasABoxANodeAndAnArrowAnEdge) {
  Step step;
  step.trace.program = "a < b & \"c\"";
  const std::string picture = svg(step.trace);
  EXPECT_EQ(xml_fault(picture), "");
  EXPECT_EQ(count(picture, "<rect class=\"box\""), step.tape.size());
  EXPECT_EQ(count(picture, "<path class=\"edge\""), 6u)
      << "the data that linear reads is not on the tape";
  EXPECT_NE(picture.find("<title>a &lt; b &amp; &quot;c&quot;</title>"), std::string::npos);
}

TEST(Trace, TheCheckerOfSvgSeesWhatIsWrong) {
  EXPECT_EQ(xml_fault("<a><b/></a>"), "");
  EXPECT_NE(xml_fault("<a><b></a></b>"), "");
  EXPECT_NE(xml_fault("<a>"), "");
}

TEST(Trace, TheDotGraphNamesEveryNodeBeforeAnEdgeUsesIt) {
  Step step;
  step.trace.program = "say \"hi\"";
  const std::string text = dot(step.trace);
  EXPECT_EQ(count(text, "{"), count(text, "}"));
  EXPECT_NE(text.find("label=\"say \\\"hi\\\"\""), std::string::npos);
  EXPECT_EQ(count(text, " -> "), 6u);
  for (const TraceNode& node : step.trace.nodes) {
    const std::string name = "n" + std::to_string(node.id);
    EXPECT_LT(text.find(name + " [label="), text.find(name + " ->")) << name;
  }
}

// A random graph: n boxes, each made of up to three earlier ones.
std::vector<TraceBox> random_boxes(int n, unsigned seed) {
  std::vector<TraceBox> boxes;
  unsigned state = seed;
  const auto next = [&state](int below) {
    return static_cast<int>((state = state * 1664525u + 1013904223u) >> 8) % below;
  };
  for (int i = 0; i < n; ++i) {
    TraceBox box{60.0 + next(80), 40.0 + next(20), {}};
    for (int k = i == 0 ? 0 : next(4); k > 0; --k) box.inputs.push_back(next(i));
    boxes.push_back(box);
  }
  return boxes;
}

TEST(Layout, BoxesNeverOverlapAndEverythingStandsBelowWhatItWasMadeFrom) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    const std::vector<TraceBox> boxes = random_boxes(40, seed);
    const Layout layout = lay_out(boxes);
    ASSERT_EQ(layout.centres.size(), boxes.size());
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      const TracePoint a = layout.centres[i];
      EXPECT_GE(a.x - boxes[i].width / 2, 0) << "seed " << seed;
      EXPECT_LE(a.x + boxes[i].width / 2, layout.width) << "seed " << seed;
      EXPECT_LE(a.y + boxes[i].height / 2, layout.height) << "seed " << seed;
      for (std::size_t j = 0; j < i; ++j) {
        const TracePoint b = layout.centres[j];
        const bool apart = std::abs(a.x - b.x) >= (boxes[i].width + boxes[j].width) / 2 ||
                           std::abs(a.y - b.y) >= (boxes[i].height + boxes[j].height) / 2;
        EXPECT_TRUE(apart) << "seed " << seed << ": boxes " << j << " and " << i;
      }
      for (const int in : boxes[i].inputs)
        EXPECT_GT(a.y, layout.centres[static_cast<std::size_t>(in)].y) << "seed " << seed;
    }
  }
}

TEST(Layout, LinesGoDownFromOneBoxToTheOtherAndThroughNone) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    const std::vector<TraceBox> boxes = random_boxes(40, seed);
    const Layout layout = lay_out(boxes);
    std::size_t edges = 0;
    for (const TraceBox& box : boxes) edges += box.inputs.size();
    EXPECT_EQ(layout.lines.size(), edges);
    for (const Line& line : layout.lines) {
      const std::size_t from = static_cast<std::size_t>(line.from),
                        to = static_cast<std::size_t>(line.to);
      EXPECT_DOUBLE_EQ(line.points.front().y, layout.centres[from].y + boxes[from].height / 2);
      EXPECT_DOUBLE_EQ(line.points.back().y, layout.centres[to].y - boxes[to].height / 2);
      for (std::size_t k = 1; k < line.points.size(); ++k) {
        EXPECT_GE(line.points[k].y, line.points[k - 1].y) << "seed " << seed;
      }
      for (std::size_t k = 1; k + 1 < line.points.size(); ++k) {
        for (std::size_t i = 0; i < boxes.size(); ++i) {
          const bool inside =
              std::abs(line.points[k].x - layout.centres[i].x) < boxes[i].width / 2 &&
              std::abs(line.points[k].y - layout.centres[i].y) < boxes[i].height / 2;
          EXPECT_FALSE(inside) << "seed " << seed << ": the line " << from << " to " << to
                               << " runs through box " << i;
        }
      }
    }
  }
}

TEST(Layout, AGraphWithoutCrossingsIsDrawnWithoutCrossings) {
  // A residual block: x -> norm -> linear -> add, and x -> add; the weight comes in from the side.
  const std::vector<TraceBox> boxes = {
      {80, 40, {}}, {80, 40, {0}}, {80, 40, {}}, {80, 40, {1, 2}}, {80, 40, {0, 3}}};
  const Layout layout = lay_out(boxes);
  const Line& skip = layout.lines[3];
  const Line& main = layout.lines[4];
  ASSERT_EQ(skip.from, 0);
  ASSERT_EQ(main.from, 3);
  EXPECT_NE(skip.points.back().x < main.points.back().x, layout.centres[1].x < skip.points[2].x)
      << "the two arrive in the order in which they pass";
}

TEST(Layout, OfNothingIsNothing) { EXPECT_TRUE(lay_out({}).centres.empty()); }

// --- two devices ---

TEST(FirstDifference, IsNoneForTheSameStep) {
  const Step a, b;
  EXPECT_FALSE(first_difference(a.tape, b.tape, 0).found);
}

TEST(FirstDifference, NamesTheFirstValueThatParts) {
  const Step a, b(0.1001);
  const Difference difference = first_difference(a.tape, b.tape, 1e-6);
  ASSERT_TRUE(difference.found);
  EXPECT_FALSE(difference.in_gradient);
  EXPECT_EQ(difference.node, 0) << "the weight itself";
  EXPECT_EQ(a.tape.node(0).value.to_host()[static_cast<std::size_t>(difference.element)],
            difference.a);
  EXPECT_EQ(b.tape.node(0).value.to_host()[static_cast<std::size_t>(difference.element)],
            difference.b);
  EXPECT_FALSE(first_difference(a.tape, b.tape, 1e-2).found) << "0.1 % is within 1 %";
}

// Two tapes with equal values; on one of them a derivative is lost on the way.
TEST(FirstDifference, NamesTheFirstGradientThatParts) {
  Tape a, b;
  for (Tape* tape : {&a, &b}) {
    tape->keep_values = tape->keep_grads = true;
    const Tensor x = tape->watch(counting({3}, 1), "x");
    const Tensor y = tape == &a ? x * x : x * x.detach();
    tape->backward(sum(y));
  }
  const Difference difference = first_difference(a, b, 1e-6);
  ASSERT_TRUE(difference.found);
  EXPECT_TRUE(difference.in_gradient);
  EXPECT_EQ(difference.node, 0);
  EXPECT_EQ(difference.a, 2 * difference.b);
}

TEST(FirstDifference, SeesANumberThatOnlyOneSideCanName) {
  Tape a, b;
  for (Tape* tape : {&a, &b}) {
    tape->keep_values = true;
    const Tensor x =
        tape->watch(Tensor::full(reference(), {3}, tape == &a ? 0 : 1, DType::f64), "x");
    (void)log(x - 1);   // log(-1) is nan, log(0) is -inf
  }
  EXPECT_TRUE(first_difference(a, b, 1e30).found);
}

TEST(FirstDifference, SaysWhereTwoTapesAreNotTheSameProgram) {
  Tape a, b;
  const Tensor x = a.watch(counting({2}), "x"), y = b.watch(counting({2}), "x");
  EXPECT_FALSE(first_difference(a, b, 0).found);
  (void)exp(x);
  EXPECT_EQ(first_difference(a, b, 0).unlike, "node %1 is on one tape only");
  (void)log(y);
  EXPECT_EQ(first_difference(a, b, 0).unlike, "node %1 is exp on one tape and log on the other");
}

// --- chapter 1 ---

TEST(Trace, OfScalarsHasDataGradAndSlopes) {
  scalar::Tape tape;
  const scalar::Value a = tape.number(-4), b = tape.number(2);
  const scalar::Value y = relu(a * b + 10);
  tape.backward(y);
  Trace trace = trace_of(tape);
  ASSERT_EQ(trace.nodes.size(), 6u)
      << "a, b, a b, 10, a b + 10, relu; not the 0 that every tape begins with";
  const TraceNode& product = row(trace, "mul");
  EXPECT_EQ(product.inputs, (std::vector<int>{a.id(), b.id()}));
  EXPECT_EQ(product.slopes, (std::vector<double>{2, -4}));
  EXPECT_EQ(product.value, -8);
  EXPECT_EQ(product.grad, 1);
  EXPECT_EQ(trace.nodes[0].grad, 2);
  EXPECT_EQ(row(trace, "relu").inputs.size(), 1u);
  trace.program = "y";
  EXPECT_EQ(xml_fault(svg(trace)), "");
  EXPECT_EQ(count(svg(trace), "<text class=\"slope\""), 5u);
  EXPECT_NE(str(trace).find("#3    mul     #1 #2   tests/engine/trace_test.cpp:"),
            std::string::npos)
      << str(trace);
}

}   // namespace
}   // namespace glass
