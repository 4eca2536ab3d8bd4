// How what a user says becomes a model, a recipe and data, and how a run's config.toml says it all
// again.
#include "tools/train_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "engine/base/text.h"
#include "tests/tools/process.h"
#include "tools/commands.h"
#include "tools/train_config_file.h"

namespace glass {
extern const Command kTrain;
namespace {

using test::bytes_of;
using test::Scratch;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TrainRequest requested(const std::vector<std::string>& words) {
  const auto nothing = [](const char*) -> const char* { return nullptr; };
  return train_request(parse(kTrain, "glass train", words, nothing));
}

std::string refusal(const std::vector<std::string>& words) {
  try {
    requested(words);
  } catch (const Error& error) { return error.what(); }
  return "accepted";
}

// The request that --config makes of what was written for `words`.
TrainRequest written_and_read(const std::vector<std::string>& words, const Scratch& folder) {
  write_config(folder / "", requested(words));
  return requested({"--config", folder / "config.toml"});
}

TrainRequest of_config(const std::string& lines) {
  const Scratch folder;
  return requested({folder.write("x.py", lines)});
}

std::string config_refusal(const std::string& lines) {
  const Scratch folder;
  return refusal({"--config", folder.write("x.toml", lines)});
}

TEST(TrainConfigFile, SaysEveryPresetAgain) {
  for (const Preset& preset : presets()) {
    const Scratch folder;
    const std::vector<std::string> words = {"--preset", std::string(preset.name)};
    const TrainRequest said = requested(words), read = written_and_read(words, folder);
    EXPECT_EQ(read.preset, preset.name);
    EXPECT_THAT(differences(said.model, read.model), ElementsAre()) << preset.name;
    EXPECT_THAT(differences(said.train, read.train), ElementsAre()) << preset.name;
  }
}

TEST(TrainConfigFile, SaysWhatWasSaidOverAPreset) {
  const std::vector<std::string> words = {"--preset=postnorm",
                                          "--bias=false",
                                          "--no-decay-lr",
                                          "--act=gelu-erf",
                                          "--n-layer=3",
                                          "--lr=0.00123",
                                          "--seed=99",
                                          "--on-nonfinite=skip",
                                          "--save-every=7",
                                          "--dtype=float64",
                                          "--prompt=a \"b\" # \\ \n\t\x01 \u00e9"};
  const Scratch folder;
  const TrainRequest said = requested(words), read = written_and_read(words, folder);
  EXPECT_THAT(differences(said.model, read.model), ElementsAre());
  EXPECT_THAT(differences(said.train, read.train), ElementsAre());
  EXPECT_EQ(read.args.text("dtype"), "f64");
}

TEST(TrainConfigFile, SaysTheDataWhereverItIsRead) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", "one\ttwo\tthree");
  const std::string near = std::filesystem::relative(text);
  const TrainRequest read = written_and_read(
      {near, "--tokenizer=bpe:300", "--val=0.25", "--doc-sep", "\\t", "--doc-mark", "#"}, folder);
  EXPECT_EQ(read.data.source, text);
  EXPECT_EQ(read.data.tokenizer, "bpe:300");
  EXPECT_EQ(read.data.val, 0.25);
  EXPECT_EQ(read.data.doc_sep, "\t");
  EXPECT_EQ(read.data.doc_mark, "#");
  EXPECT_EQ(written_and_read({"names"}, folder).data.source, "names") << "a name is no path";
}

TEST(TrainConfigFile, ASeparatorOfABackslashAndALetterStaysOne) {
  const Scratch folder;
  EXPECT_EQ(written_and_read({"--doc-sep", "\\\\n"}, folder).data.doc_sep, "\\n");
}

TEST(TrainConfigFile, OfARunThatGoesOnChangesOnlyWhatChanged) {
  const Scratch folder;
  const std::vector<std::string> words = {"--preset=char-small", "--seed=5", "--max-iters=8"};
  write_config(folder / "", requested(words));
  const std::string before = bytes_of(folder / "config.toml");
  TrainRequest again = requested({"names"});   // as a resumed one: the fields are the run's
  again.model = requested(words).model, again.train = requested(words).train;
  again.args.forget("DATA");
  update_config(folder / "", again);
  EXPECT_EQ(bytes_of(folder / "config.toml"), before);
  again.train.max_iters = 16;
  update_config(folder / "", again);
  std::string after = before;
  after.replace(after.find("max_iters = 8"), 13, "max_iters = 16");
  EXPECT_EQ(bytes_of(folder / "config.toml"), after);
}

TEST(TrainConfigFile, TwoHalvesOfARunLeaveTheFileOfTheWhole) {
  const Scratch folder;
  const auto train = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "train");
    const test::Outcome outcome = test::glass(words);
    EXPECT_EQ(outcome.code, 0) << outcome.text();
    return outcome.err;
  };
  const auto start = [&](const char* name, const char* steps) {
    return train({"--preset=microgpt", "--batch-size=1", "--eval-iters=1", "--lr-decay-iters=4",
                  "--dtype=float16", "--device=reference", "--max-iters", steps, "--out", folder / name});
  };
  EXPECT_THAT(start("whole", "4"), HasSubstr("--dtype float16: bf16 instead"));
  start("half", "2");
  train({"--resume", folder / "half", "--device=reference", "--max-iters", "4"});
  EXPECT_EQ(bytes_of(folder / "half/config.toml"), bytes_of(folder / "whole/config.toml"));
}

