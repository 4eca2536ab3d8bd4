// The walk through autograd in tools/gdb/tour.gdb and tour.lldb, taken for real: what do the
// debuggers print?
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/pattern.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

const std::string kTour = std::string(GLASS_BINARY_DIR) + "/glass_tour";

// The number of the first line of the tour's program that holds `part`, as a place:
// "tools/gdb/tour.cpp:21".
std::string place_of(const std::string& part) {
  std::ifstream file(std::string(GLASS_SOURCE_DIR) + "/tools/gdb/tour.cpp");
  std::string text;
  for (int line = 1; std::getline(file, text); ++line) {
    if (text.find(part) != std::string::npos) return "tools/gdb/tour.cpp:" + std::to_string(line);
  }
  ADD_FAILURE() << "tour.cpp has no line with " << part;
  return "nowhere";
}

// What a session printed, command by command. `mark` begins the line that repeats a command.
struct Session {
  std::string why_not;   // it could not be held here: why
  std::string all;
  std::vector<std::pair<std::string, std::string>> answers;

  // What came after the nth time that this command was given.
  std::string after(const std::string& command, int nth = 1) const {
    for (const auto& [given, answer] : answers) {
      if (given == command && --nth == 0) return answer;
    }
    ADD_FAILURE() << "the session never came to '" << command << "':\n" << all;
    return "";
  }
};

Session cut(const Outcome& outcome, const std::string& mark) {
  Session session;
  session.all = outcome.out + outcome.err;
  std::istringstream text(outcome.out);
  for (std::string line; std::getline(text, line);) {
    if (line.compare(0, mark.size(), mark) == 0)
      session.answers.emplace_back(line.substr(mark.size()), "");
    else if (!session.answers.empty()) session.answers.back().second += line + "\n";
  }
  for (const char* refusal : {"ptrace: Operation not permitted",
                              "Could not trace the inferior process", "personality set failed"}) {
    if (session.all.find(refusal) != std::string::npos)
      session.why_not = std::string("this machine lets nobody debug: ") + refusal;
  }
  return session;
}

std::string why_no_gdb() {
  if (!std::filesystem::exists(kTour))
    return "glass_tour is not built (with sanitizers and for emulators it is left out)";
  if (!installed("gdb")) return "gdb is not installed";
  if (run({"gdb", "-nx", "-batch", "-ex", "python print(40 + 2)"}).out.find("42") ==
      std::string::npos)
    return "this gdb has no Python";
  return "";
}

Session gdb(const std::vector<std::string>& words) {
  if (const std::string why = why_no_gdb(); !why.empty()) {
    Session session;
    session.why_not = why;
    return session;
  }
  std::vector<std::string> command = {"gdb", "-nx", "-batch"};
  command.insert(command.end(), words.begin(), words.end());
  return cut(run(command, {{{"DEBUGINFOD_URLS", ""}}}), "+");
}

const Session& tour() {
  static const Session session = gdb({"-x", "tools/gdb/tour.gdb", kTour});
  return session;
}

#define SKIP_WITHOUT(session) \
  if (!(session).why_not.empty()) GTEST_SKIP() << (session).why_not

TEST(Gdb, PrintsAScalarWithItsNumbersInputsAndLine) {
  SKIP_WITHOUT(tour());
  EXPECT_EQ(tour().after("print y"),
            "$1 = Value #6 relu <- #5 data=4 grad=0, " + place_of("relu(w * x + b)") + "\n");
  EXPECT_EQ(tour().after("print loss"),
            "$2 = Value #10 pow <- #8 #9 data=1 grad=0, " + place_of("pow(y - 3, 2)") + "\n");
}

TEST(Gdb, DrawsHowAScalarWasMade) {
  SKIP_WITHOUT(tour());
  const std::string graph = tour().after("glass-graph loss");
  EXPECT_TRUE(
      holds(graph, "^#10 pow .*\n  #8 add .*\n    #6 relu .*\n      #5 add .*\n        #4 mul "))
      << graph;
}

