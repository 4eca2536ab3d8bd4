// Tokenizers of ranks: the merging against the definition, the files against everything that can be
// wrong with them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <map>
#include <optional>
#include <random>
#include <set>

#include "engine/base/text.h"
#include "model/tokenizer/compact.h"
#include "model/tokenizer/open.h"
#include "model/tokenizer/rank_file.h"
#include "tests/model/scratch.h"
#include "tests/model/small_ranks.h"

namespace glass::test {
namespace {

using Ids = std::vector<std::int32_t>;
using testing::HasSubstr;

std::string random_text(std::mt19937_64& random, std::string_view letters, std::size_t size) {
  std::string text;
  while (text.size() < size) text += letters[random() % letters.size()];
  return text;
}

// The definition: a piece that is a token is that token; else, as long as there are two neighbours
// that are a token together, glue those of the lowest rank, and among equals the leftmost.
Ids encode_by_definition(const std::vector<std::string>& ranks, Pattern pattern,
                         std::string_view text) {
  std::map<std::string, std::int32_t> rank_of;
  for (const std::string& token : ranks)
    rank_of.emplace(token, static_cast<std::int32_t>(rank_of.size()));
  rank_of.clear();
  for (std::size_t i = 0; i < ranks.size(); ++i) rank_of[ranks[i]] = static_cast<std::int32_t>(i);
  Ids ids;
  for (std::size_t at = 0, end = 0; at < text.size(); at = end) {
    end = end_of_piece(pattern, text, at);
    const std::string piece(text.substr(at, end - at));
    if (const auto whole = rank_of.find(piece); whole != rank_of.end()) {
      ids.push_back(whole->second);
      continue;
    }
    std::vector<std::string> parts;
    for (const char c : piece) parts.emplace_back(1, c);
    for (;;) {
      std::size_t best = parts.size();
      std::int32_t lowest = 0x7fffffff;
      for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        const auto found = rank_of.find(parts[i] + parts[i + 1]);
        if (found != rank_of.end() && found->second < lowest) best = i, lowest = found->second;
      }
      if (best == parts.size()) break;
      parts[best] += parts[best + 1];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
    for (const std::string& part : parts) ids.push_back(rank_of.at(part));
  }
  return ids;
}

TEST(Ranks, MergeAsTheDefinitionSays) {
  std::mt19937_64 random(5);
  for (const Pattern pattern : {Pattern::gpt2, Pattern::cl100k, Pattern::o200k}) {
    for (const char* letters : {"ab", "aab c", "abcde ", "a", "The hedg'l 12\n"}) {
      // Ranks in a mixed order, too: not every table was made by training.
      std::vector<std::string> ranks = small_ranks(330, random_text(random, letters, 600));
      for (const bool mixed : {false, true}) {
        if (mixed) std::shuffle(ranks.begin(), ranks.end(), random);
        const TokenizerPtr t = tokenizer_from_ranks(ranks, pattern, {}, "t", "t");
        for (std::size_t size : {1u, 5u, 40u, 95u, 96u, 97u, 150u, 300u}) {
          const std::string text = random_text(random, letters, size);
          ASSERT_EQ(t->encode(text), encode_by_definition(ranks, pattern, text))
              << pattern_name(pattern) << (mixed ? " mixed: " : ": ") << text;
        }
      }
    }
  }
}

TEST(Ranks, AnyBytesComeBackAndEveryIdIsOne) {
  const TokenizerPtr t = small_tokenizer();
  std::mt19937_64 random(6);
  for (std::size_t size = 0; size < 300; ++size) {
    std::string text;
    while (text.size() < size) text += static_cast<char>(random());
    const Ids ids = t->encode(text);
    ASSERT_EQ(t->decode(ids), text) << "size " << size;
    for (const std::int32_t id : ids) ASSERT_TRUE(id >= 0 && id < t->vocab_size());
  }
}

TEST(Ranks, WhatWasEncodedOnceIsEncodedTheSameAgain) {
  const TokenizerPtr t = small_tokenizer(), fresh = small_tokenizer();
  std::mt19937_64 random(7);
  std::string all;   // many pieces of every length, so that they drive each other out
  for (int i = 0; i < 30000; ++i)
    all += random_text(random, "abcdefghijklmnop", 1 + random() % 34) + " ";
  const Ids first = t->encode(all);
  EXPECT_EQ(t->encode(all), first);
  EXPECT_EQ(t->decode(first), all);
  EXPECT_EQ(fresh->encode(all), first);
}

TEST(Ranks, SpecialTokensAreTextUnlessTheyAreAskedFor) {
  const TokenizerPtr t = small_tokenizer();
  const int end = t->end_of_text();
  EXPECT_EQ(t->token(end), "<|endoftext|>");
  const std::string text = "a<|endoftext|><|endofprompt|>b<|endof";
  EXPECT_EQ(t->encode(text), encode_by_definition(small_ranks(400), Pattern::o200k, text));
  const Ids special = t->encode_special(text);
  EXPECT_EQ(special[1], end);
  EXPECT_EQ(special[2], end + 4);
  EXPECT_EQ(t->decode(special), text);
}

TEST(Ranks, IdsThatAreFreeStandForNothing) {
  const TokenizerPtr t = small_tokenizer();
  const int free = t->end_of_text() - 1;
  EXPECT_EQ(t->token(free), "");
  EXPECT_EQ(t->decode(Ids{'a', free, 'b'}), "ab");
}

TEST(Ranks, JsonKeepsWhatTheyMean) {
  const TokenizerPtr t = small_tokenizer(Pattern::cl100k);
  const TokenizerPtr again = tokenizer_from_json(t->to_json(), "x");
  EXPECT_EQ(again->to_json(), t->to_json());
  EXPECT_EQ(again->spec(), "small");
  EXPECT_EQ(again->vocab_size(), t->vocab_size());
  EXPECT_EQ(again->end_of_text(), t->end_of_text());
  const std::string text = small_text() + "<|endofprompt|>";
  EXPECT_EQ(again->encode_special(text), t->encode_special(text));
}

TEST(Ranks, JsonThatContradictsItselfIsRefused) {
  const std::string good = small_tokenizer()->to_json();
  const struct {
    std::string from, to, reason;
  } kLies[] = {{R"("o200k")", R"("words")", "'words'"},
               {R"("tokens": ")", R"("tokens": "*)", "base64"},
               {R"("tokens": ")", R"("tokens": "////////////////)", "too large"},
               {R"("ranks": )", R"("ranks": 9)", "ranks"},
               {R"("vocab_size": )", R"("vocab_size": 9)", "vocab_size"},
               {R"("<|endoftext|>")", R"("<|end|>")", "no place of its own"},
               {R"("name")", R"("kept": "AAAAAAAAAAAAAAAA//8D", "name")", "kept"}};
  for (const auto& lie : kLies) {
    const std::string json = replaced(good, lie.from, lie.to);
    EXPECT_THAT(error_of([&] { tokenizer_from_json(json, "x.json"); }, ExitCode::content),
                HasSubstr(lie.reason))
        << lie.to;
  }
}

// --- compact -------------------------------------------------------------------------------------

TEST(Compact, KeepsWhatOccursInItsOrder) {
  const TokenizerPtr full = small_tokenizer();
  const std::string text = "The hedgehog said: 12 apples";
  Ids ids = full->encode(text);
  const Ids before = ids;
  const TokenizerPtr compact = keep_what_occurs(*full, {&ids});
  EXPECT_EQ(compact->spec(), "small-compact");
  EXPECT_EQ(compact->encode(text), ids);
  EXPECT_EQ(compact->decode(ids), text);
  EXPECT_EQ(compact->end_of_text(), -1);
  for (std::size_t i = 0; i < ids.size(); ++i)
    for (std::size_t j = 0; j < ids.size(); ++j)
      EXPECT_EQ(ids[i] < ids[j], before[i] < before[j]) << "the order of the ids stays";
  EXPECT_EQ(std::set<std::int32_t>(ids.begin(), ids.end()).size(),
            static_cast<std::size_t>(compact->vocab_size()));
}

TEST(Compact, SaysWhatItDidNotKeep) {
  const TokenizerPtr full = small_tokenizer();
  Ids ids = full->encode("The hedgehog");
  const TokenizerPtr compact = keep_what_occurs(*full, {&ids});
  EXPECT_THAT(error_of([&] { compact->encode("The zebra"); }, ExitCode::content),
              testing::AllOf(HasSubstr("did not keep"), HasSubstr("zebra'")));
  EXPECT_THAT(error_of([&] { compact->encode_special("The<|endoftext|>"); }, ExitCode::content),
              HasSubstr("did not keep"));
}

TEST(Compact, JsonKeepsTheChoice) {
  const TokenizerPtr full = small_tokenizer();
  Ids ids = full->encode(small_text());
  const TokenizerPtr compact = keep_what_occurs(*full, {&ids});
  const TokenizerPtr again = tokenizer_from_json(compact->to_json(), "x");
  EXPECT_EQ(again->encode(small_text()), ids);
  EXPECT_EQ(again->to_json(), compact->to_json());
  EXPECT_EQ(again->spec(), "small-compact");
}

TEST(Compact, AlsoOfATokenizerThatWasTrainedHere) {
  const TokenizerPtr full = make_tokenizer("bpe:300", small_text(), "t");
  Ids ids = full->encode("The hedgehog");
  const TokenizerPtr compact = keep_what_occurs(*full, {&ids});
  EXPECT_EQ(compact->encode("The hedgehog"), ids);
  EXPECT_EQ(tokenizer_from_json(compact->to_json(), "x")->encode("The hedgehog"), ids);
  const TokenizerPtr letters = make_tokenizer("char", "abc", "t");
  Ids none = {0};
  EXPECT_THAT(error_of([&] { keep_what_occurs(*letters, {&none}); }, ExitCode::usage),
              HasSubstr("char"));
}

// --- files ---------------------------------------------------------------------------------------

TEST(RankFile, IsReadInAnyOrderOfItsLines) {
  const std::vector<std::string> ranks = small_ranks(300);
  std::string file = rank_file_of(ranks), turned;
  std::vector<std::string> lines = split(file, '\n');
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) turned += *line + "\r\n";
  EXPECT_EQ(read_ranks(file, "f"), ranks);
  EXPECT_EQ(read_ranks(turned, "f"), ranks);
}

TEST(RankFile, WhatIsWrongIsNamedWithItsLine) {
  const auto said = [](const std::string& file) {
    return error_of([&] { read_ranks(file, "'x.tiktoken'"); }, ExitCode::content);
  };
  EXPECT_THAT(said(""), HasSubstr("no tokens"));
  EXPECT_THAT(said("\n\n"), HasSubstr("no tokens"));
  EXPECT_THAT(said("IQ== 0\nIg==\n"), HasSubstr("line 2 has no space"));
  EXPECT_THAT(said("IQ== 0\n!!!! 1\n"), HasSubstr("line 2 does not begin with base64"));
  EXPECT_THAT(said("IQ 0\n"), HasSubstr("base64"));
  EXPECT_THAT(said("IR== 0\n"), HasSubstr("base64")) << "bits that say nothing must be 0";
  EXPECT_THAT(said("IQ==  0\n"), HasSubstr("no number"));
  EXPECT_THAT(said("IQ== 0 1\n"), HasSubstr("no number"));
  EXPECT_THAT(said("IQ== -1\n"), HasSubstr("no number"));
  EXPECT_THAT(said("IQ== 1e3\n"), HasSubstr("no number"));
  EXPECT_THAT(said("IQ== 99999999999999999999\n"), HasSubstr("no number"));
  EXPECT_THAT(said("IQ== 1\n"), HasSubstr("there are only 1 tokens"));
  EXPECT_THAT(said("IQ== 0\nIg== 0\n"), HasSubstr("rank 0 for the second time"));
  EXPECT_THAT(said(" 0\n"), HasSubstr("token of 0 bytes"));
  EXPECT_THAT(said(base64(std::string(1025, 'a')) + " 0\n"), HasSubstr("1025 bytes"));
  EXPECT_THAT(said(std::string(5000, 'A') + " 0\n"), HasSubstr("more than any token takes"));
}

TEST(RankFile, TokensTwiceAndBytesThatLackAreRefused) {
  std::vector<std::string> ranks = small_ranks(300);
  const auto said = [&] {
    return error_of([&] { tokenizer_from_ranks(ranks, Pattern::gpt2, {}, "t", "'t'"); },
                    ExitCode::content);
  };
  ranks[280] = ranks[270];
  EXPECT_THAT(said(), HasSubstr("twice, the second time with the rank 280"));
  ranks = small_ranks(300);
  ranks['q'] = "qqqqqqqq";
  EXPECT_THAT(said(), HasSubstr("no token for the byte 0x71"));
  EXPECT_THAT(
      error_of([] { tokenizer_from_ranks({}, Pattern::gpt2, {}, "t", "t"); }, ExitCode::content),
      HasSubstr("no tokens"));
  EXPECT_THAT(error_of(
                  [] {
                    tokenizer_from_ranks(small_ranks(300), Pattern::gpt2, {{"<|x|>", 7}}, "t", "t");
                  },
                  ExitCode::content),
              HasSubstr("not free"));
}

TEST(RankFile, ItsNameSaysThePatternWhereNobodyKnowsIt) {
  const Scratch folder;
  const std::string file = rank_file_of(small_ranks(300));
  EXPECT_THAT(
      error_of([&] { open_tokenizer(folder.write("mine.tiktoken", file)); }, ExitCode::content),
      HasSubstr("mine.cl100k.tiktoken"));
  const TokenizerPtr t = open_tokenizer(folder.write("mine.cl100k.tiktoken", file));
  EXPECT_THAT(t->to_json(), HasSubstr("\"pattern\": \"cl100k\""));
  EXPECT_EQ(t->spec(), "ranks:" + std::to_string(small_ranks(300).size()));
}

// A variable of the environment, for as long as this lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (old_) ::setenv(name_, old_->c_str(), 1);
    else ::unsetenv(name_);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

TEST(RankFile, AnEncodingWithoutItsFileSaysHowToGetIt) {
  const Scratch folder;
  const Variable data("GLASS_DATA", folder / "none"), home("XDG_DATA_HOME", folder / "none");
  const auto said = [&](const char* spec, ExitCode code) {
    return error_of([&] { make_tokenizer(spec, "text", "t", folder.path()); }, code);
  };
  EXPECT_THAT(said("gpt2", ExitCode::system), HasSubstr("glass data fetch r50k --run"));
  EXPECT_THAT(said("cl100k", ExitCode::system), HasSubstr("glass data fetch cl100k --run"));
  EXPECT_THAT(said("o200k-compact", ExitCode::system), HasSubstr("glass data fetch o200k --run"));
  folder.write("o200k_base.tiktoken", rank_file_of(small_ranks(300)));
  EXPECT_THAT(said("o200k", ExitCode::content), HasSubstr("not the file that everybody calls"));
}

}   // namespace
}   // namespace glass::test