TEST(TrainConfigFile, SetsFieldsThatHaveNoOption) {
  const TrainRequest r = of_config(
      "preset = 'modern'\nn_inner = 12 * 2\nrope_base = 500.5\ninit = 'pytorch'\n"
      "bias = True\nbias_qkv = False\nbias_head = yes\ntie = False\n");
  EXPECT_EQ(r.model.n_inner, 24);
  EXPECT_EQ(r.model.rope_base, 500.5);
  EXPECT_EQ(r.model.init, Init::pytorch);
  EXPECT_FALSE(r.model.bias_qkv);
  EXPECT_TRUE(r.model.bias_out && r.model.bias_head);
}

TEST(TrainConfigFile, AFlagBeatsAFieldOfTheFile) {
  const Scratch folder;
  const std::string config = folder.write("x.toml", "bias_qkv = false\n");
  EXPECT_TRUE(requested({"--config", config, "--bias"}).model.bias_qkv);
  EXPECT_FALSE(requested({"--config", config}).model.bias_qkv);
}

TEST(TrainConfigFile, PutsItsFieldsOverAModelThatIsThere) {
  const TrainRequest r = of_config("n_inner = 24\n");
  GPTConfig model = preset("gpt2");
  put_chosen(r.args, model);
  EXPECT_THAT(differences(preset("gpt2"), model), ElementsAre("n_inner: 0 before, 24 now"));
}

TEST(TrainConfigFile, NamesTheLineOfWhatItDoesNotTake) {
  EXPECT_THAT(config_refusal("\nn_inner = many\n"), HasSubstr("line 2: n_inner: 'many' is not"));
  EXPECT_THAT(config_refusal("n_inner = -1\n"), HasSubstr("line 1: n_inner: '-1' is not"));
  EXPECT_THAT(config_refusal("bias_qkv = maybe\n"), HasSubstr("is not true or false"));
  EXPECT_THAT(config_refusal("init = 'gpt3'\n"), HasSubstr("gpt2, normal, pytorch or induction"));
  EXPECT_THAT(config_refusal("rope_base = nan\n"), HasSubstr("'nan' is not a number"));
  EXPECT_THAT(config_refusal("vocab_size = 65\n"), HasSubstr("there is no setting 'vocab_size'"));
  EXPECT_THAT(config_refusal("prompt = \"\\ud800\"\n"), HasSubstr("half a surrogate pair"));
}

TEST(TrainConfigFile, AProductThatIsTooLargeIsRefused) {
  EXPECT_EQ(of_config("batch_size = 5 * 8 * 2\n").train.batch_size, 80);
  EXPECT_EQ(of_config("batch_size = 1_000\n").train.batch_size, 1000);
  EXPECT_THAT(config_refusal("batch_size = 4294967296 * 4294967296\n"),
              HasSubstr("line 1: '4294967296 * 4294967296' is too large to be represented."));
  EXPECT_THAT(config_refusal("n_inner = 9223372036854775807 * 2\n"), HasSubstr("too large"));
}