TEST(Gdb, StepsThroughTheChainRuleOfScalars) {
  SKIP_WITHOUT(tour());
  const std::string line = ", " + place_of("pow(y - 3, 2)") + ":  ";
  EXPECT_EQ(tour().after("glass-step", 1),
            "#10 pow" + line + "#8.grad += 2 * 1   #9.grad += 0 * 1\n");
  EXPECT_EQ(tour().after("glass-step", 2),
            "#8 add" + line + "#6.grad += 1 * 2   #7.grad += 1 * 2\n");
  EXPECT_TRUE(
      holds(tour().after("glass-tape", 1), "#6 +relu +#5 +4 +2 +1 +" + place_of("relu(w * x + b)")))
      << "halfway, relu has its gradient";
  EXPECT_TRUE(holds(tour().after("glass-tape", 1), "#4 +mul +#[0-9] #[0-9] +-6 +0 "))
      << "and mul has none yet";
}

TEST(Gdb, PrintsATensorWithShapeTypeNumbersAndWhoMadeIt) {
  SKIP_WITHOUT(tour());
  EXPECT_TRUE(holds(tour().after("print x"),
                    "= Tensor \\(4,5\\) f32 \\[-?[0-9].*, \\.\\.\\.\\] <- %3 linear, in mlp, " +
                        place_of("h = linear(x, w1, b1)") + "\n"))
      << tour().after("print x");
  EXPECT_TRUE(holds(tour().after("finish"),
                    "Value returned is .* = Tensor \\(4,5\\) f32 .* <- %4 gelu, in mlp, "))
      << tour().after("finish");
}

TEST(Gdb, PrintsANodeAsItsOpWithWhatItSaved) {
  SKIP_WITHOUT(tour());
  const std::string node = tour().after("print *this");
  EXPECT_TRUE(holds(
      node, "= %6 matmul \\(4,2\\) f32 <- %4 %5, in head, " + place_of("return matmul") + " = \\{"))
      << node;
  EXPECT_TRUE(holds(node, "\n  a = Tensor \\(4,5\\) f32 .* <- %4 gelu, in mlp, ")) << node;
  EXPECT_TRUE(
      holds(node, "\n  b = Tensor \\(5,2\\) f32 strides \\(1,5\\) .* <- %5 permute, in head, "))
      << node;
  EXPECT_TRUE(holds(tour().after("print dx"), "= Slots of %6 matmul: %4 gelu, %5 permute\n"));
}

TEST(Gdb, ABacktraceOfBackwardNamesTheOp) {
  SKIP_WITHOUT(tour());
  EXPECT_TRUE(holds(tour().after("backtrace -frame-arguments presence"),
                    "#0 +glass::\\(anonymous namespace\\)::MatMul::backward .*\n#1 .* "
                    "glass::Tape::run_backward "));
}

TEST(Gdb, PrintsTheTapeNewestLastAndWhereBackwardStands) {
  SKIP_WITHOUT(tour());
  const std::string tape = tour().after("glass-tape", 2);
  EXPECT_TRUE(holds(tape, "^Tape of 8 nodes, step [0-9]+, not recording\n")) << tape;
  EXPECT_TRUE(holds(
      tape,
      "%0 +leaf +\\(5,3\\) f32 +w1 .*\n(.*\n)*=> +%6 +matmul +\\(4,2\\) f32 +%4 %5 +head .*\n "
      "+%7 +cross_entropy .*given back\n$"))
      << tape;
}

TEST(Gdb, StepsToTheNextDerivative) {
  SKIP_WITHOUT(tour());
  const std::string first = tour().after("glass-step", 4), second = tour().after("glass-step", 5);
  EXPECT_TRUE(
      holds(first, "^%5 permute .*\n  dy +Tensor \\(5,2\\).*\n  dx\\[0\\] +-> %2 leaf w2, "))
      << first;
  EXPECT_TRUE(holds(second,
                    "^%4 gelu .*\n  dy +Tensor \\(4,5\\).*\n  x +Tensor .*\n  dx\\[0\\] +-> %3 "
                    "linear in mlp, .*\n"
                    "  engine/ops/activations.cpp:[0-9]+: "))
      << second;
}

