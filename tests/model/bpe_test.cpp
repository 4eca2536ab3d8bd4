// Byte-pair encoding against its definition: training and encoding written again in the most
// obvious way, on many small texts.
#include "model/tokenizer/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <thread>

#include "kernels/random.h"
#include "model/tokenizer/split.h"
#include "tests/model/scratch.h"

namespace glass::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Text number `seed` over these letters.
std::string random_text(std::uint64_t seed, std::string_view letters, std::uint32_t size) {
  std::string text;
  for (std::uint32_t i = 0; i < size; ++i)
    text += letters[philox({seed, 1, 0, 0}, i).x[0] % letters.size()];
  return text;
}

std::string random_bytes(std::uint64_t seed, std::uint32_t size) {
  std::string text;
  for (std::uint32_t i = 0; i < size; ++i)
    text += static_cast<char>(philox({seed, 2, 0, 0}, i).x[0] & 0xff);
  return text;
}

std::vector<std::string> pieces_of(std::string_view text) {
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < text.size(); at += pieces.back().size())
    pieces.emplace_back(text.substr(at, end_of_piece(Pattern::gpt2, text, at) - at));
  return pieces;
}

using Ids = std::vector<std::int32_t>;

Ids bytes_as_ids(std::string_view piece) {
  Ids ids;
  for (const char c : piece) ids.push_back(bpe_byte_ids()[static_cast<unsigned char>(c)]);
  return ids;
}

Ids glued(const Ids& ids, BpeMerge merge, std::int32_t id) {
  Ids out;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const bool here = i + 1 < ids.size() && ids[i] == merge.left && ids[i + 1] == merge.right;
    out.push_back(here ? id : ids[i]);
    i += here;
  }
  return out;
}

// Every pair of the whole text is counted again before every merge.
struct Obvious {
  std::vector<BpeMerge> merges;
  std::vector<std::int64_t> counts;   // of the pair that each merge glued
};
Obvious train_obviously(std::string_view text, int vocab_size) {
  std::vector<Ids> pieces;
  for (const std::string& piece : pieces_of(text)) pieces.push_back(bytes_as_ids(piece));
  Obvious out;
  for (std::int32_t id = kBpeFirstMerge; id < vocab_size; ++id) {
    std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t> counts;
    for (const Ids& ids : pieces)
      for (std::size_t i = 1; i < ids.size(); ++i) ++counts[{ids[i - 1], ids[i]}];
    const std::pair<const std::pair<std::int32_t, std::int32_t>, std::int64_t>* best = nullptr;
    for (const auto& entry : counts)   // in the order of the ids, so the first of equals wins
      if (best == nullptr || entry.second > best->second) best = &entry;
    if (best == nullptr || best->second < 2) break;
    const BpeMerge merge{best->first.first, best->first.second};
    out.merges.push_back(merge);
    out.counts.push_back(best->second);
    for (Ids& ids : pieces) ids = glued(ids, merge, id);
  }
  return out;
}

// The definition: apply the merges to each piece, one after the other, in their order.
Ids encode_obviously(const BpeTokenizer& t, std::string_view text) {
  Ids all;
  for (const std::string& piece : pieces_of(text)) {
    Ids ids = bytes_as_ids(piece);
    for (std::size_t i = 0; i < t.merges().size(); ++i)
      ids = glued(ids, t.merges()[i], kBpeFirstMerge + static_cast<std::int32_t>(i));
    all.insert(all.end(), ids.begin(), ids.end());
  }
  return all;
}

std::vector<BpeMerge> train(std::string_view text, int vocab_size) {
  return train_bpe(std::span(&text, 1), vocab_size);
}

std::vector<std::pair<int, int>> as_pairs(const std::vector<BpeMerge>& merges) {
  std::vector<std::pair<int, int>> pairs;
  for (const BpeMerge& m : merges) pairs.emplace_back(m.left, m.right);
  return pairs;
}

