// From what a user points at to two rows of tokens: texts, lists of documents, the cache, names of
// data sets, and how much text the tokens stand for.
#include "model/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "model/corpora/corpora.h"
#include "model/corpus.h"
#include "model/tokenizer/bpe.h"
#include "tests/model/scratch.h"

namespace glass::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string text_of(const Dataset& data, const Tokens& tokens) {
  return data.tokenizer->decode(ids_of(tokens));
}

DataOptions uncached(const std::string& source) { return {.source = source, .cache = "off"}; }

// --- splitting -----------------------------------------------------------------------------------

TEST(SplitText, CutsAtTheSameLetterAsNanoGpt) {
  // int(n * 0.9) of Python for n = 1 .. 30, and for the corpus that everybody knows.
  const std::vector<std::size_t> python = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
                                           9,  10, 11, 12, 13, 14, 15, 16, 17, 18,
                                           18, 19, 20, 21, 22, 23, 24, 25, 26, 27};
  for (std::size_t n = 1; n <= 30; ++n) {
    const std::string text(n, 'x');
    const SplitText split = split_text(text, 0.1, "");
    EXPECT_EQ(split.train[0].size(), python[n - 1]) << "n " << n;
    EXPECT_EQ(split.train[0].size() + split.val[0].size(), n);
  }
  const std::string shakespeare(1115394, 'x');
  EXPECT_EQ(split_text(shakespeare, 0.1, "").train[0].size(), 1003854u);
}

TEST(SplitText, CountsLettersNotBytesAndCutsNoneInTwo) {
  std::string text = "aaaaa";
  for (int i = 0; i < 15; ++i) text += "\u00e9";
  const SplitText split = split_text(text, 0.5, "");
  EXPECT_EQ(split.train[0].size(), 15u) << "ten letters: five of one byte, five of two";
  EXPECT_EQ(split.val[0].size(), 20u);
}

TEST(SplitText, DocumentsGoToOneSideAsAWhole) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "doc " + std::to_string(i) + "\n";
  const SplitText split = split_text(text, 0.1, "\n");
  EXPECT_EQ(split.train.size(), 90u);
  EXPECT_EQ(split.val.size(), 10u);
  std::set<std::string_view> all(split.train.begin(), split.train.end());
  all.insert(split.val.begin(), split.val.end());
  EXPECT_EQ(all.size(), 100u) << "none is lost and none comes twice";
  EXPECT_TRUE(all.count("doc 57"));
}

TEST(SplitText, TheOrderOfTheListSaysNothingAboutTheSplit) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::to_string(i) + "\n";
  const SplitText split = split_text(text, 0.1, "\n");
  int late = 0, in_order = 0;
  for (const std::string_view number : split.val) late += std::stoi(std::string(number)) >= 500;
  for (std::size_t i = 1; i < split.train.size(); ++i)
    in_order +=
        std::stoi(std::string(split.train[i])) == std::stoi(std::string(split.train[i - 1])) + 1;
  EXPECT_GT(late, 25) << "of 100";
  EXPECT_LT(late, 75);
  EXPECT_LT(in_order, 10) << "neighbours must not follow each other as in the list";
  EXPECT_EQ(split.train, split_text(text, 0.1, "\n").train) << "and it is always the same";
}

TEST(SplitText, LineEndsAroundADocumentAndEmptyOnesAreLeftOut) {
  const SplitText split =
      split_text("\r\none\n<|end|>\n\ntwo\nlines\n<|end|>\n<|end|>\n", 0, "<|end|>");
  EXPECT_THAT(split.train, testing::UnorderedElementsAre("one", "two\nlines"));
}

TEST(SplitText, AListOfOneIsForLearning) {
  EXPECT_EQ(split_text("only", 0.9, "\n").train.size(), 1u);
}

// --- documents as tokens -------------------------------------------------------------------------

