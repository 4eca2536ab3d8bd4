// glass trace, as a user meets it: the table, the graph in three forms, two devices side by side.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/pattern.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(TraceCommand, PrintsEveryNodeOfOneStepWithItsPlaceAndCost) {
  const Outcome outcome = glass({"trace", "--device", "reference"});
  ASSERT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_EQ(outcome.err, "");
  EXPECT_TRUE(holds(
      outcome.out,
      "^one training step of microgpt on the name .*, on reference\n\nnode +op +output +inputs "))
      << outcome.out;
  for (const char* weight : {"wte", "wpe", "attn_wq", "attn_wk", "attn_wv", "attn_wo", "mlp_fc1",
                             "mlp_fc2", "lm_head"}) {
    EXPECT_TRUE(holds(outcome.out, "\n%[0-9]+ +leaf +\\([0-9]+,16\\) f32 .*" + std::string(weight) +
                                       "|\n%[0-9]+ +leaf +\\(16,64\\) f32 .*" + weight))
        << weight;
  }
  EXPECT_TRUE(holds(outcome.out,
                    "\n%[0-9]+ +attention +\\(1,4,[0-9]+,4\\) f32 +%[0-9]+ %[0-9]+ %[0-9]+ "
                    ".*model/microgpt_tensor.cpp:[0-9]+ +[0-9]+\\.[0-9]+ +[0-9]+\\.[0-9]+ "))
      << outcome.out;
  EXPECT_TRUE(holds(outcome.out,
                    "\n%[0-9]+ +cross_entropy +\\(\\) f32 .* 1\n\n[0-9]+ nodes, forward .* ms, "
                    "backward .* ms, .* "
                    "saved for backward\n$"))
      << outcome.out;
}

TEST(TraceCommand, ShowsTheSlopesOfANeuron) {
  const Outcome outcome = glass({"trace", "--program", "scalar"});
  ASSERT_EQ(outcome.code, 0) << outcome.text();
  const std::vector<std::string> lines = lines_of(outcome.out);
  ASSERT_EQ(lines.size(), 2u + 1 + 10) << outcome.out;
  // d loss / d w = 2 (y - 3) x = 4, d loss / d x = 2 (y - 3) w = -6, d loss / d b = 2
  EXPECT_TRUE(holds(lines[3], "^#1 +number +tools/trace.cpp:[0-9]+ +2 +-6$")) << lines[3];
  EXPECT_TRUE(holds(lines[4], "^#2 +number +tools/trace.cpp:[0-9]+ +-3 +4$")) << lines[4];
  EXPECT_TRUE(holds(lines[5], "^#3 +number +tools/trace.cpp:[0-9]+ +10 +2$")) << lines[5];
  EXPECT_TRUE(holds(lines[12], "^#10 +pow +#8 #9 +tools/trace.cpp:[0-9]+ +1 +1 +2 0$"))
      << lines[12];
}

TEST(TraceCommand, ShowsAStepOfAModelOnAText) {
  const Outcome outcome =
      glass({"trace", "--ckpt", "handmade:induction", "--prompt", "abcab", "--threads", "1"});
  ASSERT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_TRUE(holds(outcome.out, "^one training step on 5 tokens of handmade:induction, on cpu "))
      << outcome.out;
  EXPECT_TRUE(holds(outcome.out, "leaf +\\(1536,512\\) f32 .* transformer.h.1.attn.c_attn.weight "))
      << outcome.out;
  EXPECT_TRUE(holds(outcome.out, "head_loss +\\(\\) f32 .* model/gpt.cpp:[0-9]+ .* 1\n"))
      << outcome.out;
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"trace", "--ckpt", "handmade:induction", "--prompt", "a"},
        {"trace", "--ckpt", "handmade:induction"},
        {"trace", "--ckpt", "handmade:induction", "--prompt", "ab", "--program", "scalar"},
        {"trace", "--ckpt", "handmade:induction", "--prompt", "ab", "--compare", "reference"},
        {"trace", "--prompt", "ab"}})
    EXPECT_EQ(glass(wrong).code, 2) << wrong.back();
}

