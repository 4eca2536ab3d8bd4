// The tape that a page shows is that of a real step: its loss, its weights, and nothing left
// behind.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "tests/tools/api/asked.h"

namespace glass::test {
namespace {

constexpr const char* kText = R"({"tokens": [0, 5, 9, 17, 5, 9]})";
Session& soft() { return session_of("handmade:soft"); }   // no softmax of it is saturated

TEST(ApiTape, EveryOpReadsWhatWasThereBefore) {
  const JsonValue said = told(soft(), "POST", "/api/tape", kText);
  const std::vector<JsonValue>& nodes = at(said, {"trace", "nodes"}).items;
  ASSERT_GT(nodes.size(), 10u);
  std::set<std::string> read;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    EXPECT_EQ(number(nodes[i], {"id"}), static_cast<double>(i));
    for (const JsonValue& input : at(nodes[i], {"inputs"}).items) {
      EXPECT_LT(std::stoi(input.text), static_cast<int>(i)) << text(nodes[i], {"op"});
      read.insert(input.text);
    }
  }
  for (std::size_t i = 0; i + 1 < nodes.size(); ++i)
    EXPECT_TRUE(read.count(std::to_string(i))) << "nobody reads " << text(nodes[i], {"op"});
  EXPECT_EQ(number(nodes.back(), {"value"}), number(said, {"loss"})) << "the last one is the loss";
  EXPECT_EQ(number(nodes.back(), {"grad"}), 1);
}

TEST(ApiTape, ItsLossIsTheSurpriseOfTheModel) {
  const JsonValue said = told(soft(), "POST", "/api/tape", kText);
  const JsonValue forward =
      told(soft(), "POST", "/api/forward", R"({"tokens": [0, 5, 9, 17, 5], "full": true})");
  const std::vector<float> logits = floats(at(forward, {"logits"}));
  const std::vector<std::size_t> next = {5, 9, 17, 5, 9};
  const std::size_t V = logits.size() / next.size();
  double surprise = 0;
  for (std::size_t t = 0; t < next.size(); ++t) {
    double sum = 0;
    for (std::size_t v = 0; v < V; ++v) sum += std::exp(logits[t * V + v]);
    surprise += std::log(sum) - logits[t * V + next[t]];
  }
  EXPECT_NEAR(number(said, {"loss"}), surprise / 5, 1e-4) << "f32, and logits up to 10";
}

TEST(ApiTape, EveryWeightIsOnItOnceWithItsSizeAndItsNorm) {
  const JsonValue said = told(soft(), "POST", "/api/tape", kText);
  std::map<std::string, std::string> node_of;
  for (const JsonValue& node : at(said, {"trace", "nodes"}).items) {
    if (!at(node, {"leaf"}).boolean) continue;
    EXPECT_TRUE(node_of.emplace(text(node, {"scope"}), text(node, {"id"})).second);
  }
  const JsonValue model = told(soft(), "GET", "/api/model");
  EXPECT_EQ(node_of.size(), at(model, {"tensors"}).items.size());
  for (const JsonValue& tensor : at(model, {"tensors"}).items) {
    const std::string name = text(tensor, {"name"});
    ASSERT_TRUE(node_of.count(name)) << name;
    const JsonValue& node = at(said, {"trace", "nodes", node_of[name]});
    ASSERT_EQ(at(node, {"shape"}).items.size(), at(tensor, {"shape"}).items.size()) << name;
    for (std::size_t d = 0; d < at(node, {"shape"}).items.size(); ++d)
      EXPECT_EQ(text(node, {"shape", std::to_string(d)}),
                text(tensor, {"shape", std::to_string(d)}));
    EXPECT_NEAR(number(node, {"value"}), number(tensor, {"norm"}), 1e-6 * number(tensor, {"norm"}))
        << name;
  }
  double bytes = 0;
  for (const JsonValue& node : at(said, {"trace", "nodes"}).items)
    bytes += number(node, {"saved_bytes"});
  EXPECT_EQ(bytes, number(said, {"trace", "saved_bytes"}));
}

TEST(ApiTape, LeavesNothingBehind) {
  const std::string before = asked(soft(), "POST", "/api/forward", R"({"prompt": "0A7b0A"})").body;
  const JsonValue one = told(soft(), "POST", "/api/tape", kText),
                  other = told(soft(), "POST", "/api/tape", kText);
  const std::vector<JsonValue>&a = at(one, {"trace", "nodes"}).items,
        &b = at(other, {"trace", "nodes"}).items;
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    for (const char* field : {"op", "value", "grad"})
      EXPECT_EQ(text(a[i], {field}), text(b[i], {field})) << i << ": gradients did not add up";
  EXPECT_EQ(asked(soft(), "POST", "/api/forward", R"({"prompt": "0A7b0A"})").body, before);
  for (const Parameter* p : soft().model()->model().parameters())
    EXPECT_FALSE(p->grad) << p->name << " keeps the memory of a gradient";
}

TEST(ApiTape, EveryOpShowsTheLineThatMadeIt) {
  const JsonValue said = told(soft(), "POST", "/api/tape", kText);
  std::set<std::string> known;
  for (const JsonValue& source : at(said, {"sources"}).items) {
    const JsonValue file = told(soft(), "GET", "/api/source/" + text(source, {"name"}));
    EXPECT_EQ(text(file, {"path"}), text(source, {"path"}));
    known.insert(text(source, {"path"}));
  }
  for (const JsonValue& node : at(said, {"trace", "nodes"}).items)
    EXPECT_TRUE(known.count(text(node, {"file"}))) << text(node, {"file"}) << " is not in the list";
}

TEST(ApiTape, RefusesWhatIsNoStep) {
  for (const char* body : {R"({})", R"({"tokens": []})", R"({"tokens": [3]})",
                           R"({"tokens": [3, 99]})", R"({"prompt": 7})"})
    told(soft(), "POST", "/api/tape", body, 400);
  told(*new_session("", ""), "POST", "/api/tape", kText, 409);
}

}   // namespace
}   // namespace glass::test
