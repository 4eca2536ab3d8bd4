// microgpt on the scalar tape against its twin in Python: every loss, gradients, samples, and the
// number of operations.
#include "model/microgpt.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/text.h"
#include "model/builtin_names.h"
#include "tests/model/micro_golden.h"

namespace glass {
namespace {

using testing::MicroGolden;
using testing::read_micro_golden;

const char* const kTwin =
    "python3 tests/peers/microgpt.py data/names.txt --hex --gradients 53 > "
    "tests/golden/microgpt.txt";

MicroStart builtin_start() { return MicroStart(read_names(builtin_names(), "the list"), {}); }

const MicroGolden& golden() {
  static const MicroGolden all = read_micro_golden(GLASS_SOURCE_DIR "/tests/golden/microgpt.txt");
  return all;
}

// --- the names -----------------------------------------------------------------------------------

TEST(MicroNames, AreLinesWithoutTheSpaceAroundThemAndWithoutEmptyLines) {
  for (const char* text : {"anna\nbo\n", "anna\nbo", "anna\r\nbo\r\n",
                           "\n\n  anna\t\n \n\u00a0bo\u3000\n\n", "anna\rbo"}) {
    const MicroNames names = read_names(text, "the list");
    ASSERT_EQ(names.docs.size(), 2u) << '"' << text << '"';
    EXPECT_EQ(names.docs[0], U"anna") << '"' << text << '"';
    EXPECT_EQ(names.docs[1], U"bo") << '"' << text << '"';
    EXPECT_EQ(names.letters, U"abno");
    EXPECT_EQ(names.vocab(), 5);
  }
}

TEST(MicroNames, KeepTheSpaceInsideAName) {
  EXPECT_EQ(read_names(" anna maria \n", "the list").docs.at(0), U"anna maria");
}

TEST(MicroNames, BecomeTokensBetweenTwoBos) {
  const MicroNames names = read_names("bo\nanna\n", "the list");
  EXPECT_EQ(names.tokens(1), (std::vector<int>{4, 0, 2, 2, 0, 4}));
  EXPECT_EQ(names.text(std::vector<int>{0, 2, 2, 0}), "anna");
}

TEST(MicroNames, MayUseAnyLetterOfUnicode) {
  const std::string text = "zo\u00eb\n\u6625\u5b50\n\U0001F600a\n";
  const MicroNames names = read_names(text, "the list");
  ASSERT_EQ(names.docs.size(), 3u);
  EXPECT_EQ(names.docs[0], U"zo\u00eb");
  EXPECT_EQ(names.letters, U"aoz\u00eb\u5b50\u6625\U0001F600");
  for (std::size_t i = 0; i < 3; ++i) {
    const std::vector<int> tokens = names.tokens(i);
    EXPECT_EQ(names.text(std::span(tokens).subspan(1, tokens.size() - 2)) + "\n",
              split(text, '\n')[i] + "\n");
  }
}

TEST(MicroNames, AreRefusedWhereThereAreNoneOrTheyAreNoText) {
  const auto complaint = [](std::string_view text) -> std::string {
    try {
      read_names(text, "'x.txt'");
    } catch (const ContentError& error) { return error.what(); }
    return "";
  };
  EXPECT_EQ(complaint(""), "'x.txt' has no names in it; give a text file with one name a line.");
  EXPECT_EQ(complaint(" \n\t\n\r\n"), complaint(""));
  EXPECT_EQ(complaint("anna\n\xff\n"), "'x.txt' is not text: byte 6 is not UTF-8.");
  for (const char* bad :
       {"\x80", "\xc3", "\xc3(", "\xe2\x82", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf0\x80\x80\x80"}) {
    EXPECT_NE(complaint(bad).find("byte 1 is not UTF-8"), std::string::npos)
        << in_quotes(bad) << ": " << complaint(bad);
  }
}

// --- against the twin in Python ------------------------------------------------------------------

TEST(ScalarMicrogpt, HasTheSizeItsTwinHas) {
  const MicroStart start = builtin_start();
  ASSERT_EQ(static_cast<int>(start.names.docs.size()), golden().docs)
      << "data/names.txt has changed; run\n  " << kTwin;
  EXPECT_EQ(start.names.vocab(), golden().vocab);
  EXPECT_EQ(start.parameters(), golden().params);
  EXPECT_EQ(start.parameters(), 4192);
}

TEST(ScalarMicrogpt, RecordsOneNodeForEachOperationOfItsTwin) {
  ScalarMicrogpt model(builtin_start());
  const int before = model.tape().size();
  model.loss_of(model.next_tokens());
  int operations = 0;
  for (int id = before; id < model.tape().size(); ++id)
    operations += model.tape().node(id).made.op != scalar::Op::number;
  EXPECT_EQ(operations, golden().operations);
}

TEST(ScalarMicrogpt, HasTheGradientsOfItsTwin) {
  ScalarMicrogpt model(builtin_start());
  model.backward(model.loss_of(model.next_tokens()));
  const auto grad = model.tape().grad(model.weights(), model.start().parameters());
  ASSERT_GT(golden().gradients.size(), 70u);
  int zeros = 0;
  for (const auto& [weight, expected] : golden().gradients) {
    // The twin adds up the uses of a number in another order, which moves the last bits.
    EXPECT_NEAR(grad[static_cast<std::size_t>(weight)], expected,
                1e-15 + 1e-12 * std::abs(expected))
        << "weight " << weight;
    zeros += expected == 0;
  }
  EXPECT_LT(zeros, 40) << "most gradients must say something";
}

// All 1,000 losses and 20 samples. The first loss is the same to the last bit where exp, log and
// pow are (the gate leaves room for another libm). Later the order of sums in backward and the
// rounding of square roots differ from the twin's in the last bit; over 1,000 steps that has grown
// to 2e-15.
TEST(ScalarMicrogpt, HasTheLossesAndSamplesOfItsTwin) {
  ASSERT_EQ(golden().losses.size(), 1000u);
  ASSERT_EQ(golden().samples.size(), 20u);
  ScalarMicrogpt model(builtin_start());
  for (int step = 0; step < 1000; ++step) {
    const double loss = model.step(), expected = golden().losses[static_cast<std::size_t>(step)];
    ASSERT_NEAR(loss, expected, step == 0 ? 2e-15 : 1e-12)
        << "step " << step + 1 << "; if data/names.txt has changed, run\n  " << kTwin;
  }
  for (const std::string& expected : golden().samples) EXPECT_EQ(model.sample(), expected);
}

// With the public list of 32,033 names: what microgpt.py is known to print.
TEST(ScalarMicrogpt, PrintsWhatMicrogptPyPrintsForThePublicNames) {
  std::string path;
  const char* folder = std::getenv("GLASS_DATA");
  for (const std::string& place : {std::string(folder ? folder : "") + "/names.txt",
                                   std::string(GLASS_SOURCE_DIR) + "/../shared/data/names.txt"}) {
    if (path.empty() && std::filesystem::is_regular_file(place)) path = place;
  }
  if (path.empty())
    GTEST_SKIP() << "the public names.txt is neither in GLASS_DATA nor in ../shared/data";
  ScalarMicrogpt model(MicroStart(read_names(read_text_file(path, "the names"), path), {}));
  ASSERT_EQ(model.start().names.docs.size(), 32033u) << path << " is another list";
  EXPECT_EQ(model.start().names.vocab(), 27);
  std::vector<std::string> losses;
  for (int step = 0; step < 1000; ++step) losses.push_back(format("%.4f", model.step()));
  EXPECT_EQ((std::vector<std::string>(losses.begin(), losses.begin() + 4)),
            (std::vector<std::string>{"3.3660", "3.4243", "3.1778", "3.0664"}));
  EXPECT_EQ(losses.back(), "2.6497");
  for (const char* name : {"kamon", "ann", "karai", "jaire", "vialan"})
    EXPECT_EQ(model.sample(), name);
}

// --- on its own ----------------------------------------------------------------------------------

TEST(ScalarMicrogpt, GradientsAgreeWithFiniteDifferences) {
  ScalarMicrogpt model(builtin_start());
  const std::vector<int> tokens = model.next_tokens();
  model.backward(model.loss_of(tokens));
  const int count = model.start().parameters();
  const auto grad = model.tape().grad(model.weights(), count);
  const std::vector<double> gradients(grad.begin(), grad.end());
  model.tape().rewind(1 + count);

  const auto data = model.tape().data(model.weights(), count);
  const auto loss_at = [&](std::size_t i, double x) {
    const double before = data[i];
    data[i] = x;
    const double loss = model.loss_of(tokens).data();
    data[i] = before;
    model.tape().rewind(1 + count);
    return loss;
  };
  for (std::size_t i = 3; i < gradients.size(); i += 59) {
    // relu has kinks, but with h = 1e-6 none of these 71 weights crosses one; rounding leaves about
    // 1e-16 / h.
    const double h = 1e-6, slope = (loss_at(i, data[i] + h) - loss_at(i, data[i] - h)) / (2 * h);
    EXPECT_NEAR(gradients[i], slope, 1e-8) << "weight " << i;
  }
}

TEST(ScalarMicrogpt, GivesTheSameBitsEveryTime) {
  ScalarMicrogpt one(builtin_start()), two(builtin_start());
  for (int step = 0; step < 20; ++step) ASSERT_EQ(one.step(), two.step()) << "step " << step + 1;
  EXPECT_EQ(one.sample(), two.sample());
}

TEST(ScalarMicrogpt, AnotherSeedIsAnotherRun) {
  ScalarMicrogpt one(builtin_start()),
      two(MicroStart(read_names(builtin_names(), "the list"), {.seed = 43}));
  EXPECT_NE(one.step(), two.step());
}

TEST(ScalarMicrogpt, LeavesTheTapeAsLongAsItWas) {
  ScalarMicrogpt model(builtin_start());
  const int before = model.tape().size();
  EXPECT_EQ(before, 1 + 4192) << "the number 0, and the weights";
  model.step();
  EXPECT_EQ(model.tape().size(), before);
  model.sample();
  EXPECT_EQ(model.tape().size(), before);
}

// Names longer than the model can look back on are cut, a list of one name is learnt again and
// again, and a name may be a single letter.
TEST(ScalarMicrogpt, LearnsFromStrangeListsToo) {
  for (const char* text : {"abcdefghijklmnopqrstuvwxyz\n", "a\n", "aa\nb\n"}) {
    ScalarMicrogpt model(MicroStart(read_names(text, "the list"), {.steps = 60}));
    const double first = model.step();
    double last = first;
    for (int step = 1; step < 60; ++step) last = model.step();
    EXPECT_LT(last, 0.9 * first) << text;
    EXPECT_LE(model.sample().size(), 16u);
  }
}

}   // namespace
}   // namespace glass
