// glass train, driven from outside: what it leaves behind, what it refuses, and that no way of
// stopping it loses a step.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "engine/base/json_value.h"
#include "tests/tools/process.h"
#include "tests/tools/tiny_training.h"

namespace glass::test {
namespace {

using ::testing::HasSubstr;

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

TEST(Train, LeavesARunFolderThatSaysEverything) {
  const Scratch folder;
  const Outcome outcome = glass(tiny({folder.write("rhyme.txt", rhyme()), "--max-iters", "40",
                                      "--out", folder / "run", "--json"}));
  ASSERT_EQ(outcome.code, 0) << outcome.text();
  const JsonValue json = parse_json(outcome.out, "the output");
  for (const char* key : {"step", "train_loss", "val_loss", "best_val_loss", "tokens_per_second",
                          "params", "checkpoint", "seconds"}) {
    EXPECT_NE(json.find(key), nullptr) << key;
  }
  EXPECT_EQ(json.at("step", "json").integer("step", 0, 1000), 40);
  EXPECT_EQ(json.at("checkpoint", "json").string("checkpoint"),
            folder / "run/ckpt-00000040.safetensors");
  for (const char* name : {"ckpt-00000040.safetensors", "best.safetensors", "config.toml",
                           "metrics.jsonl", "timing.jsonl", "loss.png"}) {
    EXPECT_TRUE(exists(folder / ("run/" + std::string(name)))) << name;
  }
  EXPECT_THAT(bytes_of(folder / "run/config.toml"), HasSubstr("\nmax_iters = 40\n"));
  // The last evaluation too, though it is no multiple of the interval.
  EXPECT_THAT(bytes_of(folder / "run/metrics.jsonl"),
              ::testing::MatchesRegex("(.*\n)*\\{\"step\": 40, \"train_loss\": [0-9.]+, \"val_loss\": [0-9.]+\\}\n"));
}

TEST(Train, PrintsResultsOnStdoutAndProgressOnStderr) {
  const Scratch folder;
  const Outcome outcome = glass(
      tiny({folder.write("rhyme.txt", rhyme()), "--max-iters", "3", "--out", folder / "run"}));
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_THAT(outcome.out, HasSubstr("validation loss"));
  EXPECT_THAT(outcome.out, ::testing::Not(HasSubstr("step ")));
  EXPECT_THAT(outcome.err, HasSubstr("step      3 / 3 | loss"));
  EXPECT_THAT(outcome.err, HasSubstr("nats a token: knows nothing"));
}

TEST(Train, OfNamesItSaysHowManyAreNew) {
  const Scratch folder;
  const Outcome outcome =
      glass(tiny({"names", "--max-iters", "2", "--out", folder / "run", "--json"}));
  ASSERT_EQ(outcome.code, 0) << outcome.text();
  const JsonValue json = parse_json(outcome.out, "the output");
  EXPECT_EQ(json.at("samples", "json").items.size(), 20u);
  EXPECT_GE(json.at("new_samples", "json").integer("new_samples", 0, 20), 15) << "noise is no name";
}

TEST(Train, OfInductionItSaysHowMuchOfTheSecondCopyIsKnown) {
  const Scratch folder;
  const auto train = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"train", "--threads", "1"});
    return glass(words);
  };
  const Outcome outcome = train({"induction", "--batch", "4", "--block-size", "32", "--max-iters",
                                 "20", "--eval-every", "10", "--out", folder / "run", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.text();
  const JsonValue json = parse_json(outcome.out, "the output");
  const double accuracy = json.at("val_accuracy", "json").number("val_accuracy");
  EXPECT_GE(accuracy, 0);
  EXPECT_LE(accuracy, 1);
  EXPECT_EQ(json.at("samples", "json").items.size(), 3u);
  EXPECT_THAT(json.at("samples", "json").items[0].string("sample"), HasSubstr(" | "));
  EXPECT_THAT(bytes_of(folder / "run/metrics.jsonl"), HasSubstr("\"val_accuracy\":"));
  EXPECT_THAT(bytes_of(folder / "run/config.toml"), HasSubstr("preset = \"induction\""));

  const Outcome seen = glass({"eval", "--ckpt", folder / "run", "--json"});
  ASSERT_EQ(seen.code, 0) << seen.text();
  EXPECT_NEAR(parse_json(seen.out, "json").at("accuracy", "json").number("accuracy"), accuracy,
              1e-12);

  // Endless data need no memory of where one was.
  ASSERT_EQ(train({"--resume", folder / "run", "--max-iters", "30", "--force-config"}).code, 0);
  ASSERT_EQ(train({"induction", "--batch", "4", "--block-size", "32", "--max-iters", "30",
                   "--eval-every", "10", "--lr-decay-iters", "20", "--out", folder / "whole"})
                .code,
            0);
  EXPECT_TRUE(bytes_of(folder / "run/ckpt-00000030.safetensors") ==
              bytes_of(folder / "whole/ckpt-00000030.safetensors"));
  EXPECT_EQ(train({"induction", "--val", "0.2", "--out", folder / "x"}).code, 2);
}

TEST(Train, TheSettingsThatARunWroteGiveTheSameRunAgain) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme());
  ASSERT_EQ(glass(tiny({text, "--max-iters", "20", "--dropout", "0.1", "--lr", "3e-3", "--out",
                        folder / "a"}))
                .code,
            0);
  const Outcome again = glass(
      {"train", "--config", folder / "a/config.toml", "--out", folder / "b", "--threads", "2"});
  ASSERT_EQ(again.code, 0) << again.text();
  EXPECT_TRUE(bytes_of(folder / "a/ckpt-00000020.safetensors") ==
              bytes_of(folder / "b/ckpt-00000020.safetensors"));
  EXPECT_EQ(bytes_of(folder / "a/metrics.jsonl"), bytes_of(folder / "b/metrics.jsonl"));
}

