// glass import and glass export from outside: what comes out is the same model, and what cannot be
// is refused before anything is written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "engine/base/json_value.h"
#include "model/evaluate.h"
#include "tests/model/small_checkpoint.h"
#include "tests/tools/process.h"
#include "tools/commands.h"

namespace glass::test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A model of letters in a folder of its own.
class Convert : public ::testing::Test {
 protected:
  std::string save(const std::string& name, const GPTConfig& config) {
    const std::string path = folder_ / name;
    save_checkpoint(path,
                    checkpoint_of(config, make_tokenizer("char", "abcdefghijklm", "letters")));
    return path;
  }
  JsonValue logits(const std::string& path) {
    const Outcome outcome = glass({"logits", "--ckpt", path, "--prompt", "abcdefgh", "--json"});
    EXPECT_EQ(outcome.code, 0) << outcome.text();
    return parse_json(outcome.out, "the logits");
  }
  // One line of error, nothing on stdout, nothing written.
  void expect_refusal(const std::vector<std::string>& words, ExitCode code,
                      const std::string& part) {
    const Outcome outcome = glass(words);
    EXPECT_EQ(outcome.code, static_cast<int>(code)) << outcome.text();
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr(part));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.text();
    EXPECT_FALSE(std::filesystem::exists(folder_ / "new"));
  }
  Scratch folder_;
};

TEST_F(Convert, OutAndInAgainIsTheSameModel) {
  const std::string ours = save("ours.safetensors", small_nanogpt());
  const std::string out = folder_ / "out.safetensors", back = folder_ / "back.safetensors";
  const Outcome exported =
      glass({"export", "--ckpt", ours, "--to", "safetensors", "-o", out, "--json"});
  ASSERT_EQ(exported.code, 0) << exported.text();
  EXPECT_EQ(exported.err, "");
  const JsonValue said = parse_json(exported.out, "the result");
  EXPECT_EQ(said.at("path", "json").text, out);
  EXPECT_EQ(said.at("files", "json").items.size(), 1u);
  const Outcome imported = glass({"import", out, "-o", back, "--json"});
  ASSERT_EQ(imported.code, 0) << imported.text();
  EXPECT_EQ(parse_json(imported.out, "the result").at("path", "json").text, back);
  const JsonValue before = logits(ours), after = logits(back);
  const auto probability = [](const JsonValue& json, std::size_t position) {
    return json.at("top", "json").items.at(position).items.at(0).at("prob", "json").text;
  };
  for (std::size_t position = 0; position < 8; ++position)
    EXPECT_EQ(probability(before, position), probability(after, position));
}

TEST_F(Convert, WhatIsThereIsNotReplacedUnasked) {
  const std::string ours = save("ours.safetensors", small_nanogpt());
  const std::string other = save("other.safetensors", small_gpt2());
  std::filesystem::create_directories(folder_ / "full");
  folder_.write("full/diary.txt", "dear diary");
  const auto to = [&](const std::string& path) {
    return std::vector<std::string>{"export", "--ckpt", ours, "--to", "safetensors", "-o", path};
  };
  expect_refusal(to(other), ExitCode::usage, "is there already");
  expect_refusal(to(folder_ / "full"), ExitCode::usage, "is a folder with things in it");
  expect_refusal({"import", ours, "-o", other}, ExitCode::usage, "is there already");
  std::vector<std::string> insisting = to(other);
  insisting.push_back("--overwrite");
  EXPECT_EQ(glass(insisting).code, 0);
}

TEST_F(Convert, WrongWishesAreRefusedBeforeAnythingIsWritten) {
  const std::string ours = save("ours.safetensors", small_nanogpt()), out = folder_ / "new";
  expect_refusal({"export", "--ckpt", ours, "--to", "onnx", "-o", out}, ExitCode::usage, "--to");
  expect_refusal({"export", "--ckpt", ours, "-o", out}, ExitCode::usage, "--to");
  expect_refusal({"export", "--ckpt", ours, "--to", "safetensors"}, ExitCode::usage, "--out");
  expect_refusal({"export", "--ckpt", ours, "--to", "safetensors", "--type", "q8_0", "-o", out},
                 ExitCode::usage, "safetensors stores f32, f16 or bf16");
  expect_refusal({"export", "--ckpt", folder_ / "gone", "--to", "safetensors", "-o", out},
                 ExitCode::system, "gone");
  expect_refusal({"import", folder_.write("text.txt", "no model"), "-o", out}, ExitCode::content,
                 "is no model; known are");
  expect_refusal({"import", ours, "-o", out, "--tokenizer", "bytes"}, ExitCode::content,
                 "--tokenizer bytes knows 256 tokens, and this model only 13");
}

// A model that came from elsewhere has no data of its own, but it can be examined on any.
TEST_F(Convert, AModelFromElsewhereIsExaminedOnDataThatOneNames) {
  std::string rhyme;
  for (int i = 0; i < 20; ++i) rhyme += "abcdefghijklm\nmlkjihgfedcba\n";
  const std::string text = folder_.write("text.txt", rhyme);
  const std::string ours = folder_ / "run", foreign = folder_ / "hf";
  ASSERT_EQ(glass({"train", text, "--out", ours, "--preset", "names", "--block-size", "4",
                   "--max-iters", "3", "--threads", "1"})
                .code,
            0);
  ASSERT_EQ(glass({"export", "--ckpt", ours, "--to", "hf", "-o", foreign}).code, 0);
  expect_refusal({"eval", "--ckpt", foreign}, ExitCode::content, "--data");
  const auto loss = [&](const std::string& ckpt) {
    const Outcome outcome = glass({"eval", "--ckpt", ckpt, "--data", text, "--json"});
    EXPECT_EQ(outcome.code, 0) << outcome.text();
    return parse_json(outcome.out, "the result").at("loss", "json").number("loss");
  };
  EXPECT_NEAR(loss(foreign), loss(ours), 1e-5);   // biases of zero move f32 sums a little
}

