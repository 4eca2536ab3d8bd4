// What kind of head each is, on heads that were made to be of a kind, and on patterns written by
// hand.
#include "interp/heads/detectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/error.h"
#include "interp/heads/induction.h"
#include "kernels/backends.h"
#include "model/handmade.h"

namespace glass {
namespace {

HeadsResult result(const std::string& name, HeadsOptions options = {}) {
  const auto gpt =
      make_handmade(handmade("handmade:" + name).options, make_backend("cpu", "auto", 1));
  options.sequences = 4, options.random_models = std::min(options.random_models, 2);
  return heads_of({*gpt, symbols_tokenizer(64), {}}, options);
}

TEST(Detectors, KnowTheTwoHeadsOfTheInductionCircuit) {
  const HeadsResult r = result("induction");
  const HeadReading &before = r.heads[0], &induction = r.heads[4], &idle = r.heads[1];
  ASSERT_EQ(induction.name(), "1.0");
  EXPECT_NEAR(before[Detector::previous], 1, 1e-6);
  EXPECT_NEAR(before[Detector::positional], 1, 1e-6);
  EXPECT_EQ(before.label, "previous token");
  EXPECT_NEAR(induction[Detector::induction], 1, 1e-6);
  EXPECT_NEAR(induction[Detector::prefix], 1, 1e-6);
  EXPECT_NEAR(induction[Detector::duplicate], 0, 1e-6);
  EXPECT_EQ(induction.label, "induction");
  EXPECT_NEAR(idle[Detector::entropy], 1, 1e-5) << "everywhere alike";
  EXPECT_EQ(idle.label, "");
}

TEST(Detectors, SplitADuplicateWithItself) {
  const HeadsResult r = result("duplicate");
  EXPECT_NEAR(r.heads[0][Detector::duplicate], 0.5, 1e-6);
  EXPECT_NEAR(r.heads[0][Detector::induction], 0, 1e-6);
  EXPECT_EQ(r.heads[0].label, "duplicate token");
}

TEST(Detectors, DoNotCallAFixedDistanceInduction) {
  const HeadReading fake = result("positional-fake").heads[0];
  EXPECT_NEAR(fake[Detector::induction], 1, 1e-6);
  EXPECT_NEAR(fake[Detector::positional], 1, 1e-4);
  EXPECT_NE(fake.label, "induction");
}

TEST(Detectors, KnowWhoSpeaksAgainstWhatItFinds) {
  const HeadReading head = result("anti-copy").heads[4];
  EXPECT_NEAR(head[Detector::prefix], 1, 1e-6);
  EXPECT_LT(head.copy, 0);
  EXPECT_EQ(head.label, "anti-induction");
}

TEST(Detectors, GiveNoNamesWhereNobodyAskedChance) {
  HeadsOptions options;
  options.random_models = 0;
  for (const HeadReading& head : result("induction", options).heads) {
    EXPECT_EQ(head.label, "");
    EXPECT_TRUE(std::isnan(head.z[0]));
  }
}

// ---- a head that looks everywhere alike: every answer is a count --------------------------------

TEST(Detectors, CountOnAUniformHeadWhatOneCanCountByHand) {
  const auto gpt =
      make_handmade(handmade("handmade:uniform").options, make_backend("cpu", "auto", 1));
  //                                     0  1  2  3  4  5
  const ReadTexts texts{
      {{5, 7, 5, 8, 7, 5}}, {{false, true, false, false, true, false}}, {{{4, 1}}}};
  const Detected d = detect_in_texts(*gpt, texts);
  const auto mean = [](std::initializer_list<double> rows) {
    double sum = 0;
    for (const double row : rows) sum += row;
    return sum / static_cast<double>(rows.size());
  };
  const double by_row = mean({1. / 2, 1. / 3, 1. / 4, 1. / 5, 1. / 6});
  EXPECT_NEAR(d[Detector::current].at(0, 0), by_row, 1e-6);
  EXPECT_NEAR(d[Detector::previous].at(0, 0), by_row, 1e-6);
  EXPECT_NEAR(d[Detector::bos].at(0, 0), by_row, 1e-6);
  EXPECT_NEAR(d.late[0].at(0, 0), mean({1. / 4, 1. / 5, 1. / 6}), 1e-6);
  // Query 2 (a 5): behind the first 5 stands place 1. Query 4 (a 7): place 2. Query 5 (a 5): 1
  // and 3.
  EXPECT_NEAR(d[Detector::prefix].at(0, 0), mean({1. / 3, 1. / 5, 2. / 6}), 1e-6);
  EXPECT_NEAR(d[Detector::local].at(0, 0), mean({1, 1, 1, 1, 5. / 6}), 1e-6);
  EXPECT_NEAR(d[Detector::delimiter].at(0, 0), 0, 1e-6) << "nothing beyond their share";
  EXPECT_NEAR(d[Detector::entropy].at(0, 0), 1, 1e-6);
  EXPECT_NEAR(d[Detector::bracket].at(0, 0), 1. / 5, 1e-6);
}

// With a window, everywhere means everywhere in sight.
TEST(Detectors, CountWhatIsInSightOfAUniformHead) {
  GPTConfig c = preset("induction");
  c.vocab_size = 10, c.window = 3;
  GPT gpt(c, make_backend("cpu", "auto", 1), DType::f32, 3);
  for (Parameter* p : gpt.parameters())
    if (p->name.find("c_attn") != std::string::npos)
      p->value = Tensor::full(gpt.device(), p->value.shape(), 0);
  const Detected d = detect_in_texts(
      gpt, {{{5, 7, 5, 8, 7, 5}}, {{false, true, false, false, true, false}}, {{}}});
  EXPECT_NEAR(d[Detector::entropy].at(0, 0), 1, 1e-6);
  EXPECT_NEAR(d[Detector::delimiter].at(0, 0), 0, 1e-6);
  EXPECT_NEAR(d[Detector::bos].at(0, 0), (1. / 2 + 1. / 3) / 5, 1e-6) << "out of sight from row 3";
}

TEST(Detectors, ARepeatedTokenIsItsOwnSuccessor) {
  const auto gpt =
      make_handmade(handmade("handmade:uniform").options, make_backend("cpu", "auto", 1));
  const Detected d = detect_in_texts(*gpt, {{{3, 3, 4}}, {}, {}});
  EXPECT_NEAR(d[Detector::prefix].at(0, 0), 1. / 2, 1e-6) << "query 1 matches itself, j <= i";
  EXPECT_TRUE(std::isnan(d[Detector::delimiter].at(0, 0))) << "nobody knows what tokens mean";
}

TEST(Detectors, ReadBracketsAndDelimitersOffTheTokens) {
  const auto gpt =
      make_handmade(handmade("handmade:uniform").options, make_backend("cpu", "auto", 1));
  const TokenizerPtr letters = symbols_tokenizer(94);
  const Specimen specimen{*gpt, letters, {}};
  const std::vector<std::int32_t> ids = letters->encode("a(b[c])d)");
  const ReadTexts texts = read_texts(specimen, {ids});
  ASSERT_EQ(texts.brackets[0].size(), 2u);
  EXPECT_EQ(texts.brackets[0][0].query, 5);
  EXPECT_EQ(texts.brackets[0][0].target, 3);
  EXPECT_EQ(texts.brackets[0][1].query, 6);
  EXPECT_EQ(texts.brackets[0][1].target, 1);
  EXPECT_THAT(texts.delimiters[0],
              ::testing::ElementsAre(false, true, false, true, false, true, true, false, true));
}

TEST(Detectors, RenamingTokensChangesNothingThatIsKnownAboutThem) {
  const ReadTexts texts{{{500, 7, 500}, {7, 9, 9}}, {}, {}};
  const ReadTexts renamed = texts.renamed();
  EXPECT_THAT(renamed.ids[0], ::testing::ElementsAre(0, 1, 0));
  EXPECT_THAT(renamed.ids[1], ::testing::ElementsAre(1, 2, 2));
  EXPECT_EQ(renamed.words(), 3);
}

TEST(Detectors, PiecesOfATextLieWithinIt) {
  std::vector<std::int32_t> text(1000);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<std::int32_t>(i);
  const Texts pieces = pieces_of(text, 64, 5);
  ASSERT_EQ(pieces.size(), 5u);
  EXPECT_EQ(pieces.front().front(), 0);
  EXPECT_EQ(pieces.back().back(), 999);
  EXPECT_EQ(pieces_of(text, 400, 5).size(), 2u);
}

}   // namespace
}   // namespace glass
