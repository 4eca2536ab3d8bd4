// What the guide says is what the engine does: the same losses, names and gradients as
// `glass micro`, and a backward that adds up.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/base/text.h"
#include "model/builtin_names.h"
#include "model/microgpt.h"
#include "tests/tools/api/asked.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

Session& session() { return session_of("handmade:induction"); }

JsonValue micro(const std::string& action, const std::string& body = "{}", int status = 200) {
  return told(session(), "POST", "/api/micro/" + action, body, status);
}

double number(const JsonValue& said, std::string_view name) {
  return said.at(name, "answer").number(std::string(name));
}

std::vector<double> numbers(const JsonValue& said, std::string_view name) {
  std::vector<double> all;
  for (const JsonValue& item : said.at(name, "answer").items) all.push_back(item.number("item"));
  return all;
}

class MicroApi : public testing::Test {
 protected:
  void SetUp() override { micro("reset"); }
};

TEST_F(MicroApi, LearnsAndWritesWhatGlassMicroDoes) {
  const Outcome outcome =
      glass({"micro", "--steps", "30", "--samples", "5", "--temperature", "0.7", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.text();
  const JsonValue command = parse_json(outcome.out, "stdout");
  micro("reset", R"({"steps": 30})");
  const std::vector<double> wanted = numbers(command, "losses");
  std::vector<double> losses = numbers(micro("step", R"({"n": 12})"), "losses");
  for (const double loss : numbers(micro("step", R"({"n": 18})"), "losses")) losses.push_back(loss);
  ASSERT_EQ(losses, wanted) << "the same steps, to the last bit";

  const JsonValue made = micro("sample", R"({"n": 5, "temperature": 0.7})");
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_EQ(made.at("samples", "made").items[i].at("name", "sample").text,
              command.at("samples", "command").items[i].text)
        << "name " << i;
}

TEST_F(MicroApi, ThreePartsAreOneStep) {
  const std::vector<double> at_once = numbers(micro("step", R"({"n": 3})"), "losses");
  const JsonValue after = micro("weights");
  micro("reset");
  for (const double wanted : at_once) {
    EXPECT_EQ(number(micro("backward"), "loss"), wanted);
    micro("forward", R"({"text": "emma"})");   // looking in between changes nothing
    micro("update");
  }
  const JsonValue step_by_step = micro("weights");
  for (std::size_t i = 0; i < 9; ++i) {
    const auto of = [&](const JsonValue& said) {
      return numbers(said.at("weights", "said").items[i], "values");
    };
    EXPECT_EQ(of(step_by_step), of(after)) << "matrix " << i;
  }
}

TEST_F(MicroApi, UpdateNeedsGradients) {
  micro("update", "{}", 400);
  micro("backward");
  micro("update");
  micro("update", "{}", 400);
}

TEST_F(MicroApi, GradientsAreSlopesOfTheLoss) {
  const JsonValue said = micro("backward");
  const JsonValue& matrix = said.at("weights", "said").items[3];   // attn_wq
  const std::vector<double> gradients = numbers(matrix, "gradients");
  ScalarMicrogpt model(MicroStart(read_names(builtin_names(), "names"), {}));
  const int at = 1 + 2 * model.start().names.vocab() * kMicroC + kMicroT * kMicroC + 5;
  const auto loss_at = [&](double change) {
    double& w = model.tape().data(model.tape().at(at), 1)[0];
    const double kept = w;
    w += change;
    const double loss = model.loss_of(model.next_tokens()).data();
    model.tape().rewind(1 + model.start().parameters());
    model.tape().data(model.tape().at(at), 1)[0] = kept;
    return loss;
  };
  const double h = 1e-5, slope = (loss_at(h) - loss_at(-h)) / (2 * h);
  // The gradient comes as float32 (7 digits), and a slope from two losses keeps about 6.
  EXPECT_NEAR(gradients[5], slope, 1e-9 + 1e-5 * std::abs(slope));
}

TEST_F(MicroApi, ForwardShowsEveryVectorWithItsLine) {
  const JsonValue said = micro("forward", R"({"text": "emma"})");
  ASSERT_EQ(said.at("tokens", "said").items.size(), 6u);
  const std::vector<JsonValue>& positions = said.at("positions", "said").items;
  ASSERT_EQ(positions.size(), 5u);
  const JsonValue source = told(session(), "GET", "/api/source/microgpt.cpp");
  const std::vector<std::string> lines = split(source.at("text", "source").text, '\n');
  const std::vector<double> losses = numbers(said, "losses");
  double mean = 0;
  for (std::size_t p = 0; p < positions.size(); ++p) {
    std::size_t heads = 0;
    for (const JsonValue& row : positions[p].items) {
      const std::string name = row.at("name", "row").text;
      const std::size_t line = static_cast<std::size_t>(number(row, "line"));
      EXPECT_NE(lines.at(line - 1).find("\"" + name + "\""), std::string::npos)
          << "line " << line << " names " << name << ": " << lines[line - 1];
      EXPECT_GT(number(row, "made_line"), 0) << name;
      const std::vector<double> values = numbers(row, "values");
      if (name != "weights" && name != "probs") continue;
      heads += name == "weights";
      double total = 0;
      for (const double x : values) total += x;
      EXPECT_NEAR(total, 1, 1e-6) << name << " of position " << p;   // float32 digits
      if (name == "weights") { EXPECT_EQ(values.size(), p + 1); }
    }
    EXPECT_EQ(heads, 4u) << "position " << p;
    mean += losses[p] / static_cast<double>(positions.size());
  }
  EXPECT_NEAR(number(said, "loss"), mean, 1e-12);
}

TEST_F(MicroApi, TheLinesToBeatAreInOrder) {
  const JsonValue state = micro("state");
  const JsonValue& lines = state.at("lines", "state");
  EXPECT_NEAR(number(lines, "uniform"), std::log(27.0), 1e-12);
  EXPECT_LT(number(lines, "unigram"), number(lines, "uniform"));
  EXPECT_LT(number(lines, "bigram"), number(lines, "unigram"));
  EXPECT_GT(number(lines, "bigram"), 1.5) << "nobody knows names by heart from one letter";
}

TEST_F(MicroApi, TemperatureSharpensWhatMayFollow) {
  const std::vector<double> cold =
      numbers(micro("next", R"({"text": "em", "temperature": 0.1})"), "probs");
  const std::vector<double> warm =
      numbers(micro("next", R"({"text": "em", "temperature": 1})"), "probs");
  ASSERT_EQ(cold.size(), 27u);
  const auto largest = [](const std::vector<double>& p) {
    return *std::max_element(p.begin(), p.end());
  };
  EXPECT_GT(largest(cold), largest(warm));
  // Probabilities at 0.1 are those at 1, raised to the tenth power.
  EXPECT_NEAR(std::log(cold[0] / cold[1]), 10 * std::log(warm[0] / warm[1]), 1e-9);
}

TEST_F(MicroApi, BothEnginesLearnTheSame) {
  const JsonValue race = micro("race", R"({"steps": 5})");
  const std::vector<JsonValue>& engines = race.at("engines", "race").items;
  ASSERT_EQ(engines.size(), 2u);
  const std::vector<double> scalar = numbers(engines[0], "losses");
  const std::vector<double> tensor = numbers(engines[1], "losses");
  for (std::size_t i = 0; i < scalar.size(); ++i)
    EXPECT_NEAR(tensor[i], scalar[i], 1e-4) << "step " << i << ", in float32";
  EXPECT_GT(number(engines[0], "nodes"), 100 * number(engines[1], "nodes"));
}

// ---- Values -------------------------------------------------------------------------------------

double grad_of(const JsonValue& trace, const std::string& name) {
  for (const JsonValue& node : trace.at("nodes", "trace").items)
    if (node.at("name", "node").text == name) return number(node, "grad");
  ADD_FAILURE() << "no node is called " << name;
  return 0;
}

std::string body_of(const std::string& program) { return R"({"program": ")" + program + R"("})"; }

TEST_F(MicroApi, UsedTwiceCountsTwice) {
  const JsonValue trace = micro("value", body_of("a = 1; b = a + a; c = b + b"));
  EXPECT_EQ(grad_of(trace, "c"), 1);
  EXPECT_EQ(grad_of(trace, "b"), 2);
  EXPECT_EQ(grad_of(trace, "a"), 4);
  const std::vector<JsonValue>& steps = trace.at("steps", "trace").items;
  ASSERT_EQ(steps.size(), 4u);
  const std::vector<double> totals = {1, 2, 2, 4};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(number(steps[i], "total"), totals[i]) << i;
}

TEST_F(MicroApi, BackwardStepsAddUpToTheGradients) {
  const JsonValue trace = micro(
      "value", body_of("a = -4; b = 2; s = a*b + b^3; loss = relu(s) + 10/b - exp(a/2)*log(b)"));
  std::map<std::string, double> total;
  for (const JsonValue& step : trace.at("steps", "trace").items) {
    total[step.at("to", "step").text] += number(step, "add");
    EXPECT_EQ(number(step, "add"), number(step, "local") * number(step, "grad"));
    EXPECT_EQ(number(step, "total"), total[step.at("to", "step").text]);
  }
  for (const JsonValue& node : trace.at("nodes", "trace").items) {
    const std::string id = node.at("id", "node").text;
    if (total.count(id) != 0) { EXPECT_EQ(number(node, "grad"), total[id]) << "node " << id; }
  }
  // By hand: s = 0, so relu hands nothing on; d(10/b)/db = -2.5; the last product's slopes.
  EXPECT_NEAR(grad_of(trace, "a"), -std::exp(-2.0) / 2 * std::log(2.0), 1e-15);
  EXPECT_NEAR(grad_of(trace, "b"), -2.5 - std::exp(-2.0) / 2, 1e-15);
}

TEST_F(MicroApi, RefusesWhatIsNoProgram) {
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += '(';
  std::string long_one = "a=1";
  for (int i = 0; i < 300; ++i) long_one += ";a=a+a";
  for (const std::string& program :
       {std::string(""), std::string("  ;;"), std::string("a = "), std::string("a"),
        std::string("a = 1; a a"), std::string("a = (1"), std::string("a = 1 +"),
        std::string("a = 2; 3 ^ a"), std::string("tanh(1)"), std::string("1.2.3"),
        std::string("a = 1 = 2"), std::string("a = 1 $ 2"), deep, long_one,
        std::string(5000, 'a')}) {
    const JsonValue refused = micro("value", body_of(program), 400);
    EXPECT_GT(refused.at("error", "refused").at("message", "error").text.size(), 10u);
  }
  micro("value", body_of("log(0)"), 409);
  micro("value", body_of("a = 1" + std::string(200, '0') + "; a * a"), 400);
  micro("value", R"({"program": 7})", 400);
}

TEST_F(MicroApi, RefusesNamesItCannotRead) {
  micro("tokens", R"({"text": "Emma!"})", 400);
  micro("forward", R"({"text": "abcdefghijklmnop"})", 400);
  micro("step", R"({"n": 0})", 400);
  micro("step", R"({"n": 1e9})", 400);
  micro("reset", R"({"steps": 2})");
  micro("step", R"({"n": 3})", 400);
  micro("sample", R"({"temperature": 0})", 400);
  micro("nothing", "{}", 404);
  EXPECT_EQ(micro("tokens", R"({"text": ""})").at("tokens", "said").items.size(), 2u);
}

TEST_F(MicroApi, SourceIsATableAndNoPath) {
  for (const char* name :
       {"value.h", "value.cpp", "microgpt.h", "microgpt.cpp", "microgpt_tensor.cpp"})
    EXPECT_GT(
        told(session(), "GET", std::string("/api/source/") + name).at("text", name).text.size(),
        1000u);
  told(session(), "GET", "/api/source/passwd", "", 404);
  told(session(), "GET", "/api/source/..", "", 404);
}

}   // namespace
}   // namespace glass::test
