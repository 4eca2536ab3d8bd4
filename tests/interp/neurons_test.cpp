// A scan against its twin by brute force: every activation at once, sorted.
#include "interp/features/neurons.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "interp/activations.h"
#include "interp/features/quantiles.h"
#include "tests/engine/devices.h"
#include "tests/scratch.h"

namespace glass {
namespace {

constexpr std::int64_t kT = 8;

GPTConfig small() {
  GPTConfig c = preset("gpt2");
  c.vocab_size = 11, c.block_size = kT, c.n_layer = 2, c.n_head = 2, c.n_embd = 16, c.n_inner = 70;
  return c;
}

struct Scene {
  std::unique_ptr<LanguageModel> model;
  Specimen specimen;
  Dataset data;
  explicit Scene(const GPTConfig& c, std::size_t tokens = 500, int threads = 1)
      : model(make_model(c, testing::cpu("auto", threads), DType::f32, 3)),
        specimen{gpt_of(*model), nullptr, {}} {
    for (Parameter* p : model->parameters())
      if (p->value.rank() == 2) p->value = (p->value * 5.0).detach();
    specimen.from.digest = "0123456789abcdef";
    std::vector<std::int32_t> ids(tokens);
    for (std::size_t i = 0; i < tokens; ++i)
      ids[i] = static_cast<std::int32_t>((i * i / 3 + i) % 11);
    data.name = data.origin = "a row of numbers";
    data.train = Tokens(ids);
    data.digest = 17;
  }
};

// What neuron n of layer l does at every token of the scanned text.
std::vector<double> every_value(const Scene& s, const UnitScan& scan, int l, int n) {
  std::vector<double> all;
  for (std::size_t w = 0; w < scan.text.size(); w += static_cast<std::size_t>(scan.T)) {
    const std::span<const std::int32_t> ids =
        std::span(scan.text).subspan(w, static_cast<std::size_t>(scan.T));
    const std::string place = in_block(l, "mlp.hook_post");
    const std::vector<double> x =
        slice(look(s.specimen.gpt, s.specimen.row(ids), {place})[place], 2, n, n + 1).to_host();
    all.insert(all.end(), x.begin(), x.end());
  }
  return all;
}

TEST(Neurons, StreamingIsWhatSortingEverythingGives) {
  const Scene s(small());
  const UnitScan scan = scan_neurons(s.specimen, s.data, {.top = 5, .bottom = 3});
  ASSERT_EQ(scan.text.size(), 496u) << "whole windows of 8";
  for (const auto& [l, n] : std::vector<std::pair<int, int>>{{0, 0}, {0, 69}, {1, 13}, {1, 64}}) {
    const std::vector<double> x = every_value(s, scan, l, n);
    const UnitRecord& r = scan.at(l, n);
    std::vector<Moment> top, bottom;
    for (std::size_t w = 0; w < x.size(); w += kT) {
      const auto first = x.begin() + static_cast<std::ptrdiff_t>(w), last = first + kT;
      const auto high = std::max_element(first, last), low = std::min_element(first, last);
      top.push_back({*high, high - x.begin()});
      bottom.push_back({*low, low - x.begin()});
    }
    std::sort(top.begin(), top.end(), [](const Moment& a, const Moment& b) {
      return a.value != b.value ? a.value > b.value : a.position < b.position;
    });
    std::sort(bottom.begin(), bottom.end(), [](const Moment& a, const Moment& b) {
      return a.value != b.value ? a.value < b.value : a.position < b.position;
    });
    ASSERT_EQ(r.top.size(), 5u);
    for (std::size_t i = 0; i < 5; ++i) {
      // Rows of a batch may round in another order than a row alone: f32's last bits.
      EXPECT_NEAR(r.top[i].value, top[i].value, 1e-5) << l << "." << n << ", place " << i;
    }
    for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(r.bottom[i].value, bottom[i].value, 1e-5);
    double mean = 0, variance = 0;
    for (const double v : x) mean += v / static_cast<double>(x.size());
    for (const double v : x) variance += (v - mean) * (v - mean) / static_cast<double>(x.size());
    EXPECT_NEAR(r.mean, mean, 1e-6);
    EXPECT_NEAR(r.variance, variance, 1e-6);
    EXPECT_EQ(r.positive, std::count_if(x.begin(), x.end(), [](double v) { return v > 0; }));
    EXPECT_NEAR(r.max, *std::max_element(x.begin(), x.end()), 1e-5);
    std::int64_t counted = 0;
    for (const std::int64_t c : r.histogram) counted += c;
    EXPECT_EQ(counted, static_cast<std::int64_t>(x.size())) << "every token is in one bin";
  }
}

TEST(Neurons, TheShareOfTheTokenIsOneWhereNothingElseCanMatterAndLessElsewhere) {
  GPTConfig c = small();
  c.n_layer = 1, c.block_size = 1,
  c.pos = Position::none;   // windows of one token: nothing else is seen
  const Scene alone(c);
  for (const UnitRecord& r : scan_neurons(alone.specimen, alone.data).records)
    EXPECT_NEAR(r.token_share, 1, 1e-6);
  const Scene s(small());
  const UnitScan scan = scan_neurons(s.specimen, s.data);
  double least = 1;
  for (const UnitRecord& r : scan.records) least = std::min(least, r.token_share);
  EXPECT_LT(least, 0.9);
  EXPECT_GE(least, 0);
}

TEST(Neurons, AnyNumberOfThreadsGivesTheSameFile) {
  const test::Scratch folder;
  const Scene one(small(), 500, 1), two(small(), 500, 2);
  save_neurons(folder / "one", scan_neurons(one.specimen, one.data, {.threads = 1}));
  save_neurons(folder / "two", scan_neurons(two.specimen, two.data, {.threads = 2}));
  EXPECT_EQ(test::bytes_of(folder / "one"), test::bytes_of(folder / "two"));
  EXPECT_GT(test::bytes_of(folder / "one").size(), 1000u);
}

TEST(Neurons, OfEqualMomentsTheEarliestStay) {
  Strongest strongest(Strongest::Side::largest, 2);
  for (const std::int64_t at : {9, 3, 7, 1, 5}) strongest.offer({1.0, at});
  EXPECT_EQ(strongest.in_order(), (std::vector<Moment>{{1.0, 1}, {1.0, 3}}));
  Strongest nothing(Strongest::Side::smallest, 0);
  nothing.offer({1, 1});
  EXPECT_TRUE(nothing.in_order().empty());
}

TEST(Neurons, AContextNeverShowsWhatTheWindowDidNotSee) {
  const Scene s(small());
  const UnitScan scan = scan_neurons(s.specimen, s.data);
  const NeuronResult r =
      neuron_of(s.specimen, scan, 1, 5, {.contexts = 16, .before = 100, .after = 100});
  ASSERT_EQ(r.contexts.size(), 16u);
  for (const NeuronContext& c : r.contexts) {
    EXPECT_EQ(c.before.size(), static_cast<std::size_t>(c.position % kT));
    EXPECT_EQ(c.before.size() + 1 + c.after.size(), static_cast<std::size_t>(kT));
    EXPECT_TRUE(c.window_begins);
    EXPECT_NEAR(c.values[c.before.size()], c.value, 1e-5) << "computed once more";
    EXPECT_EQ(c.token, s.specimen.label(scan.text[static_cast<std::size_t>(c.position)]));
  }
  const NeuronResult narrow =
      neuron_of(s.specimen, scan, 1, 5, {.contexts = 16, .before = 1, .after = 0});
  for (const NeuronContext& c : narrow.contexts) EXPECT_EQ(c.window_begins, c.position % kT <= 1);
}

TEST(Neurons, AFileIsReadBackAndRefusedOnceAWeightOrTheTokenizerChanges) {
  const test::Scratch folder;
  const std::string path = folder / "scan";
  Scene s(small());
  const UnitScan scan = scan_neurons(s.specimen, s.data);
  save_neurons(path, scan);
  const UnitScan read = load_neurons(path, s.specimen, "RENEW");
  EXPECT_EQ(read.text, scan.text);
  EXPECT_EQ(read.at(1, 3).top, scan.at(1, 3).top);
  EXPECT_EQ(read.at(1, 3).histogram, scan.at(1, 3).histogram);
  EXPECT_EQ(read.at(1, 3).mean, scan.at(1, 3).mean);
  EXPECT_EQ(read.source_digest, scan.source_digest);
  s.specimen.from.digest = "0123456789abcdee";
  try {
    load_neurons(path, s.specimen, "RENEW");
    FAIL() << "a stale scan was taken";
  } catch (const ContentError& error) {
    EXPECT_NE(std::string(error.what()).find("RENEW"), std::string::npos) << error.what();
  }
}

// A file whose digests are right and whose numbers are not: whoever makes one can make the other.
TEST(Neurons, AFileThatBreaksARuleIsRefusedWithTheCommandThatRenewsIt) {
  const test::Scratch folder;
  const Scene s(small());
  const UnitScan good = scan_neurons(s.specimen, s.data, {.top = 2, .bottom = 1});
  const auto refused = [&](const char* what, const auto& change) {
    UnitScan bad = good;
    change(bad);
    save_neurons(folder / "bad", bad);
    const std::string message = testing::message_of<ContentError>(
        [&] { load_neurons(folder / "bad", s.specimen, "RENEW"); });
    EXPECT_NE(message.find("RENEW"), std::string::npos) << what << ": " << message;
  };
  const double none = std::nan("");
  refused("a token", [](UnitScan& b) { b.text[3] = 11; });
  refused("a window", [](UnitScan& b) { b.T = 16; });
  refused("half a window", [](UnitScan& b) { b.text.pop_back(); });
  refused("a place", [](UnitScan& b) { b.records[7].top[1].position = 496; });
  refused("a moment", [&](UnitScan& b) { b.records[7].bottom[0].value = none; });
  refused("a count", [](UnitScan& b) { b.records[0].positive = -1; });
  refused("a histogram", [](UnitScan& b) { b.records[0].histogram[63] = std::int64_t{1} << 40; });
  refused("a range", [&](UnitScan& b) { b.records[0].low = none; });
  refused("a label", [](UnitScan& b) { b.records[0].tokens[0].token = 11; });
  refused("a share", [](UnitScan& b) { b.records[0].token_share = 1.5; });
  UnitScan fine = good;
  fine.records[0].token_share = none;   // nobody knows it
  save_neurons(folder / "fine", fine);
  EXPECT_EQ(load_neurons(folder / "fine", s.specimen, "RENEW").records.size(), 140u);
}

TEST(Neurons, AScanReplacesScansAndNothingElse) {
  const test::Scratch folder;
  const Scene s(small());
  const UnitScan scan = scan_neurons(s.specimen, s.data);
  save_neurons(folder / "scan", scan);
  save_neurons(folder / "scan", scan);
  folder.write("precious", "a text of years");
  EXPECT_THROW(save_neurons(folder / "precious", scan), UsageError);
  EXPECT_EQ(test::bytes_of(folder / "precious"), "a text of years");
  EXPECT_THROW(refuse_to_replace(folder / "scan", kKeptSae), UsageError);
}

TEST(Neurons, AFlippedBitOfTheFileIsSeen) {
  const test::Scratch folder;
  const Scene s(small());
  save_neurons(folder / "scan", scan_neurons(s.specimen, s.data));
  std::string bytes = test::bytes_of(folder / "scan");
  for (const std::size_t at : {bytes.size() - 5, bytes.size() / 2}) {
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    folder.write("scan", bytes);
    EXPECT_THROW(load_neurons(folder / "scan", s.specimen, "RENEW"), ContentError) << at;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
  }
}

TEST(Neurons, OrdinaryDaysAreTheQuantilesOfWhatItSaid) {
  const Scene s(small());   // 62 windows of 8: all of them are looked at
  const UnitScan scan = scan_neurons(s.specimen, s.data);
  const NeuronResult r = neuron_of(s.specimen, scan, 1, 13);
  std::vector<double> sorted = every_value(s, scan, 1, 13);
  std::sort(sorted.begin(), sorted.end());
  ASSERT_EQ(r.quantiles.size(), 6u);
  for (const QuantileMoment& m : r.quantiles) {
    const auto at = static_cast<std::size_t>(std::lround(m.quantile * 495));
    EXPECT_NEAR(m.context.value, sorted[at], 1e-5) << m.quantile;
    EXPECT_NEAR(m.context.values[m.context.before.size()], m.context.value, 1e-5);
  }
  EXPECT_GT(r.quantiles.front().context.value, r.quantiles.back().context.value);
}

TEST(Neurons, AModelThatComputesNoNumbersIsRefused) {
  const Scene s(small());
  s.model->parameters()[0]->value = (s.model->parameters()[0]->value * std::nan("")).detach();
  EXPECT_THROW(scan_neurons(s.specimen, s.data), ContentError);
}

TEST(Correlation, IsPearsonsAndNothingForWhatNeverChanges) {
  Correlations c;
  c.add(std::vector<double>{1, 2}, std::vector<double>{2, -1, 5, 1, 4, -2, 5, 7});
  c.add(std::vector<double>{4}, std::vector<double>{8, -4, 5, 1});
  const std::vector<double> r = c.values();
  ASSERT_EQ(r.size(), 4u);
  EXPECT_NEAR(r[0], 1, 1e-12);
  EXPECT_NEAR(r[1], -1, 1e-12);
  EXPECT_EQ(r[2], 0) << "it never changes";
  // By hand: x - 7/3 = (-4,-1,5)/3, y - 3 = (-2,4,-2); sum of products -2, of squares 14/3 and 24.
  EXPECT_NEAR(r[3], -2 / std::sqrt(14.0 / 3 * 24), 1e-12);
}

TEST(Neurons, TheOverviewCountsTheDead) {
  GPTConfig c = small();
  c.act = Activation::relu;
  const Scene s(c);
  UnitScan scan = scan_neurons(s.specimen, s.data);
  const NeuronOverview before = overview_of(s.specimen, scan);
  scan.records[3].positive += before.dead[0] >= 0 ? 1 : 0;   // certainly alive
  const std::int64_t now = overview_of(s.specimen, scan).dead[0];
  scan.records[3].positive = 0;
  EXPECT_EQ(overview_of(s.specimen, scan).dead[0], now + 1);
}

TEST(Neurons, RefusesWhatIsNotThere) {
  GPTConfig c = small();
  c.act = Activation::none;
  const Scene bare(c);
  EXPECT_THROW(scan_neurons(bare.specimen, bare.data), UsageError);
  const Scene s(small());
  const UnitScan scan = scan_neurons(s.specimen, s.data);
  EXPECT_THROW(neuron_of(s.specimen, scan, 2, 0), UsageError);
  EXPECT_THROW(neuron_of(s.specimen, scan, 0, 70), UsageError);
}

}   // namespace
}   // namespace glass
