// Reading token by token with a cache of keys and values is reading everything at once: the same
// logits, and so the same text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "engine/base/error.h"
#include "model/gpt.h"
#include "model/kv_cache.h"
#include "tests/engine/devices.h"
#include "tests/model/small_presets.h"
#include "tests/model/watcher.h"

namespace glass {
namespace {

using testing::gap;
using testing::SmallPreset;
using testing::Subject;
using testing::Watcher;

Tensor columns(const Tensor& ids, std::int64_t from, std::int64_t to) {
  return contiguous(slice(ids, 1, from, to));
}

// Logits (B,T,V) of ids that are read in pieces of these lengths.
std::vector<double> read_in_pieces(const Subject& subject,
                                   const std::vector<std::int64_t>& pieces) {
  KVCache cache(subject.model->config(), subject.model->device(), subject.model->dtype(),
                subject.ids.dim(0));
  Tensor all;
  std::int64_t read = 0;
  for (std::int64_t n : pieces) {
    Pass pass;
    pass.cache = &cache;
    const Tensor logits = subject.model->logits(pass, columns(subject.ids, read, read + n));
    all = all ? concat({all, logits}, 1) : logits;
    read += n;
    EXPECT_EQ(cache.length(), read);
  }
  return all.to_host();
}

const std::vector<std::vector<std::int64_t>> kPieces = {
    {16}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {5, 1, 7, 3}, {15, 1}};

// In double every sum runs over the same numbers in the same order, so not a bit may differ.
TEST(KvCache, GivesTheLogitsOfReadingAllAtOnceExactlyInDouble) {
  for (const SmallPreset& family : testing::small_families()) {
    const Subject subject(family.model, testing::reference(), DType::f64);
    const std::vector<double> at_once = subject.logits();
    for (const std::vector<std::int64_t>& pieces : kPieces) {
      EXPECT_EQ(read_in_pieces(subject, pieces), at_once)
          << family.name << ", " << ::testing::PrintToString(pieces);
    }
  }
}

TEST(KvCache, GivesTheLogitsOfReadingAllAtOnceInFloat) {
  const DeviceInfo processor = list_devices().front();
  for (const std::string& isa : processor.isas) {
    for (const SmallPreset& family : testing::small_families()) {
      const Subject subject(family.model, testing::cpu(isa), DType::f32);
      const std::vector<double> at_once = subject.logits();
      for (const std::vector<std::int64_t>& pieces : kPieces) {
        EXPECT_LE(gap(read_in_pieces(subject, pieces), at_once), 1e-5)
            << isa << ", " << family.name << ", " << ::testing::PrintToString(pieces);
      }
    }
  }
}

TEST(KvCache, ForgetsWhatCameAfter) {
  for (const SmallPreset& family : testing::small_families()) {
    const Subject subject(family.model, testing::reference(), DType::f64);
    KVCache cache(family.model, testing::reference(), DType::f64, 2);
    const auto read = [&](std::int64_t from, std::int64_t to) {
      Pass pass;
      pass.cache = &cache;
      return subject.model->logits(pass, columns(subject.ids, from, to)).to_host();
    };
    read(0, 4);
    const std::vector<double> first = read(4, 9);
    cache.rewind(4);
    EXPECT_EQ(cache.room(), 12) << family.name;
    read(11, 14);
    cache.rewind(4);
    EXPECT_EQ(read(4, 9), first) << family.name;
  }
}

TEST(KvCache, RefusesWhatItHasNoRoomFor) {
  const SmallPreset family = testing::small_families().front();
  const Subject subject(family.model, testing::reference(), DType::f64);
  const auto read = [&](std::int64_t capacity, std::int64_t tokens) {
    KVCache cache(family.model, testing::reference(), DType::f64, 2, capacity);
    Pass pass;
    pass.cache = &cache;
    subject.model->logits(pass, columns(subject.ids, 0, tokens));
    return testing::message_of<ShapeError>(
        [&] { subject.model->logits(pass, columns(subject.ids, 0, 1)); });
  };
  EXPECT_EQ(read(5, 4), "");
  EXPECT_THAT(read(4, 4), ::testing::HasSubstr("room for 0 more positions"));
  EXPECT_THAT(read(20, 16), ::testing::HasSubstr("reads 16 tokens at most, not 17"));
}

// A query in a cache sees all keys: its row of the pattern is the row of the whole square.
TEST(KvCache, ShowsTheRowsOfThePattern) {
  for (const SmallPreset& family : testing::small_families()) {
    const Subject subject(family.model, testing::reference(), DType::f64);
    const std::string name = "blocks.1.attn.hook_pattern";
    Watcher whole(name), last(name);
    subject.logits(&whole);
    KVCache cache(family.model, testing::reference(), DType::f64, 2);
    Pass prefill, pass(nullptr, &last);
    prefill.cache = pass.cache = &cache;
    subject.model->logits(prefill, columns(subject.ids, 0, 15));
    subject.model->logits(pass, columns(subject.ids, 15, 16));
    const std::vector<double> row = slice(whole.seen.at(name), 2, 15, 16).to_host();
    EXPECT_LE(gap(last.seen.at(name).to_host(), row), 1e-13) << family.name;
  }
}

TEST(Gpt, ReadsTheLastPositionAloneAsItReadsAll) {
  for (const SmallPreset& family : testing::small_families()) {
    const Subject subject(family.model, testing::reference(), DType::f64);
    Pass all, last;
    const Tensor logits = subject.model->logits(all, subject.ids);
    const Tensor end = subject.model->logits(last, subject.ids, Positions::last);
    EXPECT_EQ(end.shape(), (Shape{2, 1, 29})) << family.name;
    EXPECT_EQ(end.to_host(), slice(logits, 1, 15, 16).to_host()) << family.name;
  }
}

TEST(Gpt, IsTheSumOfItsParts) {
  for (const SmallPreset& family : testing::small_families()) {
    const Subject subject(family.model, testing::reference(), DType::f64);
    GPT& gpt = dynamic_cast<GPT&>(*subject.model);
    Pass pass;
    const Tensor first = gpt.run(pass, gpt.embed(pass, subject.ids), 0, 1);
    EXPECT_EQ(gpt.head(pass, gpt.run(pass, first, 1, 2)).to_host(), subject.logits())
        << family.name;
  }
}

std::int32_t best(const std::vector<double>& logits) {
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// From one token, always the most likely next one; `cache` or everything again for each token.
std::vector<std::int32_t> greedy(const Subject& subject, KVCache* cache) {
  const std::int64_t T = subject.model->config().block_size;
  std::vector<std::int32_t> text = {1};
  while (static_cast<std::int64_t>(text.size()) < T) {
    const std::vector<std::int32_t> fresh = cache ? std::vector<std::int32_t>{text.back()} : text;
    Pass pass;
    pass.cache = cache;
    const Tensor ids =
        Tensor::ids(subject.model->device(), fresh, {1, static_cast<std::int64_t>(fresh.size())});
    text.push_back(best(subject.model->logits(pass, ids, Positions::last).to_host()));
  }
  return text;
}

// Long enough to be worth a cache. A tied head with random weights says its last token again and
// again, so here none is tied.
std::vector<SmallPreset> writers() {
  std::vector<SmallPreset> all = testing::small_families();
  for (SmallPreset& family : all) family.model.block_size = 257, family.model.tie = false;
  return all;
}

std::size_t variety(const std::vector<std::int32_t>& text) {
  return std::set<std::int32_t>(text.begin(), text.end()).size();
}

// Rope, grouped queries and a window are among them. In float the two best logits may be so near
// that their order is a matter of rounding; with these weights they are not.
TEST(KvCache, WritesTheSame256Tokens) {
  for (const SmallPreset& family : writers()) {
    const Subject subject(family.model, testing::cpu(), DType::f32, 1);
    KVCache cache(family.model, subject.model->device(), DType::f32);
    const std::vector<std::int32_t> without = greedy(subject, nullptr);
    EXPECT_EQ(greedy(subject, &cache), without) << family.name;
    EXPECT_GT(variety(without), 3u) << family.name << " says too little to be a test";
  }
}

// Without a cache in double, all 256 choices can be read off one forward over the text: exactly.
TEST(KvCache, WritesTheSame256TokensExactlyInDouble) {
  for (const SmallPreset& family : writers()) {
    const Subject subject(family.model, testing::reference(), DType::f64, 1);
    KVCache cache(family.model, testing::reference(), DType::f64);
    const std::vector<std::int32_t> text = greedy(subject, &cache);
    Pass pass;
    const Tensor ids = Tensor::ids(testing::reference(), text, {1, 257});
    const std::vector<double> logits = subject.model->logits(pass, ids).to_host();
    std::vector<std::int32_t> read = {text[0]};
    for (auto row = logits.begin(); read.size() < text.size(); row += 29) {
      read.push_back(best({row, row + 29}));
    }
    EXPECT_EQ(read, text) << family.name;
    EXPECT_GT(variety(text), 3u) << family.name << " says too little to be a test";
  }
}

}   // namespace
}   // namespace glass