TEST(Gdb, ShowsNumbersAsAMatrixAndWhatTheyAreLike) {
  SKIP_WITHOUT(tour());
  EXPECT_TRUE(
      holds(tour().after("glass-show dy"), "^\\(4,5\\) f32\n( *-?[0-9.e-]+){5}\n(.*\n){3}$"))
      << tour().after("glass-show dy");
  EXPECT_TRUE(holds(tour().after("glass-stats x"),
                    "20 numbers\nmin -?[0-9.]+  max [0-9.]+  mean .*\nall finite\n"));
  EXPECT_TRUE(holds(tour().after("glass-grad net.w2"), "^\\(2,5\\) f32\n.*\n.*\n$"));
}

TEST(Gdb, StopsAtTheFirstNumberThatIsNotFiniteAndNamesItsNode) {
  SKIP_WITHOUT(tour());
  const std::string place = place_of("Tensor lengths");
  EXPECT_NE(tour()
                .after("run trap")
                .find("first non-finite number: the gradient that %10 sqrt, " + place +
                      ", gives to input 0, %9 sum, is inf at [0] of (4)\n"),
            std::string::npos)
      << tour().after("run trap");
  EXPECT_TRUE(holds(tour().after("print node"),
                    "= %10 sqrt \\(4\\) f32 <- %9, .*\n(.*\n)*  x = Tensor \\(4\\) f32 \\[0, 0, 0, "
                    "0\\] <- %9 sum"));
}

TEST(Gdb, SaysInOneSentenceWhatIsWrong) {
  const Session session = gdb({"-x",  "tools/gdb/glass_gdb.py",
                               "-ex", "set trace-commands on",
                               "-ex", "break train_step",
                               "-ex", "run",
                               "-ex", "glass-graph nosuch",
                               "-ex", "glass-show trap",
                               "-ex", "glass-step now",
                               "-ex", "glass-break-op",
                               "-ex", "glass-break-op gelu sideways",
                               "-ex", "glass-dot net /nowhere/x",
                               "-ex", "print net",
                               kTour});
  SKIP_WITHOUT(session);
  for (const char* sentence :
       {"No symbol \"nosuch\" in current context.\n", "a bool holds no numbers to show.\n",
        "Usage: glass-break-op NAME [forward|backward]\n", "Usage: glass-step\n",
        "a graph grows from a Tensor, a Value or a Tape, not from a "}) {
    EXPECT_NE(session.all.find(sentence), std::string::npos) << sentence << " in\n" << session.all;
  }
  EXPECT_EQ(session.all.find("Traceback"), std::string::npos) << session.all;
  EXPECT_EQ(session.all.find("Python Exception"), std::string::npos) << session.all;
  EXPECT_TRUE(holds(session.after("print net"), "w1 = Parameter |<"))
      << "what is not built yet prints as something";
}

TEST(Gdb, ReadsACoreDumpAsWell) {
  const Scratch folder;
  const Session live =
      gdb({"-x", "tools/gdb/glass_gdb.py", "-ex", "glass-break-nan", "-ex", "run trap", "-ex",
           "generate-core-file " + (folder / "core"), "-ex", "kill", kTour});
  SKIP_WITHOUT(live);
  const Session dead =
      gdb({"-x", "tools/gdb/glass_gdb.py", "-ex", "set trace-commands on", "-ex", "glass-tape",
           "-ex", "print node", "-ex", "frame function train_step", "-ex", "glass-graph loss 1",
           "-ex", "glass-show logits", kTour, folder / "core"});
  EXPECT_TRUE(holds(dead.after("glass-tape"), "=> +%10 +sqrt ")) << dead.all;
  EXPECT_TRUE(holds(dead.after("print node"), "x = Tensor \\(4\\) f32 \\[0, 0, 0, 0\\] <- %9 sum"))
      << dead.all;
  EXPECT_TRUE(holds(dead.after("glass-graph loss 1"), "^%13 add .*\n  %7 cross_entropy .*\n"))
      << dead.all;
  EXPECT_TRUE(holds(dead.after("glass-show logits"), "^\\(4,2\\) f32\n0  0\n")) << dead.all;
}