struct TextCase {
  std::string_view letters;
  std::uint32_t size;
};
// Few letters make long runs and many ties; spaces make many pieces.
const TextCase kTexts[] = {{"a", 100},    {"ab", 60},      {"ab", 400},       {"aab ", 300},
                           {"abc ", 800}, {"abcde ", 900}, {"ab1 .\n'", 500}, {"\xc3\xa9 a", 300}};

TEST(BpeTraining, FindsTheSameMergesAsCountingEverythingAgain) {
  for (const TextCase& c : kTexts) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const std::string text = random_text(seed, c.letters, c.size);
      ASSERT_EQ(as_pairs(train(text, 320)), as_pairs(train_obviously(text, 320).merges))
          << "text " << seed << " of '" << c.letters << "': " << text;
    }
  }
}

TEST(BpeTraining, CountsNeverRise) {
  for (const TextCase& c : kTexts) {
    const Obvious trained = train_obviously(random_text(7, c.letters, c.size), 320);
    EXPECT_TRUE(std::is_sorted(trained.counts.rbegin(), trained.counts.rend())) << c.letters;
  }
}

TEST(BpeTraining, AmongEqualsTheSmallestIdsGoFirst) {
  // "ab", "cd" and "ca" occur twice each.
  const int a = bpe_byte_ids()['a'], b = bpe_byte_ids()['b'], c = bpe_byte_ids()['c'],
            d = bpe_byte_ids()['d'];
  EXPECT_THAT(as_pairs(train("cd\nab\nca\nab\ncd\nca", 260)),
              ElementsAre(std::pair(a, b), std::pair(c, a), std::pair(c, d)));
}

TEST(BpeTraining, StopsWhereNothingOccursTwice) {
  EXPECT_EQ(train("abcdefg", 300).size(), 0u);
  EXPECT_EQ(train("abab", 300).size(), 1u) << "ab; abab occurs once";
  EXPECT_EQ(train("", 300).size(), 0u);
}

TEST(BpeTraining, DocumentsDoNotTouch) {
  const std::string_view documents[] = {"a", "b", "a", "b"};
  EXPECT_EQ(train_bpe(documents, 300).size(), 0u);
}

TEST(BpeTraining, DoesNotDependOnTheOrderOfTheDocuments) {
  const std::string one = random_text(1, "abcd ", 500), two = random_text(2, "abcd ", 500);
  const std::string_view there[] = {one, two}, back[] = {two, one};
  EXPECT_EQ(as_pairs(train_bpe(there, 400)), as_pairs(train_bpe(back, 400)));
}

TEST(Bpe, EncodesAsTheMergesSayOneAfterTheOther) {
  for (const TextCase& c : kTexts) {
    const BpeTokenizer t(train(random_text(1, c.letters, c.size), 340), "test");
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const std::string text = random_text(100 + seed, c.letters, 300);
      ASSERT_EQ(t.encode(text), encode_obviously(t, text)) << "text " << seed << ": " << text;
    }
  }
}

TEST(Bpe, AnyBytesComeBack) {
  const BpeTokenizer t(train(random_text(1, "abc \xc3\xa9\xff", 2000), 400), "test");
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const std::string text = random_bytes(seed, static_cast<std::uint32_t>(seed * 7));
    ASSERT_EQ(t.decode(t.encode(text)), text) << "seed " << seed;
  }
}

TEST(Bpe, TheBytesComeInTheOrderOfGpt2) {
  const BpeTokenizer t(std::vector<BpeMerge>{}, "test");
  EXPECT_EQ(t.vocab_size(), 257);
  EXPECT_EQ(t.end_of_text(), 0);
  EXPECT_EQ(t.token(0), "<|endoftext|>");
  EXPECT_EQ(t.token(1), "!");
  EXPECT_EQ(t.token(94), "~");
  EXPECT_EQ(t.token(95), "\xa1");
  EXPECT_EQ(t.token(188), "\xff");
  EXPECT_EQ(t.token(189), std::string(1, '\0'));
  EXPECT_EQ(t.token(221), " ");
  EXPECT_EQ(t.token(256), "\xad");
}

