// Files of tokens: both widths, llm.c's headers, shards, nanoGPT's folders, and every way in which
// they are wrong.
#include "model/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "engine/base/utf8.h"
#include "model/dataset.h"
#include "model/token_folder.h"
#include "tests/model/scratch.h"
#include "tests/peak_memory.h"

namespace glass::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using std::string_literals::operator""s;

// Numbers of `width` bytes, little end first.
std::string packed(const std::vector<std::uint32_t>& numbers, int width) {
  std::string bytes;
  for (const std::uint32_t n : numbers)
    for (int k = 0; k < width; ++k) bytes += static_cast<char>(n >> (8 * k) & 0xff);
  return bytes;
}

std::string header(std::uint32_t magic, std::uint32_t version, std::uint32_t count) {
  std::vector<std::uint32_t> head(256);
  head[0] = magic, head[1] = version, head[2] = count;
  return packed(head, 4);
}

Tokens read(const std::string& path, int width) {
  Tokens tokens;
  tokens.append_file(path, width);
  return tokens;
}

TEST(Tokens, RawFilesOfBothWidthsAreRead) {
  const Scratch folder;
  EXPECT_THAT(ids_of(read(folder.write("a", packed({1, 65535, 258}, 2)), 2)),
              ElementsAre(1, 65535, 258));
  EXPECT_THAT(ids_of(read(folder.write("b", packed({1, 70000, 258}, 4)), 4)),
              ElementsAre(1, 70000, 258));
}

TEST(Tokens, AHeaderSaysHowWideTheTokensAre) {
  const Scratch folder;
  const Tokens gpt2 = read(folder.write("a", header(20240520, 1, 3) + packed({7, 50256, 9}, 2)), 4);
  EXPECT_THAT(ids_of(gpt2), ElementsAre(7, 50256, 9));
  EXPECT_EQ(gpt2.family(), Tokens::Family::gpt2);
  const Tokens llama = read(folder.write("b", header(20240801, 7, 2) + packed({128000, 9}, 4)), 2);
  EXPECT_THAT(ids_of(llama), ElementsAre(128000, 9));
  EXPECT_EQ(llama.family(), Tokens::Family::llama3);
}

TEST(Tokens, ShardsReadAsOneRowWhereverOneBegins) {
  const Scratch folder;
  Tokens tokens;
  tokens.append_file(folder.write("a", packed({0, 1, 2}, 2)), 2);
  tokens.append_file(folder.write("b", header(20240520, 1, 2) + packed({3, 4}, 2)), 2);
  tokens.append_file(folder.write("c", packed({5}, 4)), 4);
  tokens.append_file(folder.write("d", packed({6, 7, 8, 9}, 2)), 2);
  ASSERT_EQ(tokens.size(), 10);
  for (std::int64_t start = 0; start < 10; ++start) {
    for (std::int64_t size = 0; size <= 10 - start; ++size) {
      std::vector<std::int32_t> out(static_cast<std::size_t>(size));
      tokens.copy(start, out);
      for (std::int64_t i = 0; i < size; ++i) {
        EXPECT_EQ(out[static_cast<std::size_t>(i)], start + i)
            << "copy of " << size << " from " << start;
      }
    }
  }
  EXPECT_THAT(tokens.place(4), HasSubstr("token 1 of '" + (folder / "b")));
}

TEST(Tokens, ReadingBeyondTheEndIsAnError) {
  const Tokens tokens(std::vector<std::int32_t>{1, 2, 3});
  std::vector<std::int32_t> two(2);
  EXPECT_THROW(tokens.copy(2, two), Error);
  EXPECT_THROW(tokens.copy(-1, two), Error);
  tokens.copy(1, two);
  EXPECT_THAT(two, ElementsAre(2, 3));
}

TEST(Tokens, ACopyOutlivesTheOriginal) {
  const Scratch folder;
  Tokens kept;
  {
    const Tokens tokens = read(folder.write("a", packed({1, 2}, 2)), 2);
    kept = tokens;
  }
  EXPECT_THAT(ids_of(kept), ElementsAre(1, 2));
}

