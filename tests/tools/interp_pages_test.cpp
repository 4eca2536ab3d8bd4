// The commands that show what flows through a model, and the report that asks everything at once:
// what they print as JSON, what they leave in files, what they refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/json_value.h"
#include "model/formats/safetensors.h"
#include "tests/scratch.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> asked(const std::string& analysis, std::vector<std::string> more = {}) {
  std::vector<std::string> words = {"interp",   analysis,  "--ckpt", "handmade:induction",
                                    "--prompt", "abcabca", "--json"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

JsonValue json_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  return parse_json(outcome.out, "stdout");
}

TEST(InterpPages, AttentionIsNestedByLayerHeadQueryAndKey) {
  const JsonValue said = json_of(glass(asked("attention", {"--layer", "1"})));
  EXPECT_EQ(said.at("tokens", "attention").items.size(), 7u);
  const std::vector<JsonValue>& layers = said.at("attention", "attention").items;
  ASSERT_EQ(layers.size(), 1u);
  ASSERT_EQ(layers[0].items.size(), 4u);
  ASSERT_EQ(layers[0].items[0].items.size(), 7u);
  const std::vector<JsonValue>& last = layers[0].items[0].items[6].items;
  ASSERT_EQ(last.size(), 7u);
  double most = 0;
  for (const JsonValue& cell : last) most = std::max(most, cell.number("cell"));
  EXPECT_EQ(last[4].number("cell"), most) << "the third a looks behind the second";
}

TEST(InterpPages, EveryResultIsAlsoAPictureAndAPage) {
  const Scratch folder;
  const Outcome done =
      glass(asked("attention", {"--png", folder / "a.png", "--html", folder / "a.html"}));
  ASSERT_EQ(done.code, 0) << done.text();
  EXPECT_EQ(bytes_of(folder / "a.png").substr(1, 3), "PNG");
  const std::string html = bytes_of(folder / "a.html");
  EXPECT_THAT(html, HasSubstr("<!doctype html>"));
  EXPECT_THAT(html, HasSubstr("glass interp attention --ckpt handmade:induction"));
}

TEST(InterpPages, CacheNamesAndFilesWhatFlows) {
  const Scratch folder;
  const std::string file = folder / "a.safetensors";
  const JsonValue said =
      json_of(glass(asked("cache", {"--names", "blocks.*.attn.hook_z,logits", "-o", file})));
  ASSERT_EQ(said.at("names", "cache").items.size(), 3u);
  EXPECT_EQ(said.at("names", "cache").items[2].string("name"), "logits");
  EXPECT_EQ(said.at("shapes", "cache").items[2].items.size(), 3u);
  EXPECT_EQ(load_safetensors(file).tensors.size(), 3u);
  EXPECT_NE(error_of(glass(asked("cache", {"-o", file})), 2), "") << "it is there";
  EXPECT_EQ(glass(asked("cache", {"--names", "logits", "-o", file, "--overwrite"})).code, 0);
  EXPECT_EQ(load_safetensors(file).tensors.size(), 1u);
}

TEST(InterpPages, RefusesInOneSentence) {
  EXPECT_THAT(error_of(glass(asked("attention", {"--layer", "2"})), 2), HasSubstr("no layer 2"));
  EXPECT_THAT(error_of(glass(asked("cache", {"--names", "blocks.*.hook_resid_per"})), 2),
              HasSubstr("no place"));
  EXPECT_NE(error_of(glass({"interp", "attention", "--ckpt", "handmade:induction"}), 2), "")
      << "no text";
}

TEST(Report, HasAPageForEveryAnalysisAndAReasonWhereThereIsNone) {
  const Scratch folder;
  const std::string file = folder / "r.html", run = folder / "run";
  const Outcome trained = glass({"train", "--out", run, "--max-iters", "3", "--n-layer", "1",
                                 "--n-embd", "16", "--n-head", "2", "--eval-iters", "1"});
  ASSERT_EQ(trained.code, 0) << trained.text();
  const JsonValue said = json_of(glass({"report", "--ckpt", run, "-o", file, "--json"}));
  EXPECT_EQ(said.at("pages", "report").items.size(), 14u);
  const std::string html = bytes_of(file);
  for (const char* id : {"attention", "lens", "attribute", "induction", "heads", "composition",
                         "patch", "path", "circuit", "neurons", "sae", "dynamics"})
    EXPECT_THAT(html, HasSubstr("id=\"" + std::string(id))) << id;
  EXPECT_THAT(html, HasSubstr("heads of one layer do not hear each other"));
  EXPECT_THAT(html, HasSubstr("nobody has scanned its neurons yet"));
  EXPECT_THAT(html, HasSubstr("nobody has trained a sparse autoencoder for it yet"));
  EXPECT_THAT(html, HasSubstr("glass interp circuit --ckpt " + run + " --method eap-ig"));
  EXPECT_NE(error_of(glass({"report", "--ckpt", run, "-o", file}), 2), "") << "it is there";
}

TEST(InterpPages, ThatCannotBeWrittenAreRefusedBeforeAnythingIsComputed) {
  const Scratch folder;
  const std::string gone = folder / "nowhere/file";
  const std::vector<std::vector<std::string>> commands = {
      {"report", "--ckpt", "handmade:induction", "-o", gone},
      {"interp", "sae", "train", "--ckpt", "handmade:induction", "--data", "names", "-o", gone},
      {"interp", "lens", "--ckpt", "handmade:induction", "--train-tuned", gone},
      {"interp", "induction", "--ckpt", "handmade:induction", "--png", gone},
      {"interp", "induction", "--ckpt", "handmade:induction", "--html", folder.path()}};
  for (const auto& command : commands) {
    const Outcome out = glass(command);
    EXPECT_EQ(out.code, 4) << out.text();
    EXPECT_THAT(out.err, ::testing::StartsWith("error: cannot write ")) << "and no progress before";
    EXPECT_EQ(out.out, "");
  }
}

TEST(InterpPages, TheCommandThatMakesWhatIsMissingCanBeCopied) {
  const Scratch folder;
  const std::string run = folder / "my run";
  ASSERT_EQ(glass({"train", "--preset", "microgpt", "--steps", "1", "--out", run}).code, 0);
  const Outcome out = glass({"interp", "neurons", "show", "0", "1", "--ckpt", run});
  EXPECT_EQ(out.code, 4) << out.text();
  EXPECT_THAT(out.err, HasSubstr("glass interp neurons scan --ckpt '" + run + "'"));
}

}   // namespace
}   // namespace glass::test
