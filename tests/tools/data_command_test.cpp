// glass data, as a user meets it: the list, preparing, making and fetching, and every refusal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "engine/base/json_value.h"
#include "engine/base/sha256.h"
#include "model/tokenizer/open.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

using testing::HasSubstr;

JsonValue json_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  return parse_json(outcome.out, "the output");
}

std::int64_t number(const JsonValue& json, const char* name) {
  return json.at(name, "the output").integer(name, 0, std::int64_t{1} << 50);
}

// --- list ----------------------------------------------------------------------------------------

TEST(DataCommand, ListsWhatIsMadeAndWhatIsFetched) {
  const Outcome outcome = glass({"data", "list"});
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  for (const char* name : {"names", "stories", "brackets", "induction", "tinyshakespeare", "gpt2", "o200k"})
    EXPECT_THAT(outcome.out, HasSubstr("  " + std::string(name) + " "));
  const JsonValue json = json_of(glass({"data", "list", "--json"}));
  EXPECT_EQ(json.at("made", "j").items.size(), 6u);
  EXPECT_EQ(json.at("public", "j").items.size(), 16u);
}

TEST(DataCommand, SaysWhichFilesAreHere) {
  const Scratch folder;
  std::filesystem::create_directory(folder / "data");
  folder.write("data/tinyshakespeare.txt", "not quite");
  const Outcome outcome =
      glass({"data", "list"}, {.environment = {{"GLASS_DATA", folder / "data"}}});
  EXPECT_THAT(outcome.out, HasSubstr("lines of Shakespeare (here)\n"));
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("microgpt.py (here)")));
}

// --- prep ----------------------------------------------------------------------------------------

TEST(DataCommand, PrepWritesWhatNanoGptReads) {
  const Scratch folder;
  const std::string text = folder.write("t.txt", "abcdefghij");
  const JsonValue json = json_of(glass({"data", "prep", text, "-o", folder / "tokens", "--json"}));
  EXPECT_EQ(number(json, "train_tokens"), 9);
  EXPECT_EQ(number(json, "val_tokens"), 1);
  EXPECT_EQ(number(json, "vocab_size"), 10);
  EXPECT_EQ(bytes_of(folder / "tokens/train.bin"),
            std::string("\0\0\1\0\2\0\3\0\4\0\5\0\6\0\7\0\10\0", 18));
  EXPECT_EQ(bytes_of(folder / "tokens/val.bin"), std::string("\11\0", 2));
  EXPECT_TRUE(std::filesystem::exists(folder / "tokens/meta.json"));
  EXPECT_TRUE(std::filesystem::exists(folder / "tokens/tokenizer.json"));
  EXPECT_EQ(open_tokenizer(folder / "tokens/meta.pkl")->to_json(),
            open_tokenizer(folder / "tokens/tokenizer.json")->to_json());

  glass({"data", "prep", text, "-o", folder / "tokens", "--overwrite", "--tokenizer", "bytes"});
  EXPECT_FALSE(std::filesystem::exists(folder / "tokens/meta.pkl")) << "its letters are gone";
}

TEST(DataCommand, PrepTellsTokensDocumentsAndBytes) {
  const Scratch folder;
  const std::string text = folder.write("t.txt", "one\ntwo\nthree\nfour\n");
  const Outcome outcome = glass({"data", "prep", text, "-o", folder / "t", "--doc-sep", "\\n",
                                 "--val", "0.5", "--tokenizer", "bytes", "--doc-mark", "#"});
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_THAT(outcome.out, HasSubstr("bytes, 256 tokens, 1.00 bytes each\n"));
  EXPECT_THAT(outcome.out, HasSubstr("tokens of 2 documents\n"));
}

TEST(DataCommand, PrepLeavesAFullFolderAlone) {
  const Scratch folder;
  const std::string text = folder.write("t.txt", "abcdefghij");
  ASSERT_EQ(glass({"data", "prep", text, "-o", folder / "t"}).code, 0);
  const std::string before = bytes_of(folder / "t/train.bin");
  folder.write("t.txt", "abcdefghijklmnopqrst");
  EXPECT_THAT(error_of(glass({"data", "prep", text, "-o", folder / "t"}), 2),
              HasSubstr("--overwrite"));
  EXPECT_EQ(bytes_of(folder / "t/train.bin"), before);
  EXPECT_EQ(glass({"data", "prep", text, "-o", folder / "t", "--overwrite"}).code, 0);
  EXPECT_EQ(bytes_of(folder / "t/train.bin").size(), 36u);
}