TEST(Train, ReadsNanoGptsConfigFilesAndCommandLines) {
  const Scratch folder;
  const std::string config = folder.write(
      "train_small.py",
      "# a comment\nout_dir = '" + (folder / "run") +
          "'\neval_interval = 10 # keep frequent\ngradient_accumulation_steps = 1 * 2\n"
          "learning_rate = 1e-3\nwandb_log = False\ndataset = '" +
          folder.write("rhyme.txt", rhyme()) + "'\ncompile = False\n");
  const Outcome outcome =
      glass({"train", config, "--n_layer=1", "--n_head=2", "--n_embd=16", "--block_size=8",
             "--max_iters=4", "--eval_iters=1", "--device=cpu", "--wandb_project=x"});
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  const std::string settings = bytes_of(folder / "run/config.toml");
  EXPECT_THAT(settings, HasSubstr("\ngradient_accumulation_steps = 2\n"));
  EXPECT_THAT(settings, HasSubstr("\neval_interval = 10\n"));
  EXPECT_THAT(outcome.err,
              HasSubstr("--compile, --wandb-log, --wandb-project have no effect here"));
}

TEST(Train, ATakenFolderIsNotTouched) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme());
  const std::string line = "cd " + (folder / "") +
                           " && $GLASS train rhyme.txt --max-iters 2 --n-layer 1 --n-head 1 "
                           "--n-embd 8 --block-size 8 --eval-iters 1";
  ASSERT_EQ(shell(line).code, 0);
  const std::string before = bytes_of(folder / "out/rhyme/ckpt-00000002.safetensors");
  const Outcome second = shell(line + " --seed 5");
  EXPECT_EQ(second.code, 0) << second.text();
  EXPECT_THAT(second.err, HasSubstr("out/rhyme-2"));
  EXPECT_TRUE(bytes_of(folder / "out/rhyme/ckpt-00000002.safetensors") == before);
  EXPECT_EQ(shell(line + " --seed 5 --out out/rhyme").code, 2)
      << "a folder that is named is not replaced by another";
  EXPECT_EQ(shell(line + " --seed 5 --out out/rhyme --overwrite").code, 0);
  EXPECT_FALSE(bytes_of(folder / "out/rhyme/ckpt-00000002.safetensors") == before);
}

