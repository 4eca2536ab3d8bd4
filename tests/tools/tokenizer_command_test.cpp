// glass tokenizer, as a user meets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/base/json_value.h"
#include "tests/model/small_ranks.h"
#include "tests/tools/process.h"
#include "tools/text_options.h"

namespace glass::test {
namespace {

using testing::HasSubstr;

Outcome tokenizer(std::vector<std::string> words) {
  words.insert(words.begin(), "tokenizer");
  return glass(words);
}

TEST(TokenizerCommand, EncodesLettersOfACorpus) {
  const Scratch folder;
  const std::string corpus = folder.write("c.txt", "hello world");
  EXPECT_EQ(tokenizer({"encode", "--tokenizer", "char", "--corpus", corpus, "--text", "hold"}).out,
            "3 5 4 1\n");
  EXPECT_EQ(
      tokenizer({"encode", "--tokenizer", "char", "--corpus", corpus, "--text", "hold", "--json"})
          .out,
      "{\"tokenizer\": \"char\", \"bytes\": 4, \"ids\": [3, 5, 4, 1], \"tokens\": "
      "[\"h\", \"o\", \"l\", \"d\"]}\n");
  EXPECT_THAT(
      error_of(tokenizer({"encode", "--tokenizer", "char", "--corpus", corpus, "--text", "a"}), 3),
      HasSubstr("'a' (U+0061)"));
}

TEST(TokenizerCommand, TrainsEncodesAndDecodes) {
  const Scratch folder;
  std::string text;
  for (int i = 0; i < 50; ++i) text += "the cat sat on the mat, ";
  const std::string file = folder.write("t.txt", text), json = folder / "t.json";
  const Outcome trained =
      tokenizer({"train", file, "--tokenizer", "bpe:267", "-o", json, "--json"});
  ASSERT_EQ(trained.code, 0) << trained.text();
  EXPECT_EQ(parse_json(trained.out, "out").at("vocab_size", "out").integer("v", 0, 1000), 267);
  const std::string ids = tokenizer({"encode", "--tokenizer", json, "--text", "the mat sat"}).out;
  EXPECT_EQ(tokenizer({"decode", "--tokenizer", json, "--ids", ids}).out, "the mat sat\n");
  EXPECT_EQ(
      tokenizer({"decode", "--tokenizer", json, "--file", folder.write("ids", ids), "--raw"}).out,
      "the mat sat");
  EXPECT_THAT(tokenizer({"info", "--tokenizer", json}).out, HasSubstr("bpe:267: 267 tokens"));
  EXPECT_THAT(tokenizer({"encode", "--tokenizer", json, "--text", "the mat", "--show"}).out,
              HasSubstr("  ' mat'\n"));
}

TEST(TokenizerCommand, JsonLinesGoThereAndBack) {
  const Scratch folder;
  const std::string lines = "{\"text\": \"Hi\"}\n{\"text\": \"\"}\n{\"text\": \"\\u00e9\\n\"}\n";
  const Outcome encoded =
      tokenizer({"encode", "--tokenizer", "bytes", "--jsonl", folder.write("in", lines)});
  EXPECT_EQ(encoded.out, "{\"ids\": [72, 105]}\n{\"ids\": []}\n{\"ids\": [195, 169, 10]}\n");
  const Outcome decoded =
      tokenizer({"decode", "--tokenizer", "bytes", "--jsonl", folder.write("ids", encoded.out)});
  EXPECT_EQ(decoded.out, "{\"text\": \"Hi\"}\n{\"text\": \"\"}\n{\"text\": \"\u00e9\\n\"}\n");
}

TEST(TokenizerCommand, DataSetsAreCorporaToo) {
  EXPECT_EQ(tokenizer({"encode", "--tokenizer", "char", "--corpus", "names", "--text", "anna"}).out,
            "1 14 14 1\n");
}

TEST(TokenizerCommand, RefusesWhatItCannot) {
  const Scratch folder;
  const auto said = [&](std::vector<std::string> words, int code) {
    return error_of(tokenizer(words), code);
  };
  EXPECT_THAT(said({"encode", "--tokenizer", "char", "--text", "a"}, 2), HasSubstr("--corpus"));
  EXPECT_THAT(said({"encode", "--tokenizer", "bytes"}, 2), HasSubstr("needs one of --text"));
  EXPECT_THAT(said({"encode", "--tokenizer", "bytes", "--text", "a", "--file", "b"}, 2),
              HasSubstr("choose one"));
  EXPECT_THAT(said({"encode", "--text", "a"}, 2), HasSubstr("--tokenizer"));
  EXPECT_THAT(said({"encode", "--tokenizer", "o200k-compact", "--text", "a"}, 2),
              HasSubstr("--corpus"));
  EXPECT_THAT(said({"encode", "--tokenizer", "bits", "--text", "a"}, 2), HasSubstr("bytes"));
  EXPECT_THAT(said({"decode", "--tokenizer", "bytes", "--ids", "1 x"}, 3), HasSubstr("'x'"));
  EXPECT_THAT(said({"decode", "--tokenizer", "bytes", "--ids", "256"}, 3),
              HasSubstr("no token 256"));
  EXPECT_THAT(said({"decode", "--tokenizer", "bytes", "--ids", "99999999999"}, 3),
              HasSubstr("9999"));
  EXPECT_THAT(
      said({"encode", "--tokenizer", "bytes", "--jsonl", folder.write("j", "{\"txt\": 1}")}, 3),
      HasSubstr("line 1"));
  EXPECT_THAT(said({"train", folder / "missing"}, 4), HasSubstr("no file"));
  EXPECT_THAT(said({"train", folder.write("t", "abc"), "-o", "-", "--json"}, 2),
              HasSubstr("stdout"));
}

// --- tables of ranks -----------------------------------------------------------------------------

class RankedTokenizer : public testing::Test {
 protected:
  Scratch folder_;
  std::string ranks_ = folder_.write("mine.o200k.tiktoken", rank_file_of(small_ranks(400)));
  std::string text_ = folder_.write("t.txt", small_text());
};

TEST_F(RankedTokenizer, GoesThereAndBack) {
  const std::string ids =
      tokenizer({"encode", "--tokenizer", ranks_, "--text", "The hedgehog's"}).out;
  EXPECT_EQ(tokenizer({"decode", "--tokenizer", ranks_, "--ids", ids}).out, "The hedgehog's\n");
  EXPECT_THAT(tokenizer({"info", "--tokenizer", ranks_, "--json"}).out, HasSubstr("\"free\": 0"));
}

TEST_F(RankedTokenizer, KeepsOnlyWhatOccurs) {
  const std::string json = folder_ / "compact.json";
  const Outcome made =
      tokenizer({"train", text_, "--tokenizer", ranks_, "--compact", "-o", json, "--json"});
  ASSERT_EQ(made.code, 0) << made.text();
  const auto size = parse_json(made.out, "out").at("vocab_size", "out").integer("v", 1, 300);
  const std::vector<std::string> encode = {"encode", "--file", text_, "--json", "--tokenizer"};
  const auto ids = [&](std::vector<std::string> words) {
    words.insert(words.begin(), encode.begin(), encode.end());
    const Outcome outcome = tokenizer(words);
    EXPECT_EQ(outcome.code, 0) << outcome.text();
    return parse_json(outcome.out, "out").at("ids", "out").items;
  };
  const auto kept = ids({json}), here = ids({ranks_, "--compact"});
  ASSERT_EQ(kept.size(), here.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    EXPECT_EQ(kept[i].text, here[i].text);
    EXPECT_LT(kept[i].integer("id", 0, 1000), size);
  }
  EXPECT_THAT(error_of(tokenizer({"encode", "--tokenizer", json, "--text", "zebra"}), 3),
              HasSubstr("did not keep"));
}

TEST_F(RankedTokenizer, BecomesTheFilesOfOthers) {
  const std::string out = folder_ / "theirs";
  EXPECT_EQ(tokenizer({"export", "--tokenizer", ranks_, "-o", out}).out, out + "/tokenizer.json\n");
  EXPECT_EQ(tokenizer({"export", "--tokenizer", ranks_, "-o", out}).code, 2)
      << "a folder with things in it is left as it is";
  const std::vector<std::string> text = {"--text", "The hedgehog's 12 apples"};
  EXPECT_EQ(tokenizer({"encode", "--tokenizer", out, text[0], text[1]}).out,
            tokenizer({"encode", "--tokenizer", ranks_, text[0], text[1]}).out);
  const Outcome bytes =
      tokenizer({"export", "--tokenizer", "bytes", "-o", out + "-bytes", "--json"});
  EXPECT_THAT(bytes.out, HasSubstr("[\"tokenizer.json\", \"vocab.json\", \"merges.txt\"]"));
  EXPECT_EQ(tokenizer({"encode", "--tokenizer", out + "-bytes/merges.txt", "--text", "Hi"}).out,
            "72 105\n");
}

TEST_F(RankedTokenizer, TextIsASpecialTokenOnlyWhereItIsAskedFor) {
  const std::string json = folder_ / "bpe.json";
  ASSERT_EQ(tokenizer({"train", text_, "--tokenizer", "bpe:300", "-o", json}).code, 0);
  const auto encoded = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"encode", "--tokenizer", json, "--text", "<|endoftext|>"});
    return tokenizer(more).out;
  };
  EXPECT_EQ(encoded({"--special"}), "0\n");
  EXPECT_NE(encoded({}), "0\n");
}