TEST(EncodeText, CharKeepsTheSeparatorAndPutsTheMarkInFront) {
  const EncodedText encoded =
      encode_text("a\nb\n", {.source = "x", .val = 0, .doc_sep = "\n", .doc_mark = "\u00a7"}, "x");
  const std::string text = encoded.tokenizer->decode(encoded.train);
  EXPECT_TRUE(text == "\u00a7a\n\u00a7b\n" || text == "\u00a7b\n\u00a7a\n") << text;
  EXPECT_EQ(encoded.train_documents, 2);
}

TEST(EncodeText, ALetterThatIsOnlyExaminedHasANumberToo) {
  const EncodedText encoded = encode_text("aaaaaaaaab", {.source = "x", .tokenizer = "char"}, "x");
  EXPECT_EQ(encoded.tokenizer->vocab_size(), 2);
  EXPECT_EQ(encoded.tokenizer->decode(encoded.val), "b");
}

TEST(EncodeText, PiecesPutTheirSignBetweenDocuments) {
  const EncodedText encoded = encode_text(
      "ab\nab\n", {.source = "x", .tokenizer = "bpe:258", .val = 0, .doc_sep = "\n"}, "x");
  const std::int32_t ab = kBpeFirstMerge;
  EXPECT_THAT(encoded.train, ElementsAre(ab, 0, ab, 0));
}

TEST(EncodeText, AMarkNeedsDocuments) {
  EXPECT_THAT(
      error_of([] { encode_text("ab", {.source = "x", .doc_mark = "#"}, "x"); }, ExitCode::usage),
      HasSubstr("--doc-sep"));
}

TEST(EncodeText, NothingButSeparatorsIsRefused) {
  EXPECT_THAT(error_of([] { encode_text("\n\n", {.source = "x", .doc_sep = "\n"}, "x"); },
                       ExitCode::content),
              HasSubstr("no documents"));
}

// --- opening -------------------------------------------------------------------------------------

TEST(OpenDataset, ATextIsSplitAndEncoded) {
  const Scratch folder;
  const Dataset data = open_dataset(uncached(folder.write("tiny.book.txt", "hello world, hello")));
  EXPECT_EQ(data.name, "tiny.book");
  EXPECT_EQ(text_of(data, data.train), "hello world, hel");
  EXPECT_EQ(text_of(data, data.val), "lo");
  EXPECT_EQ(data.vocab_size, 9);
  EXPECT_EQ(data.train_documents, 0);
}

TEST(OpenDataset, TellsHowMuchTextTheTokensAre) {
  const Scratch folder;
  std::string text;
  for (int i = 0; i < 10; ++i) text += "\u00e9x";
  const std::string path = folder.write("t.txt", text);
  for (const char* tokenizer : {"char", "bytes"}) {
    DataOptions options = uncached(path);
    options.tokenizer = tokenizer;
    const Dataset data = open_dataset(options);
    EXPECT_EQ(data.train_bytes, 27) << tokenizer;
    EXPECT_EQ(data.train_letters, 18) << tokenizer;
    EXPECT_EQ(data.val_bytes, 3) << tokenizer;
    EXPECT_EQ(data.val_letters, 2) << tokenizer;
  }
}

TEST(OpenDataset, TheSignBetweenDocumentsIsNoText) {
  const Scratch folder;
  DataOptions options = uncached(folder.write("t.txt", "ab\nab\nab\nab\n"));
  options.tokenizer = "bpe:258";
  options.doc_sep = "\n";
  options.val = 0.25;
  const Dataset data = open_dataset(options);
  EXPECT_EQ(data.train.size(), 6);
  EXPECT_EQ(data.train_bytes, 6) << "three times ab";
  EXPECT_EQ(data.val_letters, 2);
}

TEST(OpenDataset, WhatWasPreparedOnceIsReadFromTheCacheTheNextTime) {
  const Scratch folder;
  DataOptions options{.source = folder.write("t.txt", "some text that is long enough")};
  options.cache = folder / "cache";
  const Dataset first = open_dataset(options);
  const std::vector<std::string> kept = folder.names("cache");
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_THAT(folder.names("cache/" + kept[0]),
              ElementsAre("meta.json", "tokenizer.json", "train.bin", "val.bin"));
  const Dataset again = open_dataset(options);
  EXPECT_EQ(again.digest, first.digest);
  EXPECT_EQ(again.name, first.name);
  EXPECT_EQ(again.origin, first.origin);
  EXPECT_EQ(text_of(again, again.train), text_of(first, first.train));
  EXPECT_EQ(again.val_bytes, first.val_bytes);
  EXPECT_THAT(again.train.place(0), HasSubstr("cache")) << "it was not prepared again";
}

