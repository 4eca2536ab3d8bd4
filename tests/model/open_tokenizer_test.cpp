// Tokenizers out of files, and texts by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "model/checkpoint.h"
#include "model/corpora/corpora.h"
#include "model/dataset.h"
#include "model/public_data.h"
#include "model/run_folder.h"
#include "model/source.h"
#include "model/tokenizer/open.h"
#include "tests/model/scratch.h"

namespace glass::test {
namespace {

using testing::HasSubstr;

TEST(OpenTokenizer, ATokenizerJsonIsRead) {
  const Scratch folder;
  const std::string json = make_tokenizer("char", "abc", "t")->to_json();
  EXPECT_EQ(open_tokenizer(folder.write("any.name", json))->vocab_size(), 3);
  folder.write("data/tokenizer.json", json);
  EXPECT_EQ(open_tokenizer(folder / "data")->vocab_size(), 3);
}

TEST(OpenTokenizer, ACheckpointKnowsItsTokenizer) {
  const Scratch folder;
  Checkpoint checkpoint;
  const std::vector<std::byte> zero(4);
  checkpoint.tensors = {{.name = "x", .type = StoredType::f32, .shape = {1}, .bytes = zero}};
  const std::string bare = folder / "bare.safetensors";
  save_checkpoint(bare, checkpoint);
  EXPECT_THAT(error_of([&] { open_tokenizer(bare); }, ExitCode::content),
              HasSubstr("has no tokenizer in it"));
  checkpoint.notes["glass.tokenizer"] = make_tokenizer("char", "abcd", "t")->to_json();
  save_checkpoint(folder / "full.safetensors", checkpoint);
  EXPECT_EQ(open_tokenizer(folder / "full.safetensors")->vocab_size(), 4);
  RunFolder(folder / "run").save(7, checkpoint);
  EXPECT_EQ(open_tokenizer(folder / "run")->vocab_size(), 4);
}

TEST(OpenTokenizer, WhatIsNoneIsRefused) {
  const Scratch folder;
  folder.write("empty/readme", "hello");
  const auto said = [&](const std::string& path) {
    return error_of([&] { open_tokenizer(path); }, ExitCode::content);
  };
  EXPECT_THAT(said(folder / "empty"), HasSubstr("no tokenizer.json, no vocab.json, no meta.pkl"));
  for (const char* bytes : {"", "x", "hello world",
                            "\x80"
                            "bad",
                            "{\"type\": 3}", "{"}) {
    EXPECT_THAT(said(folder.write("file", bytes)), HasSubstr(folder / "file"))
        << testing::PrintToString(bytes);
  }
  EXPECT_THAT(error_of([&] { open_tokenizer(folder / "missing"); }, ExitCode::system),
              HasSubstr("missing"));
}

TEST(OpenTokenizer, ADataSetMayUseOne) {
  const Scratch folder;
  const std::string json = make_tokenizer("char", "abcxyz", "t")->to_json();
  const Dataset data = open_dataset({.source = folder.write("t.txt", "abcabcabca"),
                                     .tokenizer = folder.write("tokenizer.json", json),
                                     .cache = "off"});
  EXPECT_EQ(data.vocab_size, 6);
  EXPECT_EQ(data.train.size(), 9);
}

TEST(OpenTokenizer, AFolderNamedAsATokenizerIsNotMeant) {
  EXPECT_FALSE(is_tokenizer_path("char"));
  EXPECT_FALSE(is_tokenizer_path("bpe:300"));
  EXPECT_FALSE(is_tokenizer_path("no such file"));
  EXPECT_TRUE(is_tokenizer_path("."));
}

// --- texts by name -------------------------------------------------------------------------------

class Source : public testing::Test {
 protected:
  Source() { ::setenv("GLASS_DATA", (folder_ / "data").c_str(), 1); }
  ~Source() override { ::unsetenv("GLASS_DATA"); }
  Scratch folder_;
};

TEST_F(Source, ADataSetOfOursIsMade) {
  const SourceText source = read_source("names");
  EXPECT_EQ(source.name, "names");
  EXPECT_EQ(source.separator, "\n");
  EXPECT_EQ(source.text.size(), 97668u);
}

TEST_F(Source, AFileIsRead) {
  const SourceText source = read_source(folder_.write("a.b.txt", "hello"));
  EXPECT_EQ(source.name, "a.b");
  EXPECT_EQ(source.text, "hello");
  EXPECT_EQ(source.separator, "");
}

TEST_F(Source, APublicTextIsReadOnceItIsThere) {
  EXPECT_THAT(error_of([] { read_source("makemore-names"); }, ExitCode::system),
              HasSubstr("glass data fetch makemore-names --run"));
  folder_.write("data/makemore-names.txt", "emma\nolivia\n");
  const SourceText source = read_source("makemore-names");
  EXPECT_EQ(source.text, "emma\nolivia\n");
  EXPECT_EQ(source.separator, "\n");
}

TEST_F(Source, AModelIsNoText) {
  EXPECT_THAT(error_of([] { read_source("gpt2-config"); }, ExitCode::system),
              HasSubstr("no data set of this name"));
}

TEST(PublicData, EveryFileHasAnAddressALicenceAndADigest) {
  for (const PublicFile& file : public_files()) {
    EXPECT_EQ(file.url.substr(0, 8), "https://") << file.name;
    EXPECT_EQ(file.sha256.size(), 64u) << file.name;
    EXPECT_EQ(file.sha256.find_first_not_of("0123456789abcdef"), std::string_view::npos);
    EXPECT_FALSE(file.licence.empty()) << file.name;
    EXPECT_EQ(find_public_file(file.name), &file) << "no name is there twice";
    EXPECT_EQ(find_corpus(file.name), nullptr) << file.name << " is a name of ours";
  }
}

}   // namespace
}   // namespace glass::test