TEST_F(RankedTokenizer, ItsSpeedIsMeasured) {
  const Outcome outcome = glass(
      {"bench", "tokenizer", text_, "--tokenizer", ranks_ + ",bytes", "--runs", "1", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.text();
  const JsonValue rows = parse_json(outcome.out, "out").at("rows", "out");
  ASSERT_EQ(rows.items.size(), 2u);
  EXPECT_EQ(rows.items[1].at("tokens", "out").text, std::to_string(small_text().size()));
  EXPECT_GT(rows.items[0].at("mb_per_second", "out").number("out"), 0);
}

TEST(TextOptions, EscapesAreThoseOfALineOfText) {
  EXPECT_EQ(with_escapes("\\n"), "\n");
  EXPECT_EQ(with_escapes("a\\tb\\\\n"), "a\tb\\n");
  EXPECT_EQ(with_escapes("\\x\\"), "\\x\\");
  EXPECT_EQ(with_escapes("<|endoftext|>"), "<|endoftext|>");
}

TEST(TextOptions, ATokenIsShownAsItIsOrAsBytes) {
  EXPECT_EQ(shown_token(" the"), "' the'");
  EXPECT_EQ(shown_token("\n"), "'\\x0a'");
  EXPECT_EQ(shown_token("\xc3"), "'\\xc3'");
  EXPECT_EQ(shown_token("a\xffz\u00e9"), "'a\\xffz\u00e9'");
}

}   // namespace
}   // namespace glass::test
