// glass interp induction, heads, composition, ablate and dynamics as somebody would type them: the
// fields that scripts rely on, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/json_value.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

using ::testing::HasSubstr;

JsonValue result_of(std::vector<std::string> words) {
  words.emplace_back("--json");
  const Outcome outcome = glass(words);
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  return parse_json(outcome.out, "stdout");
}

void expect_fields(const JsonValue& object, std::initializer_list<const char*> names) {
  for (const char* name : names) EXPECT_NE(object.find(name), nullptr) << name;
}

TEST(InterpHeads, InductionSaysWhatItsContractPromises) {
  const JsonValue r = result_of({"interp", "induction", "--ckpt", "handmade:induction",
                                 "--sequences", "3", "--random-models", "1"});
  expect_fields(r, {"scores", "uniform_baseline", "threshold", "second_copy_accuracy", "digest",
                    "seed", "command"});
  const JsonValue& scores = r.at("scores", "");
  ASSERT_EQ(scores.items.size(), 8u);
  expect_fields(scores.items[0], {"layer", "head", "score", "robust", "gap", "copy"});
  EXPECT_EQ(scores.items[0].at("layer", "").text, "1");
  for (std::size_t i = 1; i < 8; ++i)
    EXPECT_GE(scores.items[i - 1].at("score", "").number(""),
              scores.items[i].at("score", "").number(""));
}

TEST(InterpHeads, HeadsCompositionAndAblateSayWhatTheirContractPromises) {
  const JsonValue heads = result_of({"interp", "heads", "--ckpt", "handmade:induction",
                                     "--sequences", "2", "--random-models", "1"});
  expect_fields(heads.at("heads", "").items.at(0),
                {"layer", "head", "current", "previous", "bos", "duplicate", "induction", "prefix",
                 "positional", "local", "delimiter", "entropy", "label"});
  const JsonValue scores = result_of({"interp", "composition", "--ckpt", "handmade:induction"});
  expect_fields(scores.at("scores", "").items.at(0), {"from", "to", "q", "k", "v"});
  const JsonValue ablated =
      result_of({"interp", "ablate", "--ckpt", "handmade:induction", "--heads", "1.0", "--windows",
                 "3", "--tokens", "0,5,9,5", "--icl"});
  expect_fields(ablated, {"baseline_top", "ablated_top", "loss_change", "icl_share"});
  EXPECT_GT(ablated.at("loss_change", "").number(""), 4);
}

TEST(InterpHeads, WhatIsNotThereIsAnErrorOfOneSentence) {
  const auto refused = [](std::vector<std::string> words) {
    words.insert(words.begin(), "interp");
    words.insert(words.end(), {"--ckpt", "handmade:induction"});
    return error_of(glass(words), 2);
  };
  EXPECT_THAT(refused({"induction", "--n=64"}), HasSubstr("the longest repeat is 63"));
  EXPECT_THAT(refused({"ablate", "--heads=2.0"}), HasSubstr("no layer"));
  EXPECT_THAT(refused({"ablate", "--mlps=0"}), HasSubstr("attention alone"));
  EXPECT_THAT(refused({"composition", "--head=1.9"}), HasSubstr("no head '1.9'"));
  EXPECT_THAT(refused({"dynamics", "--n=5"}), HasSubstr("is not the folder of a run"));
}

}   // namespace
}   // namespace glass::test
