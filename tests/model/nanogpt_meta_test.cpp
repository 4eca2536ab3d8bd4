// nanoGPT's meta.pkl: the letters it holds, and everything that is not such a file.
#include "model/tokenizer/nanogpt_meta.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/model/scratch.h"

namespace glass::test {
namespace {

using testing::HasSubstr;
using std::string_literals::operator""s;

// A meta.pkl by hand, with the steps that Python writes from protocol 2 on: text X, number K or M.
struct Pickle {
  std::string bytes = "\x80\x02"s;
  Pickle& op(const std::string& more) { return bytes += more, *this; }
  Pickle& text(const std::string& text) {
    bytes += 'X';
    for (int k = 0; k < 4; ++k) bytes += static_cast<char>(text.size() >> (8 * k));
    return op(text);
  }
  Pickle& number(std::size_t n) {
    if (n < 256) return op("K"s + static_cast<char>(n));
    return op("M"s + static_cast<char>(n) + static_cast<char>(n >> 8));
  }
};

struct Letter {
  std::size_t id;
  std::string letter;
};

std::string meta(std::size_t size, const std::vector<Letter>& itos,
                 const std::vector<Letter>& stoi) {
  Pickle p;
  p.op("}(").text("vocab_size").number(size).text("itos").op("}(");
  for (const Letter& l : itos) p.number(l.id).text(l.letter);
  p.op("u").text("stoi").op("}(");
  for (const Letter& l : stoi) p.text(l.letter).number(l.id);
  return p.op("uu.").bytes;
}

std::string said(const std::string& bytes) {
  return error_of([&] { tokenizer_from_meta_pkl(bytes, "meta.pkl"); }, ExitCode::content);
}

TEST(NanoGptMeta, TheLettersHaveTheNumbersOfItos) {
  const std::vector<Letter> letters = {{0, "\n"}, {1, "b"}, {2, "\u00e9"}, {3, "a"}};
  const TokenizerPtr t = tokenizer_from_meta_pkl(meta(4, letters, letters), "meta.pkl");
  EXPECT_EQ(t->spec(), "char");
  EXPECT_THAT(t->encode("ab\u00e9"), testing::ElementsAre(3, 1, 2));
}

TEST(NanoGptMeta, MoreThan256LettersAreRead) {
  std::vector<Letter> letters;
  for (std::size_t i = 0; i < 600; ++i) {
    const auto c = static_cast<char>(0x80 | (i & 0x3f));
    letters.push_back({i, {static_cast<char>(0xd0 + (i >> 6)), c}});
  }
  EXPECT_EQ(tokenizer_from_meta_pkl(meta(600, letters, letters), "m")->vocab_size(), 600);
}

TEST(NanoGptMeta, ContradictionsAreRefused) {
  const std::vector<Letter> ab = {{0, "a"}, {1, "b"}};
  EXPECT_THAT(said(meta(3, ab, ab)), HasSubstr("vocab_size is not the number of letters"));
  EXPECT_THAT(said(meta(2, ab, {{1, "a"}, {0, "b"}})), HasSubstr("contradict"));
  EXPECT_THAT(said(meta(2, ab, {{0, "a"}})), HasSubstr("differ in size"));
  EXPECT_THAT(said(meta(2, {{0, "a"}, {0, "b"}}, ab)), HasSubstr("each once"));
  EXPECT_THAT(said(meta(2, {{0, "a"}, {2, "b"}}, ab)), HasSubstr("each once"));
  EXPECT_THAT(said(meta(2, {{0, "a"}, {1, "bc"}}, ab)), HasSubstr("not one letter"));
  EXPECT_THAT(said(meta(1, {{0, "\xff"}}, {{0, "\xff"}})), HasSubstr("not one letter"));
  EXPECT_THAT(said(meta(2, {{0, "a"}, {1, "a"}}, {{0, "a"}, {1, "a"}})),
              testing::AnyOf(HasSubstr("contradict"), HasSubstr("twice")));
}

// What makes pickles dangerous: steps that import and call. And what makes them wrong.
TEST(NanoGptMeta, OnlyTheStepsOfSuchAFileAreKnown) {
  EXPECT_THAT(said("\x80\x04"
                   "cos\nsystem\n(S'true'\ntR."s),
              HasSubstr("step 0x63 of a pickle"));
  EXPECT_THAT(said("\x80\x04\x8c\x02os\x8c\x06system\x93."s), HasSubstr("step 0x93"));
  EXPECT_THAT(said("\x80\x04(lp0\n."s), HasSubstr("step 0x6c"));
  EXPECT_THAT(said("\x80\x09}."s), HasSubstr("protocol"));
  EXPECT_THAT(said("not a pickle"), HasSubstr("step 0x6e"));
}

TEST(NanoGptMeta, BrokenMachinesAreRefusedNotRun) {
  EXPECT_THAT(said(""), HasSubstr("cut short"));
  EXPECT_THAT(said("\x80\x02}"s), HasSubstr("cut short"));
  EXPECT_THAT(said("\x80\x02."s), HasSubstr("ends with 0 values"));
  EXPECT_THAT(said("\x80\x02}}."s), HasSubstr("ends with 2 values"));
  EXPECT_THAT(said("\x80\x02}.x"s), HasSubstr("something follows"));
  EXPECT_THAT(said("\x80\x02K\x01."s), HasSubstr("a dictionary is expected"));
  EXPECT_THAT(said("\x80\x02u."s), HasSubstr("a mark is missing"));
  EXPECT_THAT(said("\x80\x02(u."s), HasSubstr("no value"));
  EXPECT_THAT(said("\x80\x02}(K\x01u."s), HasSubstr("no value"));
  EXPECT_THAT(said("\x80\x02K\x01K\x01K\x01s."s), HasSubstr("no dictionary"));
  EXPECT_THAT(said("\x80\x02s."s), HasSubstr("no value"));
  EXPECT_THAT(said("\x80\x02h\x07."s), HasSubstr("never stored"));
  EXPECT_THAT(said("\x80\x02\x94."s), HasSubstr("a value is missing"));
  EXPECT_THAT(said("\x80\x02X\xff\xff\xff\xff"
                   "a"s),
              HasSubstr("longer than any letter"));
  EXPECT_THAT(said("\x80\x02X\x05\x00\x00\x00"
                   "a"s),
              HasSubstr("cut short"));
  EXPECT_THAT(said("\x80\x02}((K\x01u."s), HasSubstr("no value"));
  EXPECT_THAT(said("\x80\x02}."s), HasSubstr("has no vocab_size"));
}

TEST(NanoGptMeta, EveryPrefixOfAFileIsRefused) {
  const std::vector<Letter> letters = {{0, "a"}, {1, "b"}};
  const std::string whole = meta(2, letters, letters);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THAT(said(whole.substr(0, size)), HasSubstr("meta.pkl")) << size << " bytes";
}

}   // namespace
}   // namespace glass::test