TEST(OpenDataset, AnotherTextOrAnotherOptionIsAnotherEntryOfTheCache) {
  const Scratch folder;
  DataOptions options{.source = folder.write("t.txt", "some text that is\nlong enough")};
  options.cache = folder / "cache";
  const auto entries = [&] {
    open_dataset(options);
    return folder.names("cache").size();
  };
  EXPECT_EQ(entries(), 1u);
  options.val = 0.2;
  EXPECT_EQ(entries(), 2u);
  options.tokenizer = "bytes";
  EXPECT_EQ(entries(), 3u);
  options.doc_sep = "\n";
  EXPECT_EQ(entries(), 4u);
  options.doc_mark = "#";
  EXPECT_EQ(entries(), 5u);
  folder.write("t.txt", "some text that is\nlong enougH");
  EXPECT_EQ(entries(), 6u);
  EXPECT_EQ(entries(), 6u);
}

TEST(OpenDataset, ADamagedEntryOfTheCacheIsMadeAgain) {
  const Scratch folder;
  DataOptions options{.source = folder.write("t.txt", "some text that is long enough")};
  options.cache = folder / "cache";
  const Dataset sound = open_dataset(options);
  const std::string entry = "cache/" + folder.names("cache").at(0);
  for (const char* file : {"meta.json", "tokenizer.json", "train.bin", "val.bin"}) {
    for (const char* damage : {"", "?", "????"}) {
      folder.write(entry + "/" + file, damage);
      EXPECT_EQ(open_dataset(options).digest, sound.digest) << file << " as '" << damage << "'";
    }
    std::filesystem::remove(folder / entry + "/" + file);
    EXPECT_EQ(open_dataset(options).digest, sound.digest) << "without " << file;
  }
}

TEST(OpenDataset, ACacheThatCannotBeWrittenIsNoError) {
  const Scratch folder;
  DataOptions options{.source = folder.write("t.txt", "some text that is long enough")};
  options.cache = folder.write("a file", "in the way") + "/cache";
  EXPECT_EQ(open_dataset(options).digest, open_dataset(uncached(options.source)).digest);
}

TEST(OpenDataset, TheBuiltInNamesAreShuffledDocuments) {
  const Dataset data = open_dataset(uncached("names"));
  EXPECT_EQ(data.name, "names");
  EXPECT_EQ(data.vocab_size, 27);
  EXPECT_EQ(data.train_documents, 12425);
  EXPECT_EQ(data.val_documents, 1381);
  EXPECT_EQ(data.train_bytes + data.val_bytes, 97668) << "the size of data/names.txt";
  const std::string train = text_of(data, data.train);
  EXPECT_EQ(train.back(), '\n');
}

TEST(OpenDataset, EveryDataSetByNameCanBeOpened) {
  for (const Corpus& known : corpora()) {
    const Dataset data = open_dataset(uncached(std::string(known.name)));
    EXPECT_FALSE(known.what.empty());
    if (data.made) continue;   // of which only some is stored
    EXPECT_GT(data.train.size(), 8 * data.val.size()) << known.name;
    EXPECT_LT(data.train.size(), 10 * data.val.size()) << known.name;
    EXPECT_GT(data.val_documents, 0) << known.name;
  }
}

TEST(OpenDataset, AGivenTokenizerIsUsed) {
  const Scratch folder;
  DataOptions options = uncached(folder.write("t.txt", "abab"));
  options.use = make_tokenizer("char", "xyzab", "t");
  EXPECT_EQ(open_dataset(options).vocab_size, 5);
  options.source = folder.write("t.txt", "abc");
  EXPECT_THAT(error_of([&] { open_dataset(options); }, ExitCode::content),
              HasSubstr("'c' (U+0063)"));
}

