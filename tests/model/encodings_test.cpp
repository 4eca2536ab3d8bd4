// The three encodings that everybody knows, where their files are there, against ids that tiktoken
// gave (tests/golden/tiktoken_ids.py).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "engine/base/json_value.h"
#include "engine/base/sha256.h"
#include "engine/base/text.h"
#include "model/dataset.h"
#include "model/formats/llmc.h"
#include "model/public_data.h"
#include "model/tokenizer/huggingface.h"
#include "tests/model/scratch.h"
#include "tests/model/small_ranks.h"

namespace glass::test {
namespace {

using Ids = std::vector<std::int32_t>;

std::string find_ranks() {
  const char* data = std::getenv("GLASS_DATA");
  for (const std::string& folder : {std::string(data ? data : ""),
                                    std::string(GLASS_SOURCE_DIR) + "/../shared/data/tokenizers"})
    if (std::filesystem::exists(folder + "/o200k_base.tiktoken")) return folder;
  return "";
}
// Found before any test changes the environment.
const std::string kRanks = find_ranks();

class Encodings : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (kRanks.empty())
      GTEST_SKIP() << "the rank files are neither in GLASS_DATA nor in ../shared/data/tokenizers";
    tokenizer_ = make_tokenizer(GetParam(), "", "", kRanks);
  }
  TokenizerPtr tokenizer_;
};

TEST_P(Encodings, GiveTheIdsOfTiktoken) {
  std::ifstream golden(std::string(GLASS_SOURCE_DIR) + "/tests/golden/tiktoken_ids.jsonl");
  int cases = 0;
  for (std::string line; std::getline(golden, line); ++cases) {
    const JsonValue value = parse_json(line, "golden");
    const std::string& text = value.at("text", "golden").string("text");
    Ids expected;
    for (const JsonValue& id : value.at(GetParam(), "golden").items)
      expected.push_back(static_cast<std::int32_t>(id.integer("id", 0, 1 << 20)));
    EXPECT_EQ(tokenizer_->encode(text), expected) << in_quotes(text, 300);
    EXPECT_EQ(tokenizer_->decode(expected), text);
  }
  EXPECT_GT(cases, 50);
}

TEST_P(Encodings, HaveAsManyIdsAsTheirModels) {
  const std::map<std::string, std::pair<int, int>> known = {
      {"gpt2", {50257, 50256}}, {"cl100k", {100277, 100257}}, {"o200k", {200019, 199999}}};
  const auto [size, end] = known.at(GetParam());
  EXPECT_EQ(tokenizer_->vocab_size(), size);
  EXPECT_EQ(tokenizer_->end_of_text(), end);
  EXPECT_EQ(tokenizer_->encode_special("<|endoftext|>"), Ids{end});
  EXPECT_EQ(tokenizer_->spec(), GetParam());
}

TEST_P(Encodings, SurviveACheckpoint) {
  const std::string json = tokenizer_->to_json();
  const TokenizerPtr again = tokenizer_from_json(json, "t");
  EXPECT_EQ(again->encode(small_text()), tokenizer_->encode(small_text()));
  EXPECT_EQ(again->vocab_size(), tokenizer_->vocab_size());
}

TEST_P(Encodings, AreKnownAgainInTheFilesOfOthers) {
  const std::string json = tokenizer_->to_json(), theirs = huggingface_tokenizer_json(*tokenizer_);
  EXPECT_TRUE(tokenizer_from_huggingface(theirs, "t")->to_json() == json);
  EXPECT_TRUE(tokenizer_from_mapped(mapped_vocabulary(*tokenizer_), "t")->to_json() == json);
  if (!fits_vocab_json(*tokenizer_)) return;
  const std::string vocab = vocab_json(*tokenizer_);
  std::string merges = merges_txt(*tokenizer_);
  EXPECT_TRUE(tokenizer_from_vocab_and_merges(vocab, merges, "t")->to_json() == json);
  merges.resize(merges.rfind('\n', merges.size() - 2) + 1);   // without the last one
  EXPECT_NE(tokenizer_from_vocab_and_merges(vocab, merges, "t")->spec(), tokenizer_->spec());
}

TEST_P(Encodings, AMillionTimesTheSameIsQuick) {
  for (const std::string piece : {"a", " ", "7", "'", "\r\n", "\U0001F600", "A", "\u0301"}) {
    std::string text;
    while (text.size() < 1'000'000) text += piece;
    EXPECT_EQ(tokenizer_->decode(tokenizer_->encode(text)), text) << in_quotes(piece);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Encodings, testing::Values("gpt2", "cl100k", "o200k"),
                         [](const auto& of) { return std::string(of.param); });

TEST(EncodingFiles, Gpt2sOtherFilesFollowFromItsRanks) {
  if (kRanks.empty())
    GTEST_SKIP() << "the rank files are neither in GLASS_DATA nor in ../shared/data/tokenizers";
  const TokenizerPtr gpt2 = make_tokenizer("gpt2", "", "", kRanks);
  const auto sum = [](const std::string& text) {
    Sha256 hash;
    hash.add(std::as_bytes(std::span(text.data(), text.size())));
    return hash.hex();
  };
  EXPECT_EQ(sum(vocab_json(*gpt2)),
            "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783");
  EXPECT_EQ(sum(merges_txt(*gpt2)),
            "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5");
  EXPECT_EQ(sum(llmc_tokenizer_bytes(*gpt2)), find_public_file("llmc-tokenizer")->sha256);
}

TEST(EncodingFiles, ADataSetMayKeepWhatOccurs) {
  if (kRanks.empty())
    GTEST_SKIP() << "the rank files are neither in GLASS_DATA nor in ../shared/data/tokenizers";
  const Scratch folder;
  const Dataset data = open_dataset({.source = folder.write("t.txt", small_text()),
                                     .tokenizer = "o200k-compact",
                                     .ranks = kRanks,
                                     .cache = "off"});
  EXPECT_EQ(data.tokenizer->spec(), "o200k-compact");
  EXPECT_LT(data.vocab_size, 120);
  Ids ids = ids_of(data.train);
  const Ids val = ids_of(data.val);
  ids.insert(ids.end(), val.begin(), val.end());
  EXPECT_EQ(data.tokenizer->decode(ids), small_text());
  EXPECT_EQ(std::set<std::int32_t>(ids.begin(), ids.end()).size(),
            static_cast<std::size_t>(data.vocab_size));
}

}   // namespace
}   // namespace glass::test