// What inspect says of a model, results about it say too.
TEST_F(Convert, AForeignModelHasOneDigest) {
  const std::string ours = save("ours.safetensors", small_nanogpt());
  const auto digest = [&](const std::vector<std::string>& words) {
    const Outcome outcome = glass(words);
    EXPECT_EQ(outcome.code, 0) << outcome.text();
    return parse_json(outcome.out, "the result").at("digest", "json").text;
  };
  for (const char* target : {"hf", "nanogpt"}) {
    const std::string path = folder_ / target;
    ASSERT_EQ(glass({"export", "--ckpt", ours, "--to", target, "-o", path}).code, 0);
    const std::string ckpt = target == std::string("hf") ? path : path + "/ckpt.pt";
    const std::string before = digest({"inspect", ckpt, "--json"});
    EXPECT_EQ(before.size(), 16u);
    EXPECT_EQ(before, digest({"logits", "--ckpt", ckpt, "--tokens", "1,2", "--json"}));
  }
}

TEST_F(Convert, ADigestIsOfEveryFileThatSaysSomething) {
  const std::string ours = save("ours.safetensors", small_nanogpt()), path = folder_ / "hf";
  ASSERT_EQ(glass({"export", "--ckpt", ours, "--to", "hf", "-o", path}).code, 0);
  const std::string before = digest_of(FileOrFolder(path));
  folder_.write("hf/picture.png", "not about the model");
  EXPECT_EQ(digest_of(FileOrFolder(path)), before);
  folder_.write("hf/merges.txt", "#version: 0.2\na b\n");
  EXPECT_NE(digest_of(FileOrFolder(path)), before);
  const std::string other = save("other.safetensors", small_gpt2());
  for (const std::string& ckpt : {ours, other})
    ASSERT_EQ(glass({"export", "--ckpt", ckpt, "--to", "nanogpt", "-o",
                     folder_ / (ckpt == ours ? "nano" : "other")})
                  .code,
              0);
  EXPECT_NE(digest_of(FileOrFolder(folder_ / "nano")), digest_of(FileOrFolder(folder_ / "other")));
}

// llm.c's file of tokens is a list of ranks, which pieces found by bpe:N are not.
TEST_F(Convert, ATokenizerThatGetsLostOnTheWayIsMissed) {
  GPTConfig config = small_gpt2();
  config.vocab_size = 300;
  const std::string ours = folder_ / "pieces.safetensors";
  save_checkpoint(ours, checkpoint_of(config, make_tokenizer("bpe:260", "aab aab aab", "pieces")));
  const auto warning = [&](const char* target, const std::string& out) {
    const Outcome outcome = glass({"export", "--ckpt", ours, "--to", target, "-o", folder_ / out});
    EXPECT_EQ(outcome.code, 0) << outcome.text();
    return outcome.err;
  };
  EXPECT_THAT(warning("llmc", "pieces.bin"), HasSubstr("cannot say what its tokens mean"));
  EXPECT_THAT(warning("hf", "pieces"), Not(HasSubstr("cannot say what its tokens mean")));
}

TEST_F(Convert, WhatAModelKnowsIsNotGivenAnotherMeaningUnnoticed) {
  const std::string ours = save("ours.safetensors", small_nanogpt());
  const std::string text = folder_.write("text.txt", std::string(200, 'a') + std::string(99, 'b'));
  const std::vector<std::string> start = {"train", text,    "--init-from",
                                          ours,    "--out", folder_ / "new"};
  for (const char* option : {"--tokenizer=bytes", "--preset=gpt2"}) {
    std::vector<std::string> words = start;
    words.emplace_back(option);
    expect_refusal(
        words, ExitCode::usage,
        option[2] == 't' ? "has learned with the tokenizer char" : "--preset has no place");
  }
  const std::string meta = folder_ / "other.json";
  ASSERT_EQ(glass({"tokenizer", "train", text, "--tokenizer", "char", "-o", meta}).code, 0);
  const Outcome sample = glass({"sample", "--ckpt", ours, "--tokenizer", meta, "-n", "2"});
  EXPECT_THAT(sample.err, HasSubstr("has a tokenizer of its own"));
  expect_refusal({"tokenizer", "train", text, "-o", text}, ExitCode::usage, "is the text itself");
}

TEST_F(Convert, EveryTargetIsAChoiceOfTheCommand) {
  const Named* named = nullptr;
  const std::vector<Named> commands = runnable_commands();
  for (const Named& n : commands)
    if (n.path == "glass export") named = &n;
  ASSERT_NE(named, nullptr);
  std::string choices, types;
  for (const Option& option : named->command->options) {
    if (option.name == "to") choices = "|" + std::string(option.choices) + "|";
    if (option.name == "type") types = "|" + std::string(option.choices) + "|";
  }
  for (const ExportTarget* target : export_targets()) {
    EXPECT_THAT(choices, HasSubstr("|" + std::string(target->name) + "|"));
    for (const std::string& type : split(target->types, '|'))
      EXPECT_THAT(types, HasSubstr("|" + type + "|")) << target->name;
    EXPECT_THAT(std::string(target->opened_by), AnyOf(HasSubstr("PATH"), HasSubstr("FOLDER")))
        << target->name;
  }
}

}   // namespace
}   // namespace glass::test
