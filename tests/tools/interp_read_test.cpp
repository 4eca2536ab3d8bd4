// The commands that read a model: what they print as JSON is what scripts rely on, and what they
// refuse, with which code. What they compute is tested in tests/interp.
#include <gtest/gtest.h>

#include "engine/base/json_value.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

const std::string kText = "0,5,9,17,3,5,9";   // of the handmade circuit: ... what followed 9?

std::vector<std::string> asked(const std::string& analysis, std::vector<std::string> more = {}) {
  std::vector<std::string> words = {"interp",   analysis, "--ckpt", "handmade:induction",
                                    "--tokens", kText,    "--json"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

JsonValue json_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  return parse_json(outcome.out, "stdout");
}

TEST(InterpRead, LensSaysWhatTheLastLayerFound) {
  const JsonValue said = json_of(glass(asked("lens", {"--top-k", "2"})));
  const std::vector<JsonValue>& layers = said.at("layers", "lens").items;
  ASSERT_EQ(layers.size(), 2u);
  ASSERT_EQ(layers[0].items.size(), 7u) << "one for each position";
  const JsonValue& last = layers[1].items[6];
  EXPECT_EQ(last.at("top", "cell").items.size(), 2u);
  EXPECT_EQ(last.at("top", "cell").items[0].at("id", "guess").integer("id", 0, 100), 17);
  EXPECT_GT(layers[0].items[6].at("kl_to_final", "cell").number("kl"), 1);
  EXPECT_EQ(last.at("kl_to_final", "cell").number("kl"), 0);
  EXPECT_EQ(said.at("convergence", "lens").items.size(), 7u);
}

TEST(InterpRead, AttributeGivesTheWholeLogitToTheInductionHead) {
  const JsonValue said = json_of(glass(asked("attribute")));
  double logit = said.at("logit", "attribute").number("logit");
  EXPECT_NEAR(logit, 10, 1e-3);
  for (const JsonValue& part : said.at("components", "attribute").items) {
    const std::string& name = part.at("name", "part").string("name");
    EXPECT_NEAR(part.at("value", "part").number("value"), name == "1.0" ? logit : 0, 1e-3) << name;
  }
  EXPECT_EQ(said.at("constant", "attribute").number("constant"), 0);
}

TEST(InterpRead, RefusesInOneSentence) {
  EXPECT_NE(error_of(glass(asked("lens", {"--target", "#4000"})), 2), "");
  EXPECT_NE(error_of(glass(asked("lens", {"--at", "mid"})), 2), "") << "no mlps, no middle";
  EXPECT_NE(error_of(glass(asked("lens", {"--data", "names"})), 2), "");
  EXPECT_NE(error_of(glass(asked("attribute", {"--head", "1"})), 2), "");
  EXPECT_NE(error_of(glass({"interp", "neurons", "scan", "--ckpt", "handmade:induction", "--data",
                            "names"}),
                     2),
            "")
      << "no mlps";
}

TEST(InterpRead, NeuronsAndFeaturesAreScannedShownAndRefusedOnceTheModelIsAnother) {
  const Scratch folder;
  const auto trained = [&](const std::string& seed) {
    const Outcome done =
        glass({"train", "--out", folder / "run", "--overwrite", "--max-iters", "3", "--n-layer",
               "1", "--n-embd", "16", "--n-head", "2", "--eval-iters", "1", "--seed", seed});
    ASSERT_EQ(done.code, 0) << done.text();
  };
  trained("1");
  const std::string scan = folder / "scan", features = folder / "features";
  const JsonValue all = json_of(glass({"interp", "neurons", "scan", "--ckpt", folder / "run",
                                       "--most", "2000", "-o", scan, "--json"}));
  EXPECT_EQ(all.at("neurons", "scan").integer("neurons", 0, 1000), 64);
  const JsonValue one = json_of(glass(
      {"interp", "neurons", "show", "0", "3", "--ckpt", folder / "run", "-o", scan, "--json"}));
  EXPECT_FALSE(one.at("stale", "show").flag("stale"));
  const JsonValue& context = one.at("contexts", "show").items.at(0);
  for (const char* field : {"value", "position", "token", "before", "after"})
    EXPECT_NE(context.find(field), nullptr) << field;
  const JsonValue sae =
      json_of(glass({"interp", "sae", "train", "--ckpt", folder / "run", "--steps", "5", "--k", "4",
                     "--most", "2000", "-o", features, "--json"}));
  for (const char* field : {"l0", "explained_variance", "ce_recovered", "dead"})
    EXPECT_NE(sae.find(field), nullptr) << field;
  EXPECT_NE(json_of(glass({"interp", "sae", "show", "3", "--ckpt", folder / "run", "-o", features,
                           "--json"}))
                .find("contexts"),
            nullptr);

  trained("2");
  const std::string stale = error_of(
      glass({"interp", "neurons", "show", "0", "3", "--ckpt", folder / "run", "-o", scan}), 3);
  EXPECT_NE(stale.find("glass interp neurons scan --ckpt"), std::string::npos) << stale;
  EXPECT_NE(error_of(glass({"interp", "sae", "show", "--ckpt", folder / "run", "-o", features}), 3)
                .find("stale"),
            std::string::npos);
  EXPECT_NE(
      error_of(
          glass({"interp", "neurons", "show", "--ckpt", folder / "run", "-o", folder / "none"}), 4),
      "");
}

}   // namespace
}   // namespace glass::test