// Waits for a run to have written at least $2 lines of metrics in folder $1; gives up when the
// process $3 is gone.
constexpr const char* kWait =
    "lines() { wc -l < \"$1/metrics.jsonl\" 2>/dev/null || echo 0; }\n"
    "until_lines() { while [ \"$(lines $1)\" -lt $2 ] && kill -0 $3 2>/dev/null; do sleep 0.02; "
    "done; }\n";

std::string line_of(const std::vector<std::string>& words) {
  std::string line = "$GLASS";
  for (const std::string& word : words) line += " " + word;
  return line;
}

void expect_same_files(const std::string& one, const std::string& other,
                       const std::string& checkpoint) {
  ASSERT_GT(bytes_of(one + "/" + checkpoint).size(), 1000u);
  EXPECT_TRUE(bytes_of(one + "/" + checkpoint) == bytes_of(other + "/" + checkpoint)) << checkpoint;
  EXPECT_EQ(bytes_of(one + "/metrics.jsonl"), bytes_of(other + "/metrics.jsonl"));
}

// A run that nobody could wait for: it ends only where somebody stops it. Its schedule is that of a
// short one.
std::vector<std::string> endless(const std::string& text, const std::string& out) {
  return tiny({text, "--lr-decay-iters", "500", "--dropout", "0.1", "--grad-accum", "2", "--out",
               out, "--max-iters"});
}

std::vector<std::string> until(std::vector<std::string> words, const std::string& steps) {
  words.insert(std::find(words.begin(), words.end(), "--max-iters") + 1, steps);
  return words;
}

// The same run in one piece, and the comparison with the one that was stopped.
void expect_like_unbroken(const Scratch& folder, const std::string& text, const std::string& run,
                          std::int64_t steps) {
  const std::string whole = folder / "whole";
  ASSERT_EQ(glass(until(endless(text, whole), std::to_string(steps))).code, 0);
  char name[64];
  std::snprintf(name, sizeof name, "ckpt-%08lld.safetensors", static_cast<long long>(steps));
  expect_same_files(whole, run, name);
}

TEST(Train, CtrlCSavesAndResumeGoesOnAsIfNothingHadHappened) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme()), run = folder / "stopped";
  const Outcome stopped =
      shell(std::string(kWait) + line_of(until(endless(text, run), "100000000")) +
            " & P=$!\nuntil_lines " + run + " 50 $P\nkill -INT $P\nwait $P");
  EXPECT_EQ(stopped.code, 130) << stopped.text();
  const std::string says = "Stopped after step ";
  const std::size_t at = stopped.err.find(says);
  ASSERT_NE(at, std::string::npos) << stopped.text();
  EXPECT_THAT(stopped.err, HasSubstr("Go on with: glass train --resume"));
  const std::int64_t steps = std::stoll(stopped.err.substr(at + says.size())) + 30;
  const Outcome resumed =
      glass({"train", "--resume", run, "--threads=2", "--max-iters", std::to_string(steps)});
  ASSERT_EQ(resumed.code, 0) << resumed.text();
  expect_like_unbroken(folder, text, run, steps);
}

TEST(Train, ARequestToSaveLeavesACheckpointAndGoesOn) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme()), run = folder / "run";
  std::string line = line_of(until(endless(text, run), "100000000"));
  const std::string often = "--eval_interval=50";   // which saves, too
  line.replace(line.find(often), often.size(), "--eval_interval=100000000");
  const Outcome saved =
      shell(std::string(kWait) + line + " & P=$!\nuntil_lines " + run + " 50 $P\nls " + run +
            "\nkill -USR1 $P\nuntil ls " + run +
            "/ckpt-* >/dev/null 2>&1; do kill -0 $P || exit 1; sleep 0.02; done\n" +
            "until_lines " + run + " $(($(lines " + run +
            ") + 50)) $P\nkill -0 $P && echo alive\nkill -9 $P");
  EXPECT_THAT(saved.out, HasSubstr("alive")) << saved.text();
  EXPECT_THAT(saved.out, ::testing::Not(HasSubstr("ckpt-"))) << "there was none before";
  const Outcome whole = glass({"inspect", run, "--json"});
  EXPECT_EQ(whole.code, 0) << whole.text();
}

