// Sequences that repeat: what can be known in them, at which distances, and that nobody needs to
// store them.
#include "model/random_repeats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/base/error.h"
#include "engine/ops.h"
#include "model/corpora/corpora.h"
#include "model/dataset.h"
#include "model/evaluate.h"
#include "tests/model/scratch.h"
#include "tests/model/small_run.h"

namespace glass::test {
namespace {

using testing::HasSubstr;

using Ids = std::vector<std::int32_t>;

struct Sequence {
  Ids inputs, targets;
};

std::vector<Sequence> sequences_of(const Samples& samples, std::int64_t first, std::int64_t count) {
  const auto T = samples.T(), B = samples.B();
  std::vector<Sequence> all;
  Ids inputs(static_cast<std::size_t>(B * T)), targets(inputs.size());
  for (std::int64_t g = first; g < first + count; g += B) {
    samples.fill(g, inputs, targets);
    for (std::int64_t b = 0; b < B; ++b) {
      all.push_back({Ids(inputs.begin() + b * T, inputs.begin() + (b + 1) * T),
                     Ids(targets.begin() + b * T, targets.begin() + (b + 1) * T)});
    }
  }
  return all;
}

// How far back the two tokens before `at` last stood side by side; 0: nowhere.
std::size_t distance(const Ids& ids, std::size_t at) {
  for (std::size_t d = 1; d < at; ++d)
    if (ids[at] == ids[at - d] && ids[at - 1] == ids[at - 1 - d]) return d;
  return 0;
}

TEST(RandomRepeats, ASequenceIsAFunctionOfSeedAndNumber) {
  const RandomRepeats four(4, 64, 7), one(1, 64, 7), other(1, 64, 8);
  const std::vector<Sequence> many = sequences_of(four, 1000, 8);
  for (std::int64_t i = 0; i < 8; ++i) {
    const Sequence alone = sequences_of(one, 1000 + i, 1)[0];
    EXPECT_EQ(many[static_cast<std::size_t>(i)].inputs, alone.inputs) << "sequence " << 1000 + i;
    EXPECT_NE(sequences_of(other, 1000 + i, 1)[0].inputs, alone.inputs) << "sequence " << 1000 + i;
  }
}

TEST(RandomRepeats, BeginWithTokenZeroAndAskForTheNextToken) {
  for (const Sequence& s : sequences_of(RandomRepeats(10, 64, 1), 0, 500)) {
    EXPECT_EQ(s.inputs[0], 0);
    EXPECT_TRUE(std::equal(s.inputs.begin() + 1, s.inputs.end(), s.targets.begin()));
    for (const std::int32_t id : s.targets) ASSERT_TRUE(id >= 1 && id <= kRepeatSymbols) << id;
  }
}

TEST(RandomRepeats, ComeBackFromEveryDistanceButTheOneHeldOut) {
  std::map<std::size_t, int> found;
  for (const Sequence& s : sequences_of(RandomRepeats(10, 64, 1), 0, 4000))
    for (std::size_t i = 2; i < s.inputs.size(); ++i) ++found[distance(s.inputs, i)];
  ASSERT_EQ(held_out_length(64), 30);
  for (std::size_t d = 4; d <= 36; ++d) {
    if (d == 30) continue;
    EXPECT_GT(found[d], 300) << "distance " << d;
  }
  // Two random tokens that stood side by side by chance: 1 / 64^2 at every place there is.
  EXPECT_LT(found[30], 60) << "beside " << found[29] << " and " << found[31];
}

TEST(RandomRepeats, NothingThatRepeatsHasATokenTwice) {
  int checked = 0, twice = 0;
  for (const Sequence& s : sequences_of(RandomRepeats(10, 64, 3), 0, 500)) {
    const std::size_t end = s.inputs.size() - 1, d = distance(s.inputs, end);
    if (d == 0 || distance(s.inputs, end - 1) != d) continue;
    std::size_t length = 2;
    while (length < d && s.inputs[end - length] == s.inputs[end - length - d]) ++length;
    const std::set<std::int32_t> tokens(s.inputs.end() - static_cast<std::ptrdiff_t>(length),
                                        s.inputs.end());
    ++checked, twice += tokens.size() != length;
  }
  EXPECT_GT(checked, 200);
  // One gap in 64 ends with the token that the gap before ended with, and looks like a part of it.
  EXPECT_LE(twice, checked / 20);
}

TEST(HeldOutRepeats, AskOnlyForWhatCanBeKnown) {
  for (const std::int64_t T : {16, 33, 64, 128}) {
    const auto N = static_cast<std::size_t>(held_out_length(T));
    for (const Sequence& s : sequences_of(HeldOutRepeats(4, T), 0, HeldOutRepeats::kCount)) {
      EXPECT_EQ(s.inputs[0], 0);
      for (std::size_t i = 0; i < s.targets.size(); ++i) {
        if (i <= N) EXPECT_EQ(s.targets[i], kIgnore) << "T " << T << ", place " << i;
        else EXPECT_EQ(s.targets[i], s.inputs[i + 1 - N]) << "T " << T << ", place " << i;
      }
      EXPECT_EQ(std::set<std::int32_t>(s.inputs.begin() + 1,
                                       s.inputs.begin() + 1 + static_cast<std::ptrdiff_t>(N))
                    .size(),
                N);
    }
  }
}

TEST(RandomRepeats, NeedRoom) {
  EXPECT_THAT(error_of([] { RandomRepeats(1, 15, 1); }, ExitCode::usage),
              HasSubstr("--block-size must be at least 16, not 15"));
  EXPECT_THAT(error_of([] { HeldOutRepeats(1, 8); }, ExitCode::usage), HasSubstr("not 8"));
}

TEST(RandomRepeats, TheirTokenizerTravelsWithTheTokenThatBeginsASequence) {
  const TokenizerPtr before = repeat_tokenizer();
  EXPECT_EQ(before->vocab_size(), kRepeatVocabulary);
  EXPECT_EQ(before->end_of_text(), 0);
  const TokenizerPtr after = tokenizer_from_json(before->to_json(), "the test");
  EXPECT_EQ(after->end_of_text(), 0);
  EXPECT_EQ(after->to_json(), before->to_json());
  EXPECT_EQ(after->encode("A+-"), (Ids{1, 63, 64}));
  EXPECT_EQ(tokenizer_from_json(R"({"type":"char","letters":"ab"})", "x")->end_of_text(), -1);
  EXPECT_THAT(
      error_of(
          [] { tokenizer_from_json(R"({"type":"char","letters":"ab","end_of_text":2})", "x"); },
          ExitCode::content),
      HasSubstr("end_of_text"));
}

TEST(RandomRepeats, AsATextAreLinesOfTheSameSequences) {
  const std::string line = find_corpus("induction")->document(5, 7);
  Ids inputs(64), targets(64);
  RandomRepeats(1, 64, 5).fill(7, inputs, targets);
  EXPECT_EQ(repeat_tokenizer()->encode(line), targets);
}

TEST(OpenDataset, InductionIsMadeWhileItIsAskedFor) {
  DataOptions options{.source = "induction"};
  const Dataset data = open_dataset(options);
  EXPECT_EQ(data.vocab_size, 65);
  EXPECT_EQ(data.digest, open_dataset(options).digest);
  EXPECT_EQ(samples_of(data, Split::train, 2, 64, 1)->count(), Samples::kEndless);
  const CorpusEntropy lines = corpus_entropy(data);
  EXPECT_NEAR(lines.unigram, lines.uniform, 0.03) << "every token occurs equally often";
  EXPECT_GT(lines.bigram, 0.95 * lines.uniform) << "and the last one says nothing about the next";
  options.tokenizer = "bytes";
  EXPECT_THAT(error_of([&] { open_dataset(options); }, ExitCode::usage), HasSubstr("--tokenizer"));
  options.tokenizer = "char";
  options.use = make_tokenizer("char", "abc", "t");
  EXPECT_THAT(error_of([&] { open_dataset(options); }, ExitCode::content),
              HasSubstr("learned others"));
}

// A model of one layer that always says the token it reads would be right where a token follows
// itself; here it never does.
TEST(Answers, CountTheLikeliestTokenWhereSomethingIsAsked) {
  GPTConfig config = preset("induction");
  config.vocab_size = kRepeatVocabulary, config.block_size = 32;
  const auto model = make_model(config, make_backend("cpu", "auto", 1), DType::f32, 1);
  const HeldOutRepeats samples(8, 32);
  const Answers seen = answers(*model, samples);
  EXPECT_EQ(seen.asked, HeldOutRepeats::kCount * (32 - 1 - held_out_length(32)));
  EXPECT_GT(seen.loss, 3.5) << "a new model knows nothing";
  EXPECT_LT(seen.accuracy, 0.1);
  const Answers some = answers(*model, samples, 9);
  EXPECT_EQ(some.asked, 16 * (32 - 1 - held_out_length(32))) << "whole batches";
}

}   // namespace
}   // namespace glass::test