TEST(Tokens, WrongFilesAreRefusedWithTheReason) {
  const Scratch folder;
  struct Case {
    const char* name;
    std::string bytes;
    const char* reason;
  };
  const Case cases[] = {
      {"empty", "", "the file is empty"},
      {"odd", packed({1, 2}, 2) + "x", "5 bytes are no whole number of tokens of 2"},
      {"future", header(20240520, 2, 1) + packed({1}, 2), "version 2, and this program reads 1"},
      {"future32", header(20240801, 8, 1) + packed({1}, 4), "version 8, and this program reads 7"},
      {"short", header(20240520, 1, 3) + packed({1, 2}, 2), "promises 3 tokens of 2 bytes, and 4"},
      {"long", header(20240520, 1, 1) + packed({1, 2}, 2), "promises 1 tokens of 2 bytes, and 4"},
      {"many", header(20240520, 1, 0x7fffffff) + packed({1, 2}, 2),
       "promises 2,147,483,647 tokens"},
      {"many32", header(20240801, 7, 0x7fffffff) + packed({1, 2}, 4),
       "promises 2,147,483,647 tokens"},
      {"none", header(20240520, 1, 0) + packed({1}, 2), "promises 0 tokens of 2 bytes, and 2"},
      {"most", header(20240520, 1, 0xffffffff), "promises -1 tokens"},
      {"cut", header(20240520, 1, 3).substr(0, 1023), "has 1023 bytes where the header"},
      {"cut32", header(20240801, 7, 3).substr(0, 12), "has 12 bytes where the header"},
      {"odd behind a header", header(20240520, 1, 1) + "x", "promises 1 tokens of 2 bytes, and 1"},
      {"wide behind a header", header(20240801, 7, 1) + packed({1}, 2), "promises 1 tokens of 4"},
      {"negative", header(20240520, 1, 0x80000000), "promises -2,147,483,648 tokens"},
  };
  for (const Case& c : cases) {
    const std::string path = folder.write(c.name, c.bytes);
    const std::string said = error_of([&] { read(path, 2); }, ExitCode::content);
    EXPECT_THAT(said, HasSubstr(c.reason));
    EXPECT_THAT(said, HasSubstr(path));
  }
  const long needed = kilobytes_needed([&] {
    for (const Case& c : cases) error_of([&] { read(folder / c.name, 2); }, ExitCode::content);
  });
  EXPECT_LT(needed, kMostKilobytes) << "a promise costs nothing";
  EXPECT_THAT(error_of([&] { read(folder / "missing", 2); }, ExitCode::system),
              HasSubstr("missing"));
  EXPECT_THAT(error_of([&] { read(folder / "", 2); }, ExitCode::content),
              HasSubstr("not a plain file"));
}

TEST(Tokens, ATokenOutsideTheVocabularyIsRefusedWithItsPlace) {
  const Scratch folder;
  const Tokens tokens = read(folder.write("a", packed({0, 1, 9, 1}, 2)), 2);
  EXPECT_THAT(count_tokens(tokens, 10), ElementsAre(1, 2, 0, 0, 0, 0, 0, 0, 0, 1));
  EXPECT_THAT(error_of([&] { count_tokens(tokens, 9); }, ExitCode::content),
              HasSubstr("token 2 of '" + (folder / "a") + "' is 9, and the vocabulary has only 9"));
  const Tokens huge = read(folder.write("b", packed({0xffffffff}, 4)), 4);
  EXPECT_THAT(error_of([&] { count_tokens(huge, 9); }, ExitCode::content),
              HasSubstr("is 4,294,967,295"));
}

// --- folders -------------------------------------------------------------------------------------

// pickle.dumps({"vocab_size": 3, "itos": {0: "\n", 1: "a", 2: "\u00e9"}, "stoi": ...}, 4)
const std::string kMetaPkl =
    "\x80\x04\x95I\0\0\0\0\0\0\0}\x94(\x8c\nvocab_size\x94K\x03\x8c\x04itos\x94}\x94("
    "K\0\x8c\x01\n\x94K\x01\x8c\x01"
    "a\x94K\x02\x8c\x02\xc3\xa9\x94u\x8c\x04stoi\x94}\x94(h\x04K\0h\x05K\x01h\x06K\x02uu."s;

TEST(TokenFolder, NanoGptsFilesAreReadWithTheirLetters) {
  const Scratch folder;
  folder.write("shakes/train.bin", packed({1, 2, 0, 1}, 2));
  folder.write("shakes/val.bin", packed({2}, 2));
  folder.write("shakes/meta.pkl", kMetaPkl);
  const Dataset data = open_dataset({.source = folder / "shakes/"});
  EXPECT_EQ(data.name, "shakes");
  EXPECT_EQ(data.vocab_size, 3);
  EXPECT_EQ(data.tokenizer->decode(ids_of(data.train)), "a\u00e9\na");
  EXPECT_EQ(data.train_bytes, 5);
  EXPECT_EQ(data.train_letters, 4);
  EXPECT_EQ(data.val.size(), 1);
}