TEST(Train, KilledAgainAndAgainItStillEndsAtTheSameBytes) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme()), run = folder / "killed";
  const std::string kill = " & P=$!\nuntil_lines " + run + " $(($(lines " + run +
                           ") + 80)) $P\nkill -9 $P\nwait $P\necho killed $? >&2\n";
  std::string script = std::string(kWait) + line_of(until(endless(text, run), "100000000")) + kill;
  for (int i = 0; i < 4; ++i) script += "$GLASS train --resume " + run + " --threads=1" + kill;
  script += "N=$(($(lines " + run + ") + 30))\n$GLASS train --resume " + run +
            " --threads=1 --max-iters $N >/dev/null && echo $N";
  const Outcome survived = shell(script);
  ASSERT_EQ(survived.code, 0) << survived.text();
  std::size_t kills = 0;
  for (std::size_t at = 0; (at = survived.err.find("killed 137", at)) != std::string::npos; ++at)
    ++kills;
  EXPECT_EQ(kills, 5u) << survived.text();
  expect_like_unbroken(folder, text, run, std::stoll(survived.out));
}

TEST(Train, OnlyOneTrainerWorksInAFolder) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme());
  const std::string first =
      line_of(tiny({text, "--max-iters", "1000000", "--out", folder / "run"}));
  const Outcome second =
      shell(std::string(kWait) + first + " 2>/dev/null & P=$!\nuntil_lines " + (folder / "run") +
            " 60 $P\n$GLASS train --resume " + (folder / "run") + "\nR=$?\nkill -9 $P\nexit $R");
  EXPECT_EQ(second.code, 4) << second.text();
  EXPECT_THAT(second.err, HasSubstr("another trainer"));
}

// Two trainers that start at once find the same free folder, and one of them gets its lock.
TEST(Train, WhoComesSecondTakesTheNextFolder) {
  const Scratch folder;
  folder.write("rhyme.txt", rhyme());
  folder.write("out/rhyme/.lock", "");
  const int lock = ::open((folder / "out/rhyme/.lock").c_str(), O_RDWR);
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);
  const std::string line = "cd " + (folder / "") +
                           " && $GLASS train rhyme.txt --max-iters 2 --n-layer 1 --n-head 1 "
                           "--n-embd 8 --block-size 8 --eval-iters 1";
  const Outcome second = shell(line);
  EXPECT_EQ(second.code, 0) << second.text();
  EXPECT_THAT(second.err, HasSubstr("so this one goes to out/rhyme-2."));
  EXPECT_TRUE(exists(folder / "out/rhyme-2/ckpt-00000002.safetensors")) << second.text();
  EXPECT_FALSE(exists(folder / "out/rhyme/config.toml"));
  EXPECT_EQ(shell(line + " --out out/rhyme").code, 4) << "a folder that is named is no other";
  ::close(lock);
}

TEST(Train, BytesThatAreNotUtf8CountAsLettersToo) {
  const Scratch folder;
  std::string latin;
  for (int i = 0; i < 60; ++i) latin += "caf\351 cr\350me br\373l\351e\n";
  const std::string text = folder.write("latin1.txt", latin), run = folder / "run";
  ASSERT_EQ(glass(tiny({text, "--tokenizer", "bytes", "--max-iters", "5", "--out", run})).code, 0);
  const Outcome outcome = glass({"eval", text, "--ckpt", run, "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.text();
  const JsonValue json = parse_json(outcome.out, "stdout");
  EXPECT_EQ(json.at("bits_per_character", "json").number("letters"),
            json.at("bits_per_byte", "json").number("bytes"))
      << "in Latin-1 a letter is a byte";
}

TEST(Train, ChangedSettingsAreListedAndRefused) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme()), run = folder / "run";
  ASSERT_EQ(glass(tiny({text, "--max-iters", "5", "--out", run})).code, 0);
  const Outcome refused =
      glass({"train", "--resume", run, "--lr", "0.5", "--batch", "7", "--n-layer", "3"});
  EXPECT_EQ(refused.code, 2) << refused.text();
  for (const char* change : {"learning_rate: 0.001 before, 0.5 now", "batch_size: 4 before, 7 now",
                             "n_layer: 1 before, 3 now"}) {
    EXPECT_THAT(refused.err, HasSubstr(change));
  }
  const std::string other = folder.write("other.txt", rhyme() + "one fish live");
  const Outcome data = glass({"train", other, "--resume", run});
  EXPECT_EQ(data.code, 2) << data.text();
  EXPECT_EQ(
      glass({"train", "--resume", run, "--lr", "0.5", "--max-iters", "8", "--force-config"}).code,
      0);
}