// The value of the last node is the loss.
double loss_in(const std::string& json) {
  const std::size_t at = json.rfind("\"value\": ");
  return at == std::string::npos ? -1 : std::strtod(json.c_str() + at + 9, nullptr);
}

TEST(TraceCommand, BothChaptersComputeTheSameLoss) {
  const Outcome arrays = glass({"trace", "--json", "--device", "reference", "--dtype", "f64"});
  const Outcome numbers = glass({"trace", "--json", "--program", "scalar-microgpt"});
  ASSERT_EQ(arrays.code, 0) << arrays.text();
  ASSERT_EQ(numbers.code, 0) << numbers.text();
  EXPECT_GT(loss_in(arrays.out), 1);
  EXPECT_NEAR(loss_in(arrays.out), loss_in(numbers.out),
              1e-9);   // two orders of summation in double
  EXPECT_TRUE(
      holds(numbers.err, "^the last 100 of [0-9]+,[0-9]+ nodes; --last 0 shows all of them\n$"))
      << numbers.err;
}

TEST(TraceCommand, ItsJsonIsJsonWithARowANode) {
  if (!installed("python3")) GTEST_SKIP() << "python3 is not installed";
  const Outcome outcome = shell(
      "\"$GLASS\" trace --json --device reference | python3 -c '\n"
      "import json, sys\n"
      "trace = json.load(sys.stdin)\n"
      "nodes = trace[\"nodes\"]\n"
      "assert [n[\"id\"] for n in nodes] == list(range(len(nodes))), \"ids\"\n"
      "assert all(i < n[\"id\"] for n in nodes for i in n[\"inputs\"]), \"inputs come first\"\n"
      "assert all(n[\"line\"] > 0 and n[\"file\"].startswith(\"model/\") for n in nodes), "
      "\"places\"\n"
      "assert nodes[-1][\"op\"] == \"cross_entropy\" and nodes[-1][\"grad\"] == 1 and "
      "nodes[-1][\"shape\"] == "
      "[], \"the loss\"\n"
      "assert sum(n[\"saved_bytes\"] for n in nodes) == trace[\"saved_bytes\"] > 0, \"bytes\"\n"
      "print(len(nodes))'");
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_TRUE(holds(outcome.out, "^[0-9][0-9]\n$")) << outcome.text();
}

TEST(TraceCommand, ItsPictureIsWellFormed) {
  if (!installed("python3")) GTEST_SKIP() << "python3 is not installed";
  const Scratch folder;
  for (const char* program : {"tensor", "scalar"}) {
    const std::string file = folder / (std::string(program) + ".svg");
    const Outcome outcome = glass({"trace", "--svg", "--program", program, "-o", file});
    ASSERT_EQ(outcome.code, 0) << outcome.text();
    EXPECT_EQ(outcome.out, "");
    const Outcome parsed =
        run({"python3", "-c",
             "import sys, xml.dom.minidom as m; d = m.parse(sys.argv[1]); "
             "print(d.documentElement.tagName, "
             "sum(r.getAttribute('class') == 'box' for r in d.getElementsByTagName('rect')))",
             file});
    EXPECT_EQ(parsed.code, 0) << parsed.text();
    EXPECT_TRUE(holds(parsed.out, "^svg [0-9][0-9]\n$")) << parsed.text();
  }
}

TEST(TraceCommand, ItsGraphNamesEveryNodeAnEdgeUses) {
  const Outcome outcome = glass({"trace", "--dot", "--last", "20"});
  ASSERT_EQ(outcome.code, 0) << outcome.text();
  std::set<std::string> named;
  std::size_t edges = 0;
  for (const std::string& line : lines_of(outcome.out)) {
    std::istringstream words(line);
    std::string first, second, third;
    words >> first >> second >> third;
    if (second.compare(0, 7, "[label=") == 0) named.insert(first);
    if (second != "->") continue;
    ++edges;
    if (third.back() == ';') third.pop_back();
    EXPECT_EQ(named.count(first) + named.count(third), 2u) << line;
  }
  EXPECT_EQ(named.size(), 20u);
  EXPECT_GT(edges, 10u);
  if (installed("dot")) {
    const Outcome drawn = shell("\"$GLASS\" trace --dot | dot -Tsvg | tail -1");
    EXPECT_EQ(drawn.out, "</svg>\n") << drawn.text();
  }
}