TEST(DataCommand, ARefusedPrepLeavesNothingBehind) {
  const Scratch folder;
  const std::string latin1 = folder.write("latin1.txt", "zo\xeb");
  EXPECT_THAT(error_of(glass({"data", "prep", latin1, "-o", folder / "t"}), 3),
              HasSubstr("byte 2 is not UTF-8"));
  EXPECT_FALSE(std::filesystem::exists(folder / "t"));
  const std::string text = folder.write("t.txt", "abc");
  const std::string blocked = folder.write("file", "in the way") + "/t";
  EXPECT_THAT(error_of(glass({"data", "prep", text, "-o", blocked}), 4),
              HasSubstr("cannot make the folder"));
  error_of(glass({"data", "prep", folder / "missing", "-o", folder / "t"}), 4);
  error_of(glass({"data", "prep", text, "--val", "1"}), 2);
  error_of(glass({"data", "prep", text, "--tokenizer", "bpe:3"}), 2);
  error_of(glass({"data", "prep"}), 2);
}

TEST(DataCommand, PrepUsesATokenizerThatIsThere) {
  const Scratch folder;
  const std::string text = folder.write("t.txt", "abcdefghij");
  ASSERT_EQ(glass({"data", "prep", text, "-o", folder / "one"}).code, 0);
  const std::string more = folder.write("more.txt", "jihgfedcba");
  const JsonValue json = json_of(
      glass({"data", "prep", more, "-o", folder / "two", "--tokenizer", folder / "one", "--json"}));
  EXPECT_EQ(number(json, "vocab_size"), 10);
  EXPECT_EQ(bytes_of(folder / "two/train.bin").substr(0, 2), std::string("\11\0", 2));
}

// --- make ----------------------------------------------------------------------------------------

TEST(DataCommand, MakeIsTheSameForEverybodyAndSeedsDiffer) {
  const Outcome outcome = glass({"data", "make", "stories", "-n", "2"});
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_EQ(outcome.out, glass({"data", "make", "stories", "-n", "2", "--seed", "1"}).out);
  EXPECT_NE(outcome.out, glass({"data", "make", "stories", "-n", "2", "--seed", "2"}).out);
  const std::string three = glass({"data", "make", "stories", "-n", "3"}).out;
  EXPECT_EQ(three.substr(0, outcome.out.size()), outcome.out) << "more of the same";
}

TEST(DataCommand, MakeWritesAFile) {
  const Scratch folder;
  const JsonValue json =
      json_of(glass({"data", "make", "repeats", "-n", "5", "-o", folder / "r.txt", "--json"}));
  EXPECT_EQ(number(json, "documents"), 5);
  const std::string text = bytes_of(folder / "r.txt");
  EXPECT_EQ(number(json, "bytes"), static_cast<std::int64_t>(text.size()));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
}

TEST(DataCommand, MakeRefusesWhatItCannot) {
  EXPECT_THAT(error_of(glass({"data", "make", "storis"}), 2), HasSubstr("did you mean stories?"));
  EXPECT_THAT(error_of(glass({"data", "make", "names", "-n", "13807"}), 2),
              HasSubstr("only 13,806"));
  error_of(glass({"data", "make", "stories", "-n", "0"}), 2);
  error_of(glass({"data", "make", "stories", "--json"}), 2);
  error_of(glass({"data", "make", "stories", "-n", "1", "-o", "/no/such/folder/file"}), 4);
  EXPECT_EQ(glass({"data", "make", "stories"}, {.out = Stdout::full}).code, 4);
}

// --- fetch ---------------------------------------------------------------------------------------

TEST(DataCommand, FetchSaysWhereFromWhatAndHow) {
  const Scratch folder;
  const Outcome outcome =
      glass({"data", "fetch", "tinyshakespeare", "--data", folder / "it's here"});
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  for (const char* part :
       {"https://raw.githubusercontent.com/", "1,115,394 bytes", "86c4e6aa9db7c042",
        "public domain", "curl -fL -C - -o ", "it'\\''s here"})
    EXPECT_THAT(outcome.out, HasSubstr(part));
  EXPECT_FALSE(std::filesystem::exists(folder / "it's here")) << "it only says";
  const JsonValue json = json_of(glass({"data", "fetch", "o200k", "--json"}));
  EXPECT_EQ(json.at("sha256", "j").text.substr(0, 8), "446a9538");
}

TEST(DataCommand, FetchKnowsAWrongFileFromTheRightOne) {
  const Scratch folder;
  std::filesystem::create_directory(folder / "data");
  folder.write("data/tinyshakespeare.txt", "not Shakespeare");
  EXPECT_THAT(glass({"data", "fetch", "tinyshakespeare", "--data", folder / "data"}).out,
              HasSubstr("To fetch it"));
}