TEST(TokenFolder, WithoutNotesTheTokensSayHowManyThereAre) {
  const Scratch folder;
  folder.write("raw/train.bin", packed({1, 40}, 2));
  folder.write("raw/val.bin", packed({90, 3}, 2));
  const Dataset data = open_dataset({.source = folder / "raw"});
  EXPECT_EQ(data.tokenizer, nullptr);
  EXPECT_EQ(data.vocab_size, 91);
  EXPECT_EQ(data.train_bytes, 0) << "nobody knows";
}

TEST(TokenFolder, LlmcShardsComeInTheOrderOfTheirNames) {
  const Scratch folder;
  folder.write("web/web_train_000002.bin", header(20240520, 1, 1) + packed({3}, 2));
  folder.write("web/web_train_000001.bin", header(20240520, 1, 2) + packed({1, 2}, 2));
  folder.write("web/web_val_000000.bin", header(20240520, 1, 1) + packed({9}, 2));
  const Dataset data = open_dataset({.source = folder / "web"});
  EXPECT_THAT(ids_of(data.train), ElementsAre(1, 2, 3));
  EXPECT_THAT(ids_of(data.val), ElementsAre(9));
  EXPECT_EQ(data.vocab_size, 50257) << "what the header stands for";
}

TEST(TokenFolder, WhatIsWrittenIsRead) {
  const Scratch folder;
  const EncodedText text =
      encode_text("ab\ncd\nef\n", {.source = "x", .val = 0.34, .doc_sep = "\n"}, "x");
  folder.write("t/.keep", "");
  write_token_folder(folder / "t", text, "a test");
  const Dataset data = open_dataset({.source = folder / "t"});
  EXPECT_EQ(ids_of(data.train), text.train);
  EXPECT_EQ(ids_of(data.val), text.val);
  EXPECT_EQ(data.tokenizer->to_json(), text.tokenizer->to_json());
  EXPECT_EQ(data.train_documents, text.train_documents);
  EXPECT_EQ(data.val_documents, text.val_documents);
}

TEST(TokenFolder, MoreThan65536TokensTakeFourBytesEach) {
  const Scratch folder;
  std::u32string letters;
  for (char32_t c = 0x10000; c < 0x10000 + 70'000; ++c) letters += c;
  const EncodedText text = encode_text(encode_utf8(letters), {.source = "x"}, "x");
  folder.write("t/.keep", "");
  write_token_folder(folder / "t", text, "a test");
  EXPECT_EQ(std::filesystem::file_size(folder / "t/train.bin"), 4u * 63'000);
  const Dataset data = open_dataset({.source = folder / "t"});
  EXPECT_EQ(data.vocab_size, 70'000);
  EXPECT_EQ(ids_of(data.val).back(), 69'999);
}

TEST(TokenFolder, FilesThatDoNotBelongTogetherAreRefused) {
  const Scratch folder;
  const auto said = [&](const char* name) {
    return error_of([&] { open_dataset({.source = folder / name}); }, ExitCode::content);
  };
  folder.write("none/readme.txt", "hello");
  EXPECT_THAT(said("none"), HasSubstr("no train.bin"));

  folder.write("large/train.bin", packed({3}, 2));
  folder.write("large/meta.pkl", kMetaPkl);
  EXPECT_THAT(said("large"), HasSubstr("the vocabulary has only 3"));

  const EncodedText text = encode_text("abcabcabcabc", {.source = "x"}, "x");
  folder.write("swap/.keep", "");
  write_token_folder(folder / "swap", text, "a test");
  folder.write("swap/tokenizer.json", R"({"type": "bytes"})");
  EXPECT_THAT(said("swap"), HasSubstr("meta.json promises 3 tokens, and tokenizer.json has 256"));

  write_token_folder(folder / "swap", text, "a test");
  folder.write("swap/train.bin", packed({0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 2));
  EXPECT_THAT(said("swap"), HasSubstr("not the ones that meta.json was written for"));
}

TEST(TokenFolder, AnotherTokenizerThanTheModelsIsRefused) {
  const Scratch folder;
  folder.write("t/train.bin", packed({1, 2, 0, 1}, 2));
  folder.write("t/meta.pkl", kMetaPkl);
  DataOptions options{.source = folder / "t"};
  options.use = make_tokenizer("char", "abc", "t");
  EXPECT_THAT(error_of([&] { open_dataset(options); }, ExitCode::content),
              HasSubstr("made by another char tokenizer"));
  options.use = make_tokenizer("char", "\na\u00e9", "t");
  EXPECT_EQ(open_dataset(options).vocab_size, 3);
}

}   // namespace
}   // namespace glass::test