TEST(TrainConfigFile, ReadsTheEscapesOfPythonAndJson) {
  const auto prompt = [](const std::string& value) {
    return of_config("prompt = " + value + "\n").train.prompt;
  };
  EXPECT_EQ(prompt(R"("a\tb\nc\\n\"")"), "a\tb\nc\\n\"");
  EXPECT_EQ(prompt(R"('it\'s # here' # not here)"), "it's # here");
  EXPECT_EQ(prompt(R"("\u00e9\ud83d\ude00\u0001")"), "\u00e9\U0001F600\x01");
}

TEST(TrainConfigFile, SkipsWhatCannotMatterAndSaysSo) {
  const TrainRequest r = of_config(
      "import time\nfrom os import path\nwandb_entity = 'me' + str(time.time())\n"
      "wandb_log = False\nbias = None\nn_layer = 3\n");
  EXPECT_THAT(r.notes, ElementsAre(HasSubstr("line 1: 'import time' has no effect here."),
                                   HasSubstr("line 2: 'from os import path'"),
                                   HasSubstr("wandb_entity"), HasSubstr("bias = None")));
  EXPECT_EQ(r.model.n_layer, 3);
}

TEST(TrainOptions, WhatOnlyNanoGptCanDoIsRefusedWithASentence) {
  EXPECT_EQ(config_refusal("eval_only = True\n"),
            "--eval-only: glass eval measures a model without training it.");
  EXPECT_EQ(config_refusal("eval_only = False\n"), "accepted");
  EXPECT_EQ(config_refusal("init_from = 'gpt2-xl'\n"),
            "--init-from 'gpt2-xl': name a file or folder that holds these weights (a folder of "
            "Hugging Face, for example), or start from random ones with --preset gpt2-xl.");
}

TEST(TrainOptions, AConfigAloneNamesNoData) {
  const Scratch folder;
  const std::string config = folder.write("x.py", "n_layer = 3\n");
  EXPECT_FALSE(requested({config, "--resume"}).args.has("DATA"));
  EXPECT_EQ(requested({config}).data.source, "names");
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{config, "stories"}, {"stories", config}}) {
    EXPECT_EQ(requested(words).data.source, "stories");
    EXPECT_EQ(requested(words).model.n_layer, 3);
  }
}

TEST(TrainOptions, TheWordAfterResumeIsItsFolderUnlessItIsData) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", "one two");
  const auto resume = [](const std::string& word) {
    return requested({"--resume", word}).args.text("resume");
  };
  EXPECT_EQ(resume(folder / ""), folder / "");
  EXPECT_EQ(resume("runs/typo"), "runs/typo");
  EXPECT_EQ(resume("typo"), "typo");
  EXPECT_EQ(resume("names"), "auto");
  EXPECT_EQ(resume(text), "auto");
}

TEST(TrainOptions, TheSeparatorTakesTheEscapesOfOtherCommands) {
  EXPECT_EQ(requested({"--doc-sep", "\\t"}).data.doc_sep, "\t");
  EXPECT_EQ(requested({"--doc-sep", "\\n\\n"}).data.doc_sep, "\n\n");
}

TEST(TrainOptions, ASeedThatNoCheckpointCanSayIsRefused) {
  EXPECT_EQ(requested({"--seed=9007199254740992"}).train.seed, std::int64_t{1} << 53);
  EXPECT_THAT(refusal({"--seed=9007199254740993"}), HasSubstr("is too large"));
}

TEST(TrainOptions, HalfPrecisionOfNanoGptIsBf16) {
  for (const char* word : {"float16", "bfloat16", "bf16"}) {
    const TrainRequest r = requested({"--dtype=" + std::string(word)});
    EXPECT_EQ(r.args.text("dtype"), "bf16") << word;
    EXPECT_EQ(r.args.said("dtype"), word);
    EXPECT_EQ(r.train.dtype, Numbers::bf16) << word;
  }
  EXPECT_EQ(requested({}).train.dtype, Numbers::f32);
}

}   // namespace
}   // namespace glass