TEST(Train, ALossThatIsNotANumberStopsItWithFiveAndAGoodCheckpoint) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme());
  Launch broken;
  broken.environment = {{"GLASS_FAULT", "nan_loss@37"}};
  const Outcome outcome = glass(tiny({text, "--max-iters", "60", "--out", folder / "run"}), broken);
  EXPECT_EQ(outcome.code, 5) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("in step 37"));
  EXPECT_TRUE(exists(folder / "run/ckpt-00000036.safetensors"));
  ASSERT_EQ(glass({"train", "--resume", folder / "run", "--threads=1"}).code, 0);
  ASSERT_EQ(glass(tiny({text, "--max-iters", "60", "--out", folder / "whole"})).code, 0);
  expect_same_files(folder / "whole", folder / "run", "ckpt-00000060.safetensors");
}

TEST(Train, GoesOnFromAModelThatSomebodyTrained) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme());
  ASSERT_EQ(
      glass(tiny({text, "--max-iters", "60", "--lr", "1e-2", "--out", folder / "first"})).code, 0);
  const Outcome next = glass({"train", text, "--init-from", folder / "first", "--max-iters", "0",
                              "--out", folder / "second", "--json"});
  ASSERT_EQ(next.code, 0) << next.text();
  const Outcome fresh =
      glass(tiny({text, "--max-iters", "0", "--out", folder / "third", "--json"}));
  const auto loss = [](const Outcome& o) {
    return parse_json(o.out, "json").at("val_loss", "json").number("val_loss");
  };
  EXPECT_LT(loss(next), loss(fresh) - 0.5) << "it knows already what it learned";
}

TEST(Train, AModelMayGoOnReadingLessFar) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme());
  ASSERT_EQ(glass(tiny({text, "--max-iters", "2", "--out", folder / "long"})).code, 0);
  const auto from_long = [&](const char* size, const char* out) {
    return glass({"train", text, "--init-from", folder / "long", "--block-size", size,
                  "--max-iters", "1", "--threads", "1", "--out", folder / out});
  };
  const Outcome shorter = from_long("5", "short"), longer = from_long("9", "longer");
  EXPECT_EQ(shorter.code, 0) << shorter.text();
  EXPECT_EQ(longer.code, 3) << "nobody knows the ninth position";
  EXPECT_THAT(longer.err, HasSubstr("transformer.wpe.weight has shape (8,"));
}

TEST(Train, AReaderOfTheProgressMayLeave) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme());
  const Outcome outcome = shell(
      line_of(tiny({text, "--max-iters", "80", "--out", folder / "run"})) + " 2>&1 | head -1");
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_TRUE(exists(folder / "run/ckpt-00000080.safetensors")) << "the training went on";
}

TEST(Train, AStoppedRunSaysSoInJson) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme());
  const Outcome stopped =
      shell(std::string(kWait) +
            line_of(tiny({text, "--max-iters", "100000", "--json", "--out", folder / "run"})) +
            " & P=$!\nuntil_lines " + (folder / "run") + " 60 $P\nkill -TERM $P\nwait $P");
  EXPECT_EQ(stopped.code, 130) << stopped.text();
  const JsonValue json = parse_json(stopped.out, "the output");
  EXPECT_TRUE(json.at("stopped", "json").flag("stopped"));
  EXPECT_TRUE(exists(json.at("checkpoint", "json").string("checkpoint")));
}