TEST(Gdb, WritesTheGraphForGraphviz) {
  const Scratch folder;
  const std::string file = folder / "graph.dot";
  const Session session =
      gdb({"-x", "tools/gdb/glass_gdb.py", "-ex", "break glass::Tape::run_backward", "-ex", "run",
           "-ex", "glass-dot *this " + file, "-ex", "kill", kTour});
  SKIP_WITHOUT(session);
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  EXPECT_TRUE(
      holds(text.str(),
            "^digraph tape \\{\n(.*\n)*  n4 \\[label=\"%4 gelu\\\\n\\(4,5\\) f32\\\\nin mlp, "))
      << text.str() << session.all;
  EXPECT_NE(text.str().find("  n3 -> n4;\n"), std::string::npos);
  EXPECT_EQ(text.str().substr(text.str().size() - 2), "}\n");
}

// Debian's lldb does not find its own Python package unless it is told where.
Session lldb() {
  Session session;
  if (!std::filesystem::exists(kTour)) session.why_not = "glass_tour is not built";
  else if (!installed("lldb")) session.why_not = "lldb is not installed";
  if (!session.why_not.empty()) return session;
  Launch launch;
  if (std::filesystem::is_directory("/usr/lib")) {
    for (const auto& llvm : std::filesystem::directory_iterator("/usr/lib")) {
      if (llvm.path().filename().string().compare(0, 5, "llvm-") != 0) continue;
      for (const char* python :
           {"python3.9", "python3.10", "python3.11", "python3.12", "python3.13"}) {
        const std::string packages = llvm.path().string() + "/lib/" + python + "/dist-packages";
        if (std::filesystem::is_directory(packages + "/lldb"))
          launch.environment = {{"PYTHONPATH", packages}};
      }
    }
  }
  const Outcome hello = run({"lldb", "-b", "-o", "script print(40 + 2)"}, launch);
  if (hello.out.find("\n42\n") == std::string::npos) {
    session.why_not = "this lldb has no Python: " + hello.out + hello.err;
    return session;
  }
  return cut(run({"lldb", "--no-lldbinit", "-b", "-s", "tools/gdb/tour.lldb", kTour}, launch),
             "(lldb) ");
}

TEST(Lldb, SaysTheSame) {
  const Session session = lldb();
  SKIP_WITHOUT(session);
  EXPECT_NE(session.after("frame variable y loss")
                .find("y = Value #6 relu <- #5 data=4 grad=0, " + place_of("relu(w * x + b)")),
            std::string::npos)
      << session.all;
  EXPECT_EQ(session.after("glass-step", 1), tour().why_not.empty()
                                                ? tour().after("glass-step", 1)
                                                : session.after("glass-step", 1));
  EXPECT_TRUE(
      holds(session.after("frame variable x"), "Tensor \\(4,5\\) f32 .* <- %3 linear, in mlp, "))
      << session.all;
  EXPECT_TRUE(holds(session.after("frame variable *this"),
                    "b = Tensor \\(5,2\\) f32 strides \\(1,5\\) .* <- %5 permute"))
      << session.all;
  EXPECT_TRUE(holds(session.after("glass-tape", 2), "=> +%6 +matmul ")) << session.all;
  EXPECT_TRUE(holds(session.after("glass-step", 3), "^%4 gelu ")) << session.all;
  EXPECT_TRUE(holds(session.after("glass-show dy"), "^\\(4,5\\) f32\n")) << session.all;
  EXPECT_NE(session.all.find("first non-finite number: the gradient that %10 sqrt, "),
            std::string::npos)
      << session.all;
}

}   // namespace
}   // namespace glass::test
