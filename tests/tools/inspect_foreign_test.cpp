// glass inspect on what other programs left: models and tokenizers, as they stand in the file and
// as what they mean here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>
#include <vector>

#include "model/formats/pytorch.h"
#include "tests/tools/inspected.h"

namespace glass::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A run of one step on a few letters; the path of its folder.
std::string small_run(const Scratch& scratch) {
  const std::string text = scratch.write("text.txt", "the cat sat on the mat and sat and sat\n");
  const Outcome trained =
      glass({"train", text, "--out", scratch / "run", "--max-iters", "1", "--n-layer", "2",
             "--n-head", "2", "--n-embd", "8", "--block-size", "4", "--eval-iters", "1"});
  EXPECT_EQ(trained.code, 0) << trained.text();
  return scratch / "run";
}

TEST(InspectForeign, AHuggingFaceFolderIsDescribedAsItStands) {
  const Scratch scratch;
  const std::string run = small_run(scratch), folder = scratch / "hf";
  const Outcome exported = glass({"export", "--ckpt", run, "--to", "hf", "-o", folder});
  ASSERT_EQ(exported.code, 0) << exported.text();
  const JsonValue json = inspected(folder), ours = inspected(run);
  EXPECT_EQ(text_of(json, "kind"), "Hugging Face GPT-2");
  EXPECT_EQ(json.at("config", "json").at("n_embd", "c").integer("n_embd", 0, 99), 8);
  EXPECT_EQ(text_of(json.at("config", "json"), "act"), text_of(ours.at("config", "json"), "act"));
  std::int64_t parameters = 0;
  bool turned = false;
  for (const JsonValue& tensor : json.at("tensors", "json").items) {
    parameters += tensor.at("elements", "t").integer("elements", 0, 9999);
    const std::vector<JsonValue>& shape = tensor.at("shape", "t").items;
    if (text_of(tensor, "name") == "transformer.h.0.attn.c_attn.weight")
      turned = shape.at(0).text == "8" && shape.at(1).text == "24";
  }
  EXPECT_TRUE(turned) << "the shape of the file, not ours";
  EXPECT_EQ(json.at("params", "json").integer("params", 0, 99999), parameters);
  EXPECT_THAT(glass({"inspect", folder}).out,
              AllOf(HasSubstr("weights"), HasSubstr("model.safetensors"), Not(HasSubstr("step"))));
}

TEST(InspectForeign, AnotherModelIsRefusedByItsName) {
  const Scratch scratch;
  scratch.write("llama/config.json",
                R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"]})");
  const std::string error = error_of(glass({"inspect", scratch / "llama"}), 3);
  EXPECT_THAT(error, AllOf(HasSubstr("'llama'"), HasSubstr("'LlamaForCausalLM'"),
                           HasSubstr("only those of the type gpt2")));
}

TEST(InspectForeign, AFileOfPyTorchThatIsNoKnownModelIsStillDescribed) {
  const Scratch scratch;
  const std::vector<float> numbers = {1, 2, 3, 4, 5, 6};
  const StoredTensor tensor{
      "odd.weight", StoredType::f32, {2, 3}, std::as_bytes(std::span(numbers)), nullptr};
  TorchWriter weights, other;
  weights.pickle().dictionary().text("odd.weight");
  weights.tensor(tensor);
  weights.pickle().end();
  weights.save(scratch / "weights.pt");
  const JsonValue json = inspected(scratch / "weights.pt");
  EXPECT_EQ(text_of(json, "kind"), "PyTorch file");
  EXPECT_EQ(json.at("params", "json").integer("params", 0, 99), 6);

  other.pickle().dictionary().text("history").text("long ago").end();
  other.save(scratch / "other.pt");
  EXPECT_THAT(glass({"inspect", scratch / "other.pt"}).out, HasSubstr("history"));
}

TEST(InspectForeign, WhatIsKnownIsListedForWhatIsNot) {
  const Scratch scratch;
  const std::string error = error_of(glass({"inspect", scratch.write("x", "no such kind\n")}), 3);
  EXPECT_THAT(error, AllOf(HasSubstr("a run folder"), HasSubstr("a Hugging Face folder"),
                           HasSubstr("a tokenizer")));
}

TEST(InspectForeign, JsonOfAnotherKindIsNotTakenForAVocabulary) {
  const Scratch scratch;
  EXPECT_THAT(error_of(glass({"inspect", scratch.write("x.json", R"({"a\"": true, "b": 7})")}), 3),
              HasSubstr("of no kind that is known here"));
  EXPECT_THAT(error_of(glass({"inspect", scratch.write("y.json", R"({"a\"": 0, "b": 1})")}), 3),
              HasSubstr("merges.txt"));
}

// --- Tokenizers in files of their own ------------------------------------------------------------

TEST(InspectForeign, ATokenizerShowsItsLongestWords) {
  const Scratch scratch;
  std::string text;
  for (int i = 0; i < 50; ++i) text += "elephants remember everything ------------- ";
  const std::string corpus = scratch.write("text.txt", text), own = scratch / "own.json";
  const Outcome made = glass({"tokenizer", "train", corpus, "--tokenizer", "bpe:300", "-o", own});
  ASSERT_EQ(made.code, 0) << made.text();
  const JsonValue json = inspected(own);
  EXPECT_EQ(text_of(json, "kind"), "tokenizer");
  EXPECT_EQ(json.at("params", "json").integer("params", 0, 9), 0);
  EXPECT_GT(json.at("tokenizer", "json").at("vocab_size", "t").integer("vocab_size", 0, 300), 256);
  const Outcome shown = glass({"inspect", own});
  EXPECT_THAT(shown.out, AllOf(HasSubstr("longest words"), HasSubstr("' everything'"),
                               Not(HasSubstr("'---"))));
}

}   // namespace
}   // namespace glass::test