TEST(Train, AFolderWithOtherThingsInItIsLeftAlone) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme()), project = folder / "project";
  ASSERT_EQ(::mkdir(project.c_str(), 0755), 0);
  folder.write("project/config.toml", "mine");
  for (const char* how : {"--no-overwrite", "--overwrite"}) {
    const Outcome outcome = glass(tiny({text, "--max-iters", "1", "--out", project, how}));
    EXPECT_EQ(outcome.code, 2) << outcome.text();
    EXPECT_THAT(outcome.err, HasSubstr("other things"));
  }
  EXPECT_EQ(bytes_of(project + "/config.toml"), "mine");
}

TEST(Train, ARunThatCannotBeginDoesNotCostTheOldOne) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme());
  for (const char* name : {"old", "start"})
    ASSERT_EQ(glass(tiny({text, "--max-iters", "2", "--out", folder / name})).code, 0);
  const Outcome outcome = glass({"train", text, "--init-from", folder / "start", "--n-embd", "32",
                                 "--out", folder / "old", "--overwrite"});
  EXPECT_EQ(outcome.code, 3) << outcome.text();
  EXPECT_TRUE(exists(folder / "old/ckpt-00000002.safetensors"));
}

TEST(Train, TheVocabularyIsThatOfTheData) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme());
  const Outcome outcome =
      glass(tiny({text, "--preset", "gpt2", "--max-iters", "1", "--out", folder / "run"}));
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_THAT(bytes_of(folder / "run/ckpt-00000001.safetensors"), HasSubstr("vocab_size\\\": 19"));
}

TEST(Train, ItsLastWordsAreInSamplesTxt) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme());
  ASSERT_EQ(
      glass(tiny({text, "--max-iters", "2", "--prompt", "one", "--out", folder / "run"})).code, 0);
  EXPECT_THAT(bytes_of(folder / "run/samples.txt"), ::testing::StartsWith("--- step 2 ---\none"));
}

TEST(Train, WhatARunLearnedFromMayNotChangeUnnoticed) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme()), run = folder / "run";
  ASSERT_EQ(glass(tiny({text, "--max-iters", "2", "--out", run})).code, 0);
  const std::vector<std::vector<std::string>> changes = {
      {"--tokenizer", "bytes"}, {"--val", "0.5"}, {"--doc-sep", "\\n"},
      {"--preset", "gpt2"},     {"--overwrite"},  {"--out", folder / "other"},
      {"--dtype", "f64"}};
  for (const auto& words : changes) {
    std::vector<std::string> line = {"train", "--resume=" + run};
    line.insert(line.end(), words.begin(), words.end());
    const Outcome outcome = glass(line);
    EXPECT_EQ(outcome.code, 2) << line_of(line) << "\n" << outcome.text();
  }
  Launch scalar;
  scalar.environment = {{"GLASS_ISA", "scalar"}};
  const Outcome outcome = glass({"train", "--resume", run, "--max-iters", "3"}, scalar);
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("goes on with scalar"));
}

// ---- what is refused ----------------------------------------------------------------------------

struct Refusal {
  std::vector<std::string> words;
  int code;
  const char* says;
};

