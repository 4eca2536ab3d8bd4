// Tokenizers as the files of Hugging Face and llama.cpp: what is written is read as the same, and
// what this program does not do is refused by name. Whether the package `tokenizers` agrees is
// asked in tests/peers/tokenizers_test.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/json_value.h"
#include "model/tokenizer/byte_letters.h"
#include "model/tokenizer/compact.h"
#include "model/tokenizer/huggingface.h"
#include "model/tokenizer/open.h"
#include "model/tokenizer/rank_file.h"
#include "tests/model/scratch.h"
#include "tests/model/small_ranks.h"

namespace glass::test {
namespace {

using Ids = std::vector<std::int32_t>;
using testing::HasSubstr;

TokenizerPtr compact_tokenizer() {
  const TokenizerPtr full = small_tokenizer();
  Ids ids = full->encode(small_text());
  return keep_what_occurs(*full, {&ids});
}

struct Case {
  std::string name;
  TokenizerPtr tokenizer;
};
std::vector<Case> all_cases() {
  return {{"char", make_tokenizer("char", small_text() + "\u5b57\U0001F600~", "t")},
          {"char of ASCII", make_tokenizer("char", "abc \n", "t")},
          {"bytes", make_tokenizer("bytes", "", "t")},
          {"bpe", make_tokenizer("bpe:350", small_text(), "t")},
          {"ranks", small_tokenizer(Pattern::gpt2)},
          {"ranks of o200k", small_tokenizer(Pattern::o200k)},
          {"ranks of cl100k", small_tokenizer(Pattern::cl100k)},
          {"compact", compact_tokenizer()}};
}

// Texts that a tokenizer of small_text() can say, with letters or with pieces.
std::string text_for(const Case& c) {
  return c.name == "char of ASCII" ? "cab\nb c" : small_text();
}

void expect_same(const Case& c, const TokenizerPtr& again) {
  const Ids ids = c.tokenizer->encode(text_for(c));
  EXPECT_EQ(again->encode(text_for(c)), ids) << c.name;
  EXPECT_EQ(again->decode(ids), text_for(c)) << c.name;
  EXPECT_EQ(again->end_of_text(), c.tokenizer->end_of_text()) << c.name;
}

TEST(ByteLetters, AreThoseOfGpt2) {
  EXPECT_EQ(as_letters(" the\n"), "\u0120the\u010a");
  EXPECT_EQ(as_letters(std::string(1, '\0')), "\u0100");
  EXPECT_EQ(as_letters("\xff"), "\u00ff");
  EXPECT_EQ(as_letters("\xad"), "\u0143");
  std::string bytes, back;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  ASSERT_TRUE(bytes_of_letters(as_letters(bytes), back));
  EXPECT_EQ(back, bytes);
  EXPECT_FALSE(bytes_of_letters("a b", back)) << "a space is not shown as a space";
  EXPECT_FALSE(bytes_of_letters("\u5b57", back));
  EXPECT_FALSE(bytes_of_letters("\xff", back));
}

TEST(HuggingFace, ATokenizerJsonIsReadAsItWasWritten) {
  for (const Case& c : all_cases())
    expect_same(c, tokenizer_from_huggingface(huggingface_tokenizer_json(*c.tokenizer), c.name));
}

TEST(HuggingFace, SimpleOnesBecomeWhatTheyWere) {
  for (const Case& c : all_cases()) {
    if (c.name.find("ranks") == 0 || c.name == "compact") continue;
    const TokenizerPtr again =
        tokenizer_from_huggingface(huggingface_tokenizer_json(*c.tokenizer), c.name);
    EXPECT_EQ(again->to_json(), c.tokenizer->to_json()) << c.name;
    const TokenizerPtr mapped = tokenizer_from_mapped(mapped_vocabulary(*c.tokenizer), c.name);
    EXPECT_EQ(mapped->to_json(), c.tokenizer->to_json()) << c.name;
  }
}

TEST(HuggingFace, VocabAndMergesAreReadAsTheyWereWritten) {
  for (const Case& c : all_cases()) {
    if (!fits_vocab_json(*c.tokenizer)) {
      EXPECT_THAT(error_of([&] { vocab_json(*c.tokenizer); }, ExitCode::content),
                  HasSubstr("tokenizer.json"))
          << c.name;
      continue;
    }
    expect_same(c, tokenizer_from_vocab_and_merges(vocab_json(*c.tokenizer),
                                                   merges_txt(*c.tokenizer), c.name));
  }
}

TEST(HuggingFace, OnlyWhatBytesAndMergesCanSayFitsIntoVocabJson) {
  for (const Case& c : all_cases()) {
    const bool fits = c.name != "char" && c.name != "compact" &&
                      c.name.find("of o200k") == c.name.npos &&
                      c.name.find("of cl100k") == c.name.npos;
    EXPECT_EQ(fits_vocab_json(*c.tokenizer), fits) << c.name;
  }
}

TEST(HuggingFace, AMappedVocabularyHasAsManyTokensAsTheModel) {
  for (const Case& c : all_cases()) {
    const MappedVocabulary mapped = mapped_vocabulary(*c.tokenizer);
    EXPECT_EQ(mapped.tokens.size(), static_cast<std::size_t>(c.tokenizer->vocab_size()));
    expect_same(c, tokenizer_from_mapped(mapped, c.name));
  }
  const MappedVocabulary letters = mapped_vocabulary(*make_tokenizer("char", "a \u00e9", "t"));
  EXPECT_EQ(letters.tokens, (std::vector<std::string>{"\u0120", "a", "\u00e9"}));
  EXPECT_EQ(letters.user_defined, (std::vector<bool>{false, false, true}));
  EXPECT_TRUE(letters.merges.empty());
}

TEST(HuggingFace, ACompactOneHasStepsBehindTheTokensOfTheModel) {
  const TokenizerPtr compact = compact_tokenizer();
  const JsonValue json = parse_json(huggingface_tokenizer_json(*compact), "t");
  const JsonValue& vocab = json.at("model", "t").at("vocab", "t");
  EXPECT_GT(vocab.fields.size(), static_cast<std::size_t>(compact->vocab_size()));
}

TEST(HuggingFace, OfAModelOnlyItsOwnTokensAreRead) {
  const TokenizerPtr compact = compact_tokenizer();
  const TokenizerPtr all = tokenizer_from_huggingface(huggingface_tokenizer_json(*compact), "t");
  const TokenizerPtr again = with_first_tokens(all, compact->vocab_size());
  EXPECT_EQ(again->vocab_size(), compact->vocab_size());
  EXPECT_EQ(again->encode(small_text()), compact->encode(small_text()));
  EXPECT_EQ(tokenizer_from_json(again->to_json(), "t")->encode(small_text()),
            compact->encode(small_text()));
  EXPECT_THAT(error_of([&] { again->encode("zebra"); }, ExitCode::content), HasSubstr("zebra"));
  EXPECT_EQ(with_first_tokens(all, all->vocab_size()), all);
}

TEST(HuggingFace, MergesMayBePairsOrTexts) {
  const std::string texts =
      huggingface_tokenizer_json(*make_tokenizer("bpe:259", "ababab ab ab", "t"));
  const std::string pairs = replaced(texts, R"("a b")", R"(["a", "b"])");
  EXPECT_EQ(tokenizer_from_huggingface(pairs, "t")->to_json(),
            tokenizer_from_huggingface(texts, "t")->to_json());
}

TEST(HuggingFace, WhatThisProgramDoesNotDoIsRefusedByName) {
  const std::string good = huggingface_tokenizer_json(*small_tokenizer(Pattern::cl100k));
  const struct {
    std::string from, to, reason;
  } kWishes[] = {
      {R"("normalizer": null)", R"("normalizer": {"type": "NFC"})", "asks for normalizer"},
      {R"("type": "BPE")", R"("type": "Unigram")", "'Unigram'"},
      {R"("dropout": null)", R"("dropout": 0.1)", "asks for dropout '0.1'"},
      {R"("end_of_word_suffix": "")", R"("end_of_word_suffix": "</w>")",
       "end_of_word_suffix '</w>'"},
      {R"("continuing_subword_prefix": "")", R"("continuing_subword_prefix": "#")",
       "continuing_subword_prefix"},
      {R"("byte_fallback": false)", R"("byte_fallback": true)", "byte_fallback 'true'"},
      {R"("add_prefix_space": false)", R"("add_prefix_space": true)", "add_prefix_space 'true'"},
      {R"("behavior": "Isolated")", R"("behavior": "Removed")", "behavior 'Removed'"},
      {"{1,3}", "{1,2}", "a pattern that this program does not know"},
      {R"("use_regex": false)", R"("use_regex": true)", "cuts twice"},
      {R"("type": "Split")", R"("type": "Digits")", "sequence other than"},
      {R"("lstrip": false)", R"("lstrip": true)", "lstrip 'true'"},
      {R"("decoder": {"type": "ByteLevel")", R"("decoder": {"type": "Metaspace")", "'Metaspace'"}};
  for (const auto& wish : kWishes) {
    const std::string json = replaced(good, wish.from, wish.to);
    EXPECT_THAT(error_of([&] { tokenizer_from_huggingface(json, "'x.json'"); }, ExitCode::content),
                HasSubstr(wish.reason))
        << wish.to;
  }
}

TEST(HuggingFace, WhatStandsAroundATextIsNotItsTokens) {
  const std::string json = replaced(huggingface_tokenizer_json(*small_tokenizer()),
                                    R"("post_processor": {"type": "ByteLevel")",
                                    R"("post_processor": {"type": "TemplateProcessing")");
  EXPECT_EQ(tokenizer_from_huggingface(json, "t")->encode("The hedgehog"),
            small_tokenizer()->encode("The hedgehog"));
}

TEST(HuggingFace, AFileIsKnownByItsFirstFields) {
  EXPECT_EQ(kind_of_json("{\"a\": 0, \"model\": {}}"), JsonFile::vocabulary);
  EXPECT_EQ(kind_of_json("{\"x\": {\"type\": 1}, \"model\" : \n{"), JsonFile::huggingface);
  EXPECT_EQ(kind_of_json("{\"type\": \"char\", \"letters\": \"a\"}"), JsonFile::ours);
  EXPECT_EQ(kind_of_json("{\"\\\":\": 7}"), JsonFile::vocabulary) << "a colon in a name";
  EXPECT_EQ(kind_of_json("{\"model\": \"x\", \"a\": [{\"model\": {}}]"), JsonFile::ours);
  EXPECT_EQ(kind_of_json("{\"a\\"), JsonFile::ours);
  EXPECT_EQ(kind_of_json(""), JsonFile::ours);
}

TEST(HuggingFace, FilesThatContradictThemselvesAreRefused) {
  const struct {
    std::string vocab, merges, reason;
  } kLies[] = {{"{}", "", "not empty"},
               {"[]", "", "object"},
               {R"({"a": 0, "b": 0})", "", "two tokens with the id 0"},
               {R"({"a": -1})", "", "-1"},
               {R"({"a": 1e3})", "", "1e3"},
               {R"({"a": 99999999})", "", "99999999"},
               {R"({"": 0})", "", "0 bytes"},
               {R"({"a": 0, "a": 1})", "", "second time"},
               {R"({"a": 0, "b": 1})", "a b", "'ab', which is none"},
               {R"({"a": 0, "ab": 1})", "a b", "'b', which is none"},
               {R"({"a": 0, "b": 1, "ab": 2})", "a  b", "not two tokens"},
               {R"({"a": 0, "b": 1, "ab": 2})", "ab", "not two tokens"},
               {R"({"a": 0, "b": 1, "ab": 2})", "a b\na b", "comes twice"}};
  for (const auto& lie : kLies) {
    const auto read = [&] { tokenizer_from_vocab_and_merges(lie.vocab, lie.merges, "'v'"); };
    EXPECT_THAT(error_of(read, ExitCode::content), HasSubstr(lie.reason)) << lie.vocab;
  }
}

TEST(HuggingFace, AByteWithoutATokenIsNamed) {
  const TokenizerPtr t = tokenizer_from_vocab_and_merges("{\"a\": 0, \"b\": 1, \"ab\": 2}",
                                                         "#version: 0.2\na b\n", "'v'");
  EXPECT_EQ(t->encode("abba"), (Ids{2, 1, 0}));
  EXPECT_THAT(error_of([&] { t->encode("abc"); }, ExitCode::content), HasSubstr("byte 0x63"));
}

TEST(HuggingFace, TokensThatAreAddedAreFoundBeforeTextIsCut) {
  const std::string json =
      replaced(huggingface_tokenizer_json(*small_tokenizer(Pattern::gpt2)), R"("added_tokens": [)",
               R"("added_tokens": [{"id": 900, "content": "say \u00e9", "single_word": false, )"
               R"("lstrip": false, "rstrip": false, "normalized": false, "special": false}, )");
  const TokenizerPtr t = tokenizer_from_huggingface(json, "t");
  const Ids ids = t->encode("I say \u00e9!");
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 900), 1);
  EXPECT_EQ(t->decode(ids), "I say \u00e9!");
  EXPECT_EQ(tokenizer_from_json(t->to_json(), "t")->encode("I say \u00e9!"), ids);
}

TEST(HuggingFace, FoldersAndFilesAreOpenedByWhatIsInThem) {
  const Scratch folder;
  const TokenizerPtr t = small_tokenizer(Pattern::gpt2);
  const Ids ids = t->encode(small_text());
  const std::string vocab = folder.write("two/vocab.json", vocab_json(*t));
  EXPECT_THAT(error_of([&] { open_tokenizer(vocab); }, ExitCode::content), HasSubstr("merges.txt"));
  const std::string merges = folder.write("two/merges.txt", merges_txt(*t));
  for (const std::string& path : {vocab, merges, folder / "two"})
    EXPECT_EQ(open_tokenizer(path)->encode(small_text()), ids) << path;
  folder.write("one/tokenizer.json", huggingface_tokenizer_json(*t));
  EXPECT_EQ(open_tokenizer(folder / "one")->encode(small_text()), ids);
}

}   // namespace
}   // namespace glass::test