TEST(TraceCommand, TwoDevicesAgreeUntilOneAsksTooMuch) {
  const Outcome same = glass({"trace", "--compare", "reference"});
  EXPECT_EQ(same.code, 0) << same.text();
  EXPECT_TRUE(
      holds(same.out,
            "^cpu .* and reference agree in the value and the gradient of all [0-9]+ nodes, within "
            "0.0001 of their size\n$"))
      << same.out;

  const Outcome itself =
      glass({"trace", "--device", "reference", "--compare", "reference", "--tolerance", "0"});
  EXPECT_EQ(itself.code, 0) << itself.text();

  // In f32 no two orders of summation agree to the last bit for a whole step.
  const Outcome apart = glass({"trace", "--compare", "reference", "--tolerance", "0"});
  EXPECT_EQ(apart.code, 1) << apart.text();
  EXPECT_TRUE(holds(apart.out,
                    "^the first difference is in the (value|gradient) of %[0-9]+ [a-z_]+ \\(.*\\), "
                    "model/microgpt_tensor.cpp:[0-9]+.*, at \\[.*\\]\n"
                    "  cpu .* -?[0-9.e+-]+\n  reference .* -?[0-9.e+-]+\n  apart by [0-9.e-]+ of "
                    "its size, 0 is allowed\n$"))
      << apart.out;
  EXPECT_TRUE(holds(glass({"trace", "--compare", "reference", "--tolerance", "0", "--json"}).out,
                    "\"agree\": false, \"first\": \\{\"node\": [0-9]+"));
}

TEST(TraceCommand, StopsAtTheFirstNumberThatIsNotFinite) {
  const Outcome outcome = glass({"trace", "--scale", "1e20", "--debug-nan"});
  EXPECT_EQ(outcome.code, 5) << outcome.text();
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(
      holds(outcome.err,
            "^error: the (output of|gradient that) [a-z_]+ .*model/microgpt_tensor.cpp:[0-9]+.* is "
            "(nan|infinite) at element [0-9]+ of "))
      << outcome.err;
}

TEST(TraceCommand, RefusesWhatMakesNoSense) {
  const auto refused = [](const std::vector<std::string>& words, int code,
                          const std::string& part) {
    const Outcome outcome = glass(words);
    EXPECT_EQ(outcome.code, code) << outcome.text();
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
  };
  refused({"trace", "--svg", "--dot"}, 2, "choose one");
  refused({"trace", "--program", "scalar", "--compare", "cpu"}, 2,
          "--compare needs --program tensor");
  refused({"trace", "--program", "scalar", "--debug-nan"}, 2, "--debug-nan needs --program tensor");
  refused({"trace", "--compare", "cpu", "--svg"}, 2, "not as a picture");
  refused({"trace", "--dtype", "f64", "--compare", "cpu"}, 2, "use --dtype f32");
  refused({"trace", "--program", "scalar-microgpt", "--svg", "--last", "0"}, 2,
          "use --last 2000 or fewer");
  refused({"trace", "--svg", "-o", "/nowhere/x.svg"}, 4, "cannot write '/nowhere/x.svg'");
  refused({"trace", "--program", "nonsense"}, 2, "nonsense");
}

TEST(TraceCommand, LeavesNothingBehindWhereItCannotWrite) {
  const Scratch folder;
  std::filesystem::create_directory(folder / "taken");
  const Outcome outcome = glass({"trace", "--json", "-o", folder / "taken"});
  EXPECT_EQ(outcome.code, 4) << outcome.text();
  EXPECT_FALSE(std::filesystem::exists(folder / "taken.part"));
}

}   // namespace
}   // namespace glass::test