TEST(Train, RefusesInOneSentenceAndLeavesNothingBehind) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme()),
                    empty = folder.write("empty.txt", ""),
                    tiny_text = folder.write("tiny.txt", "abc");
  const std::string bad_utf8 = folder.write("bad.txt", rhyme() + "\xff\xfe"), odd = folder / "odd";
  ASSERT_EQ(::mkdir(odd.c_str(), 0755), 0);
  folder.write("odd/train.bin", "abc");
  const std::string no_toml = folder.write("bad.toml", "n_layer 4\n"),
                    unknown_key = folder.write("key.toml", "n_layers = 4\n");
  const std::string not_a_model = folder.write("model.safetensors", "hello");
  const std::vector<Refusal> table = {
      {{"--no-such-flag"}, 2, "unknown flag"},
      {{"--n-layers", "3"}, 2, "did you mean --n-layer"},
      {{"--learning-rate"}, 2, "needs a value"},
      {{"--lr", "1", "--learning-rate", "2"}, 2, "given twice"},
      {{"--learning-rate", "nan"}, 2, "not finite"},
      {{"--learning-rate", "inf"}, 2, "not finite"},
      {{"--learning-rate", "-1"}, 2, "too small"},
      {{"--learning-rate", "1e999"}, 2, "too large"},
      {{"--learning-rate", "0,001"}, 2, "0.001"},
      {{"--learning-rate", "abc"}, 2, "not a number"},
      {{"--learning-rate="}, 2, "empty"},
      {{"--batch-size", "0"}, 2, "too small"},
      {{"--batch-size", "-1"}, 2, "too small"},
      {{"--batch-size", "2147483648"}, 2, "too large"},
      {{"--batch-size", "1.5"}, 2, "whole number"},
      {{"--batch-size", "12abc"}, 2, "whole number"},
      {{"--max-iters", "-1"}, 2, "too small"},
      {{"--n-embd", "30", "--n-head", "4"}, 2, "multiple of n_head"},
      {{"--n-head", "6", "--n-embd", "48", "--n-kv-head", "4"}, 2, "multiple of n_kv_head"},
      {{"--pos", "rope", "--n-embd", "12", "--n-head", "4"}, 2, "even"},
      {{"--dropout", "1"}, 2, "too large"},
      {{"--threads", "100000"}, 2, "too large"},
      {{"--seed", "18446744073709551616"}, 2, "too large"},
      {{"--val", "1"}, 2, "too large"},
      {{"--preset", "gpt5"}, 2, "There is no preset"},
      {{"--arch", "rnn"}, 2, "not one of"},
      {{"--device", "tpu"}, 2, "is not one of auto"},
      {{"--tokenizer", "words"}, 2, "okenizer"},
      {{"--doc-mark", "#"}, 2, "--doc-sep"},
      {{"--dtype", "f64", "--device", "cpu"}, 2, "f64"},
      {{"--resume"}, 4, "no run to resume"},
      {{"--init-from", folder / "nowhere"}, 4, "nowhere"},
      {{"--init-from", not_a_model}, 3, "model.safetensors"},
      {{"--config", folder / "none.toml"}, 4, "none.toml"},
      {{"--config", no_toml}, 3, "line 1"},
      {{"--config", unknown_key}, 3, "n_layers"},
      {{"--prompt", "quiz"}, 3, "'q'"},
  };
  const std::vector<Refusal> sources = {
      {{folder / "missing.txt"}, 4, "missing.txt"},
      {{empty}, 3, "empty"},
      {{tiny_text, "--block-size", "64"}, 3, "64"},
      {{bad_utf8}, 3, "UTF-8"},
      {{odd}, 3, "train.bin"},
  };
  const auto check = [&](std::vector<std::string> words, const Refusal& refusal) {
    words.insert(words.begin(), "train");
    words.insert(words.end(), {"--out", folder / "out"});
    const Outcome outcome = glass(words);
    SCOPED_TRACE(line_of(words) + "\n" + outcome.text());
    EXPECT_EQ(outcome.code, refusal.code);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
    EXPECT_EQ(outcome.err.rfind("error: ", 0), 0u);
    EXPECT_THAT(outcome.err, HasSubstr(refusal.says));
    EXPECT_FALSE(exists(folder / "out"));
  };
  for (const Refusal& refusal : table) {
    std::vector<std::string> words = refusal.words;
    words.insert(words.begin(), text);
    check(words, refusal);
  }
  for (const Refusal& refusal : sources) check(refusal.words, refusal);
}

TEST(Train, AFolderThatCannotBeWrittenIsTheSystemsNo) {
  const Scratch folder;
  const std::string text = folder.write("rhyme.txt", rhyme());
  const Outcome outcome = glass(tiny({text, "--max-iters", "1", "--out", "/proc/nowhere"}));
  EXPECT_EQ(outcome.code, 4) << outcome.text();
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.text();
}

}   // namespace
}   // namespace glass::test