TEST(DataCommand, AModelComesWithTheFilesThatBelongToIt) {
  const Scratch folder;
  const Outcome outcome = glass({"data", "fetch", "gpt2", "--data", folder.path()});
  for (const char* file :
       {"gpt2/model.safetensors", "gpt2/config.json", "gpt2/vocab.json", "gpt2/merges.txt"})
    EXPECT_THAT(outcome.out, HasSubstr(file));
  const JsonValue json = json_of(glass({"data", "fetch", "gpt2", "--json"}));
  EXPECT_EQ(json.at("with", "j").items.size(), 3u);
}

TEST(DataCommand, AModelByNameSaysHowToFetchIt) {
  const Scratch folder;
  const Launch here{.environment = {{"GLASS_DATA", folder.path()}}};
  EXPECT_THAT(error_of(glass({"sample", "--ckpt", "gpt2"}, here), 4),
              HasSubstr("glass data fetch gpt2 --run"));
  std::filesystem::create_directory(folder / "gpt2");
  folder.write("gpt2/config.json", "{}");   // the weights are still missing
  EXPECT_THAT(error_of(glass({"sample", "--ckpt", "gpt2"}, here), 4),
              HasSubstr("glass data fetch gpt2 --run"));
}

TEST(DataCommand, FetchRefusesUnknownNames) {
  EXPECT_THAT(error_of(glass({"data", "fetch", "tinyshakspeare"}), 2),
              HasSubstr("did you mean tinyshakespeare?"));
  EXPECT_THAT(error_of(glass({"data", "fetch", "stories"}), 2),
              HasSubstr("glass data make stories"));
}

// With a curl that only writes down what it was asked for.
TEST(DataCommand, FetchRunsTheScriptAndChecksWhatCame) {
  const Scratch folder;
  std::filesystem::create_directory(folder / "bin");
  const std::string curl = folder.write(
      "bin/curl", "#!/bin/sh\necho \"$@\" > " + (folder / "asked") +
                      "\nwhile [ \"$1\" != --output ]; do shift; done\necho hello > \"$2\"\n");
  std::filesystem::permissions(curl, std::filesystem::perms::owner_all);
  const std::string path = (folder / "bin") + ":" + std::getenv("PATH");
  const Outcome outcome =
      glass({"data", "fetch", "gpt2-config", "--run", "--data", folder / "data"},
            {.environment = {{"PATH", path}}});
  EXPECT_EQ(outcome.code, 3) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("is not the file that was meant"));
  EXPECT_THAT(bytes_of(folder / "asked"),
              HasSubstr("607a30d783dfa663caf39e06633721c8d4cfcd7e/config.json"));
  EXPECT_FALSE(std::filesystem::exists(folder / "data/gpt2/config.json"));
  EXPECT_FALSE(std::filesystem::exists(folder / "data/gpt2/config.json.part"));
}

// The script, on files of this machine instead of the network.
class FetchScript : public testing::Test {
 protected:
  void SetUp() override {
    if (!installed("curl")) GTEST_SKIP() << "curl is not installed";
  }
  Outcome fetch(const std::string& sha256) const {
    return run({"sh", std::string(GLASS_SOURCE_DIR) + "/tools/fetch.sh", "file://" + source_,
                folder_ / "new/target", sha256});
  }
  bool is_there(const std::string& name) const { return std::filesystem::exists(folder_ / name); }

  Scratch folder_;
  std::string source_ = folder_.write("source", std::string(100'000, 's'));
  std::string right_ = sha256_of_file(source_);
};

TEST_F(FetchScript, KeepsTheRightFile) {
  const Outcome outcome = fetch(right_);
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_EQ(bytes_of(folder_ / "new/target"), bytes_of(source_));
  EXPECT_FALSE(is_there("new/target.part"));
  EXPECT_THAT(fetch(right_).out, HasSubstr("there already"));
}

TEST_F(FetchScript, DropsAWrongFile) {
  EXPECT_EQ(fetch(std::string(64, '0')).code, 3);
  EXPECT_FALSE(is_there("new/target"));
  EXPECT_FALSE(is_there("new/target.part"));
}

TEST_F(FetchScript, GoesOnWhereADownloadWasCutOff) {
  std::filesystem::create_directory(folder_ / "new");
  folder_.write("new/target.part", std::string(60'000, 's'));
  EXPECT_EQ(fetch(right_).code, 0);
  EXPECT_EQ(sha256_of_file(folder_ / "new/target"), right_);
}

TEST_F(FetchScript, TakesAPartThatIsWhole) {
  std::filesystem::create_directory(folder_ / "new");
  folder_.write("new/target.part", std::string(100'000, 's'));
  EXPECT_EQ(fetch(right_).code, 0);
  EXPECT_EQ(sha256_of_file(folder_ / "new/target"), right_);
}

TEST_F(FetchScript, SaysThatTheNetworkFailed) {
  std::filesystem::remove(source_);
  const Outcome outcome = fetch(right_);
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.err, HasSubstr("run the same command again"));
}

}   // namespace
}   // namespace glass::test
