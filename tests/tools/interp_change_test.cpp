// glass interp patch, path and circuit, from the outside: what they print, and what they refuse.
#include <gtest/gtest.h>

#include "engine/base/json_value.h"
#include "tests/tools/inspected.h"
#include "tests/tools/process.h"

namespace glass {
namespace {

using test::error_of;
using test::Outcome;

JsonValue said(std::vector<std::string> words) {
  words.emplace_back("--json");
  const Outcome outcome = test::glass(std::move(words));
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  return parse_json(outcome.out, "the output");
}
std::vector<std::string> interp(const std::string& analysis, std::vector<std::string> more = {},
                                const std::string& model = "handmade:induction") {
  std::vector<std::string> words = {"interp", analysis, "--ckpt", model};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}
double number(const JsonValue& json, const char* name) {
  return json.at(name, "json").number(name);
}
std::size_t length(const JsonValue& json, const char* name) {
  return json.at(name, "json").items.size();
}

TEST(InterpPatch, PrintsAGridAndItsAxes) {
  const JsonValue json = said(interp("patch", {"--site", "z"}));
  EXPECT_EQ(length(json, "rows"), 2u);
  EXPECT_EQ(length(json, "columns"), 4u);
  ASSERT_EQ(length(json, "grid"), 2u);
  EXPECT_EQ(json.at("grid", "json").items[0].items.size(), 4u);
  EXPECT_NEAR(json.at("grid", "json").items[1].items[0].number("cell"), 1, 1e-3);
  EXPECT_NEAR(number(json, "metric_clean"), 10, 1e-3);
  EXPECT_NEAR(number(json, "metric_corrupt"), 0, 1e-3);
  EXPECT_FALSE(test::text_of(json, "digest").empty());
}

TEST(InterpPatch, TakesTextsOfItsOwn) {
  const JsonValue json =
      said(interp("patch", {"--clean", "<|endoftext|>abcdxyzab", "--corrupt",
                            "<|endoftext|>aecdxyzab", "--target", "c", "--foil", "d"}));
  EXPECT_NEAR(json.at("grid", "json").items[0].items[2].number("cell"), 1, 1e-3);
}

TEST(InterpPatch, RefusesTextsThatDoNotFitInOneSentence) {
  const auto refusal = [](std::vector<std::string> more) {
    return error_of(test::glass(interp("patch", std::move(more))), 2);
  };
  EXPECT_NE(refusal({"--clean", "abc", "--corrupt", "ab"}).find("equally long"), std::string::npos);
  EXPECT_NE(refusal({"--clean", "abc", "--corrupt", "abc"}).find("are the same"),
            std::string::npos);
  EXPECT_NE(refusal({"--clean", "abc"}).find("belong together"), std::string::npos);
  EXPECT_NE(refusal({"--site", "mlp_out"}).find("no mlp"), std::string::npos);
  EXPECT_NE(refusal({"--site", "z", "--layer", "2"}).find("no layer 2"), std::string::npos);
  EXPECT_NE(refusal({"--clean", "abab", "--corrupt", "cbab", "--target", "ab", "--foil", "b"})
                .find("is 2 tokens"),
            std::string::npos);
  EXPECT_NE(error_of(test::glass(interp("patch", {}, "handmade:inductoin")), 2)
                .find("Did you mean handmade:induction?"),
            std::string::npos);
}

TEST(InterpPath, PrintsOneValueOrAMatrix) {
  const JsonValue one = said(interp("path", {"--from", "0.0", "--to", "1.0.k"}));
  EXPECT_NEAR(number(one, "value"), 1, 1e-3);
  const JsonValue all = said(interp("path"));
  EXPECT_EQ(length(all, "grid"), length(all, "rows"));
  EXPECT_EQ(length(all, "columns"), 25u);
  EXPECT_EQ(all.find("value"), nullptr);
  EXPECT_NE(error_of(test::glass(interp("path", {"--from", "3.0"})), 2).find("no sender"),
            std::string::npos);
}

TEST(InterpCircuit, PrintsTheThreeEdgesAndWhatTheyAreWorth) {
  const JsonValue json = said(interp("circuit", {"--random", "10"}));
  ASSERT_EQ(length(json, "edges"), 3u);
  std::string edges;
  for (const JsonValue& edge : json.at("edges", "json").items)
    edges += test::text_of(edge, "from") + " -> " + test::text_of(edge, "to") + "\n";
  for (const char* edge : {"embed -> 0.0.v\n", "0.0 -> 1.0.k\n", "1.0 -> logits\n"})
    EXPECT_NE(edges.find(edge), std::string::npos) << edges;
  EXPECT_NEAR(number(json, "faithfulness"), 1, 1e-3);
  EXPECT_LT(number(json, "random_faithfulness"), 0.5);
}

// Three analyses, one question: what a script reads of it has one name everywhere.
TEST(InterpChange, SaysWhatWasAskedUnderTheSameNamesEverywhere) {
  const JsonValue patch = said(interp("patch", {"--site", "z"}));
  for (const JsonValue& json :
       {said(interp("path", {"--to", "logits"})), said(interp("circuit", {"--random", "0"}))}) {
    EXPECT_EQ(length(json, "clean"), length(patch, "clean"));
    EXPECT_EQ(length(json, "corrupt"), length(patch, "corrupt"));
    for (const char* name : {"target", "foil"})
      EXPECT_EQ(test::text_of(json, name), test::text_of(patch, name));
    for (const char* name : {"pairs", "metric_clean", "metric_corrupt"})
      EXPECT_EQ(number(json, name), number(patch, name)) << name;
  }
}

TEST(InterpCircuit, ReadsTasksFromAFileAndNamesTheLineThatIsWrong) {
  const test::Scratch scratch;
  const std::string good = scratch.write(
      "good.tsv", "# a repeat\n<|endoftext|>abcdxyzab\t<|endoftext|>aecdxyzab\tc\td\n");
  const JsonValue json =
      said(interp("circuit", {"--task", good, "--method", "eap-ig"}, "handmade:soft"));
  EXPECT_EQ(test::text_of(json, "task"), good);
  EXPECT_GT(length(json, "edges"), 0u);
  const std::string bad = scratch.write("bad.tsv", "ab\tcb\ta\n");
  EXPECT_NE(error_of(test::glass(interp("circuit", {"--task", bad})), 3).find("line 1"),
            std::string::npos);
  EXPECT_NE(error_of(test::glass(interp("circuit", {"--task", scratch / "none.tsv"})), 4)
                .find("none.tsv"),
            std::string::npos);
}

TEST(InspectHandmade, SaysWhatTheModelIs) {
  const JsonValue json = test::inspected("handmade:induction");
  EXPECT_EQ(test::text_of(json, "kind"), "handmade model");
  EXPECT_EQ(test::text_of(json, "digest").size(), 16u);
}

}   // namespace
}   // namespace glass
