// Tokenizers that are a table: one token a letter, one token a byte.
#include "model/tokenizer/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "model/tokenizer/bytes.h"
#include "model/tokenizer/char.h"
#include "tests/model/scratch.h"

namespace glass::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TokenizerPtr char_of(std::string_view corpus) { return make_tokenizer("char", corpus, "the text"); }

std::string every_byte() {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  return all;
}

TEST(Char, TokensAreTheSortedLettersOfTheCorpus) {
  const TokenizerPtr t = char_of("hello, world\n");
  EXPECT_EQ(t->vocab_size(), 10);
  std::string all;
  for (int id = 0; id < t->vocab_size(); ++id) all += t->token(id);
  EXPECT_EQ(all, "\n ,dehlorw");
  EXPECT_THAT(t->encode("hold"), ElementsAre(5, 7, 6, 3));
}

TEST(Char, ALetterOfSeveralBytesIsOneToken) {
  const TokenizerPtr t = char_of("na\u00efve \u6625\U0001F600");
  EXPECT_EQ(t->vocab_size(), 8);
  EXPECT_THAT(t->encode("\u6625\u00ef"), ElementsAre(6, 5));
  EXPECT_EQ(t->token(7), "\U0001F600");
}

TEST(Char, WhatIsEncodedComesBack) {
  const std::string text = "na\u00efve \u6625\U0001F600\nb";
  const TokenizerPtr t = char_of(text);
  EXPECT_EQ(t->decode(t->encode(text)), text);
  EXPECT_EQ(t->decode(t->encode("")), "");
}

TEST(Char, AnUnknownLetterIsNamedWithItsNumberAndPlace) {
  const TokenizerPtr t = char_of("abc\n");
  const std::string said = error_of([&] { t->encode("ab\nca\u00e9"); }, ExitCode::content);
  EXPECT_THAT(said, HasSubstr("'\u00e9' (U+00E9) at line 2, column 3"));
  EXPECT_THAT(said, HasSubstr("4 letters"));
  EXPECT_THAT(error_of([&] { t->encode("a\tb"); }, ExitCode::content),
              HasSubstr("letter U+0009 at line 1, column 2"));
}

TEST(Char, TextThatIsNotUtf8IsRefusedWithThePlace) {
  EXPECT_THAT(error_of([] { char_of("ab\xff"); }, ExitCode::content),
              HasSubstr("byte 2 is not UTF-8"));
  const TokenizerPtr t = char_of("ab");
  EXPECT_THAT(error_of([&] { t->encode("a\xc3"); }, ExitCode::content),
              HasSubstr("byte 1 is not UTF-8"));
}

TEST(Char, ACorpusWithoutLettersIsRefused) {
  EXPECT_THAT(error_of([] { char_of(""); }, ExitCode::content), HasSubstr("no letters"));
}

TEST(Char, ALetterMayHaveOneNumberOnly) {
  EXPECT_THAT(error_of([] { CharTokenizer(U"aba", "the list"); }, ExitCode::content),
              HasSubstr("the list has the letter 'a' (U+0061) twice"));
}

TEST(Bytes, EveryByteIsItsOwnToken) {
  const BytesTokenizer t;
  EXPECT_EQ(t.vocab_size(), 256);
  EXPECT_THAT(t.encode("A\xff"), ElementsAre(65, 255));
  EXPECT_EQ(t.decode(t.encode(every_byte())), every_byte());
}

TEST(Tokenizer, JsonKeepsWhatItMeans) {
  const std::string text = "\"quoted\" \\ \n\t\x01 na\u00efve \U0001F600";
  for (const char* spec : {"char", "bytes"}) {
    const TokenizerPtr t = make_tokenizer(spec, text, "the text");
    const TokenizerPtr again = tokenizer_from_json(t->to_json(), "the test");
    EXPECT_EQ(again->spec(), spec);
    EXPECT_EQ(again->vocab_size(), t->vocab_size());
    EXPECT_EQ(again->encode(text), t->encode(text)) << spec;
    EXPECT_EQ(again->to_json(), t->to_json());
  }
}

TEST(Tokenizer, JsonThatIsNoTokenizerIsRefusedByName) {
  const auto said = [](const char* json) {
    return error_of([&] { tokenizer_from_json(json, "x.json"); }, ExitCode::content);
  };
  EXPECT_THAT(said(R"({"type": "word"})"), HasSubstr("x.json is of type 'word'"));
  EXPECT_THAT(said(R"({"letters": "ab"})"), HasSubstr("x.json"));
  EXPECT_THAT(said(R"({"type": "char", "letters": ""})"), HasSubstr("no letters"));
  EXPECT_THAT(said(R"({"type": "char", "letters": "aa"})"), HasSubstr("twice"));
  EXPECT_THAT(said("[1, 2"), HasSubstr("x.json"));
}

TEST(Tokenizer, AnUnknownIdIsRefusedWithTheRange) {
  const std::int32_t ids[] = {0, 256};
  EXPECT_THAT(error_of([&] { BytesTokenizer().decode(ids); }, ExitCode::content),
              HasSubstr("no token 256: the tokenizer bytes has the tokens 0 to 255"));
  const std::int32_t negative[] = {-1};
  EXPECT_THAT(error_of([&] { BytesTokenizer().decode(negative); }, ExitCode::content),
              HasSubstr("no token -1"));
}

TEST(Tokenizer, ANameThatIsNoneIsRefusedWithTheNearest) {
  EXPECT_THAT(error_of([] { make_tokenizer("cahr", "a", "t"); }, ExitCode::usage),
              HasSubstr("Did you mean char?"));
  EXPECT_THAT(error_of([] { make_tokenizer("o200", "a", "t"); }, ExitCode::usage),
              HasSubstr("Did you mean o200k?"));
}

}   // namespace
}   // namespace glass::test