TEST(Bpe, TextCannotSayTheSignBetweenDocuments) {
  const BpeTokenizer t(std::vector<BpeMerge>{}, "test");
  const Ids ids = t.encode("<|endoftext|>");
  EXPECT_EQ(ids.size(), 13u);
  EXPECT_THAT(ids, testing::Not(testing::Contains(0)));
}

TEST(Bpe, JsonKeepsWhatItMeans) {
  const std::string text = random_text(3, "abcde '\n", 2000);
  const TokenizerPtr t = make_tokenizer("bpe:300", text, "test");
  EXPECT_EQ(t->spec(), "bpe:300");
  const TokenizerPtr again = tokenizer_from_json(t->to_json(), "test");
  EXPECT_EQ(again->spec(), "bpe:300");
  EXPECT_EQ(again->encode(text), t->encode(text));
  EXPECT_EQ(again->end_of_text(), 0);
}

TEST(Bpe, ListsThatAreNoMergesAreRefused) {
  const auto said = [](const std::string& merges) {
    const std::string json = R"({"type": "bpe", "pattern": "gpt2", "merges": )" + merges + "}";
    return error_of([&] { tokenizer_from_json(json, "x.json"); }, ExitCode::content);
  };
  EXPECT_THAT(said("[[1, 257]]"), HasSubstr("number 0 (1, 257) glues something"));
  EXPECT_THAT(said("[[0, 1]]"), HasSubstr("glues something"));
  EXPECT_THAT(said("[[1, 2], [1, 2]]"), HasSubstr("number 1 (1, 2) comes twice"));
  EXPECT_THAT(said("[[1]]"), HasSubstr("list of pairs"));
  EXPECT_THAT(said("[1, 2]"), HasSubstr("list of pairs"));
  EXPECT_THAT(said("7"), HasSubstr("must be a list"));
  EXPECT_THAT(said("[[1, -2]]"), HasSubstr("x.json"));
  std::string doubling = "[[1, 1]";
  for (int id = 257; id < 300; ++id)
    doubling += ", [" + std::to_string(id) + ", " + std::to_string(id) + "]";
  EXPECT_THAT(said(doubling + "]"), HasSubstr("too long"));
  EXPECT_THAT(error_of([] { tokenizer_from_json(R"({"type": "bpe", "pattern": "words"})", "x"); },
                       ExitCode::content),
              HasSubstr("'words'"));
}

TEST(Bpe, ASizeThatCannotBeIsRefused) {
  for (const char* spec :
       {"bpe:", "bpe:256", "bpe:abc", "bpe:-1", "bpe:1000001", "bpe:1e3", "bpe:300 "})
    EXPECT_THAT(error_of([&] { make_tokenizer(spec, "abc", "t"); }, ExitCode::usage),
                HasSubstr("from 257 to 1,000,000"));
  EXPECT_EQ(make_tokenizer("bpe:257", "abc", "t")->vocab_size(), 257);
}

// A run of one letter is one piece, where every algorithm that rescans a piece takes a million
// times a million steps: days.
TEST(Bpe, AMillionTimesTheSameLetterIsOneQuickPiece) {
  const std::string text(1'000'000, 'a');
  const BpeTokenizer t(train(text, 2048), "test");
  const Ids ids = t.encode(text);
  EXPECT_EQ(t.decode(ids), text);
  EXPECT_LT(ids.size(), 20u) << "a million has seven ones in binary";
}

TEST(Bpe, SeveralThreadsMayEncodeAtOnce) {
  const std::string text = random_text(5, "abcdef ", 5000);
  const BpeTokenizer t(train(text, 400), "test");
  const Ids expected = BpeTokenizer(t.merges(), "test").encode(text);
  std::vector<Ids> seen(4);
  std::vector<std::thread> threads;
  for (Ids& ids : seen) threads.emplace_back([&ids, &t, &text] { ids = t.encode(text); });
  for (std::thread& thread : threads) thread.join();
  for (const Ids& ids : seen) EXPECT_EQ(ids, expected);
}

}   // namespace
}   // namespace glass::test