TEST(OpenDataset, WhatIsNotThereIsRefusedWithTheNearestName) {
  EXPECT_THAT(error_of([] { open_dataset(uncached("nmaes")); }, ExitCode::system),
              HasSubstr("did you mean names?"));
  EXPECT_THAT(error_of([] { open_dataset(uncached("/no/such/file.txt")); }, ExitCode::system),
              HasSubstr("the data sets are"));
}

TEST(OpenDataset, BadOptionsAreRefusedBeforeAnythingIsRead) {
  DataOptions options = uncached("/no/such/file");
  options.val = 1;
  EXPECT_THAT(error_of([&] { open_dataset(options); }, ExitCode::usage), HasSubstr("--val"));
  options.val = std::nan("");
  EXPECT_THAT(error_of([&] { open_dataset(options); }, ExitCode::usage), HasSubstr("--val"));
  options.val = 0.1;
  options.tokenizer = "gpt3";
  EXPECT_THAT(error_of([&] { open_dataset(options); }, ExitCode::usage), HasSubstr("gpt3"));
}

TEST(OpenDataset, TheDigestIsOfTheTokens) {
  const Scratch folder;
  const auto digest = [&](const char* text, double val) {
    DataOptions options = uncached(folder.write("t.txt", text));
    options.val = val;
    return open_dataset(options).digest;
  };
  EXPECT_EQ(digest("abcabcabca", 0.1), digest("bcdbcdbcdb", 0.1)) << "the same ids";
  EXPECT_NE(digest("abcabcabca", 0.1), digest("abcabcabcb", 0.1));
  EXPECT_NE(digest("abcabcabca", 0.1), digest("abcabcabca", 0.2)) << "cut elsewhere";
}

// --- reference lines -----------------------------------------------------------------------------

TEST(CorpusEntropy, OfOneLetterIsNothing) {
  const CorpusEntropy entropy = corpus_entropy(Tokens(std::vector<std::int32_t>(100, 3)), 8);
  EXPECT_DOUBLE_EQ(entropy.uniform, std::log(8.0));
  EXPECT_NEAR(entropy.unigram, 0, 1e-12);
  EXPECT_NEAR(entropy.bigram, 0, 1e-12);
}

TEST(CorpusEntropy, OfAlternatingLettersIsOneBitUntilOneLooksBack) {
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 1000; ++i) ids.push_back(i % 2);
  const CorpusEntropy entropy = corpus_entropy(Tokens(ids), 2);
  EXPECT_NEAR(entropy.unigram, std::log(2.0), 1e-12);
  EXPECT_NEAR(entropy.bigram, 0, 1e-12);
}

// Straight from the definition: -sum p(x) ln p(x) and -sum p(x,y) ln p(y|x).
TEST(CorpusEntropy, IsWhatTheDefinitionSays) {
  const std::vector<std::int32_t> ids = {0, 1, 2, 1, 1, 0, 2, 2, 1, 0, 0, 1};
  double unigram = 0, bigram = 0;
  for (int x = 0; x < 3; ++x) {
    double of_x = 0, firsts = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      of_x += ids[i] == x;
      firsts += i + 1 < ids.size() && ids[i] == x;
    }
    unigram -= of_x / 12 * std::log(of_x / 12);
    for (int y = 0; y < 3; ++y) {
      double pairs = 0;
      for (std::size_t i = 0; i + 1 < ids.size(); ++i) pairs += ids[i] == x && ids[i + 1] == y;
      if (pairs > 0) bigram -= pairs / 11 * std::log(pairs / firsts);
    }
  }
  const CorpusEntropy entropy = corpus_entropy(Tokens(ids), 3);
  EXPECT_NEAR(entropy.unigram, unigram, 1e-12);
  EXPECT_NEAR(entropy.bigram, bigram, 1e-12);
  EXPECT_LT(entropy.bigram, entropy.unigram);
}

}   // namespace
}   // namespace glass::test
