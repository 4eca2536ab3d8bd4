// glass eval: a loss over every token, and what is refused.
#include <cmath>
#include <filesystem>

#include "model/evaluate.h"
#include "tests/tools/on_model.h"

namespace glass::test {
namespace {

TEST(ModelCommands, WrongTextsForEvalAreRefused) {
  const SmallPlace& p = place();
  for (const RefusedLine& row : std::vector<RefusedLine>{
           {{"eval", p.folder / "gone.txt"}, kSystem, "no such file"},
           {{"eval", p.folder / ""}, kSystem, "it is a directory"},
           {{"eval", p.folder.write("empty.txt", "")}, kContent, "the file is empty"},
           {{"eval", p.folder.write("nul.txt", std::string("a\0b", 3))}, kContent, "byte 1 is NUL"},
           {{"eval", p.folder.write("foreign.txt", "anna\nZoe\n")}, kContent, "Z"},
           {{"eval", p.folder.write("latin.txt", "ann\xE9\n")}, kContent, "UTF-8"},
           {{"eval", p.folder.write("one.txt", "a")}, kContent, "only one token"},
           {{"eval", p.names, "--split", "val"}, kUsage, "leave --split"},
           {{"eval", "--split", "test"}, kUsage, "val or train"},
           {{"eval", p.names, "--batch-size", "0"}, kUsage, "--batch-size"},
           {{"eval"}, kContent, "what it learned from"}})
    expect_refusal(row, on_model(row.words));
}

TEST(ModelCommands, PackedWeightsChangeResultsAsLittleAsTheirBitsSay) {
  const auto loss = [](const char* type) {
    std::vector<std::string> words = {"eval", place().names, "--json"};
    if (*type) words.insert(words.end(), {"--type", type});
    return json_of(on_model(words)).at("loss", "json").number("loss");
  };
  const double exact = loss("");
  EXPECT_NEAR(loss("f32"), exact, 1e-5);
  EXPECT_NEAR(loss("bf16"), exact, 0.02);
  EXPECT_NEAR(loss("int8"), exact, 0.02);
  EXPECT_NEAR(loss("int4"), exact, 0.3);   // 2^-4 of the largest weight, for eight of them in a sum
  EXPECT_NE(loss("int8"), exact);
  EXPECT_NE(loss("int4"), loss("int8"));
}

// A run of a few steps, on a text of its own.
struct TrainedRun {
  TrainedRun() {
    std::string words;
    for (int i = 0; i < 60; ++i) words += "one two three four five\nonce I caught a fish alive\n";
    text = folder.write("rhyme.txt", words);
    result = json_of(glass({"train", text, "--out", folder / "run", "--json", "--max-iters=5",
                            "--n_layer=1", "--n_head=2", "--n_embd=16", "--block_size=8",
                            "--batch_size=4", "--eval_iters=1", "--threads=1"}));
  }
  Scratch folder;
  std::string text;
  JsonValue result;
};

TEST(Eval, OfASplitIsWhatTrainMeasuredAtTheEnd) {
  const TrainedRun run;
  const JsonValue json =
      json_of(glass({"eval", "--ckpt", run.folder / "run", "--threads=1", "--json"}));
  EXPECT_NEAR(json.at("loss", "json").number("loss"),
              run.result.at("val_loss", "json").number("val_loss"), 1e-6)
      << "f32, summed in another order of windows";
  EXPECT_EQ(json.at("tokens", "json").number("tokens"),
            run.result.at("val_tokens", "json").number("tokens"));
  EXPECT_EQ(json.at("step", "json").number("step"), 5);
}

TEST(Eval, ASplitOfDataThatHaveChangedIsRefusedUnlessNamed) {
  const TrainedRun run;
  run.folder.write("rhyme.txt", "one two three\nonce I caught a fish alive\nfour five\n");
  const std::vector<std::string> eval = {"eval", "--ckpt", run.folder / "run"};
  expect_refusal({eval, kContent, "have changed"}, glass(eval));
  EXPECT_EQ(glass({"eval", "--ckpt", run.folder / "run", "--data", run.text}).code, 0);
  std::filesystem::remove(run.text);
  expect_refusal({eval, kSystem, "rhyme.txt"}, glass(eval));
}

TEST(Eval, IsTheMeanOverEveryTokenButTheFirst) {
  const JsonValue json =
      json_of(on_model({"eval", place().names, "--device", "reference", "--json"}));
  const auto model = tiny_model();
  const std::vector<std::int32_t> ids = place().tokenizer->encode(place().text);
  const Evaluation expected = evaluate(*model, Tokens(ids));
  const double loss = json.at("loss", "json").number("loss");
  EXPECT_NEAR(loss, expected.loss, 1e-12);
  EXPECT_EQ(json.at("tokens", "json").integer("tokens", 0, 1000),
            static_cast<std::int64_t>(ids.size()) - 1);
  EXPECT_NEAR(json.at("perplexity", "json").number("perplexity"), std::exp(loss), 1e-9);
  // One byte a letter and one letter a token, so all of these are the same in bits.
  EXPECT_NEAR(json.at("bits_per_byte", "json").number("bits"), loss / std::log(2.0), 1e-9);
  EXPECT_NEAR(json.at("bits_per_character", "json").number("bits"), loss / std::log(2.0), 1e-9);
}

}   // namespace
}   // namespace glass::test
