// From the lines of metrics.jsonl to the chart of a run.
#include "interp/draw/loss_chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/error.h"

namespace glass {
namespace {

const double kNan = std::nan("");

MetricsRow row(std::int64_t step, double loss, double train_loss = kNan, double val_loss = kNan) {
  MetricsRow out;
  out.step = step, out.loss = loss, out.train_loss = train_loss, out.val_loss = val_loss;
  return out;
}

const Series* find(const Chart& chart, const std::string& name) {
  for (const Series& series : chart.series)
    if (series.name == name) return &series;
  return nullptr;
}

TEST(Metrics, EveryLineIsARowAndWhatIsMissingIsNaN) {
  const std::vector<MetricsRow> rows = read_metrics(
      "{\"step\": 0, \"loss\": 4.2, \"val_loss\": 4.3, \"lr\": 0.001}\n"
      "{\"step\": 10, \"loss\": 3.5, \"val_loss\": null}\n"
      "{\"step\": 20, \"train_loss\": 2.5, \"val_loss\": 2.75}\n",
      "metrics.jsonl");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].val_loss, 4.3);
  EXPECT_EQ(rows[0].lr, 0.001);
  EXPECT_EQ(rows[1].step, 10);
  EXPECT_TRUE(std::isnan(rows[1].val_loss));
  EXPECT_TRUE(std::isnan(rows[2].loss));
  EXPECT_EQ(rows[2].train_loss, 2.5);
}

TEST(Metrics, ALineThatIsBeingWrittenIsLeftOut) {
  EXPECT_EQ(read_metrics("{\"step\": 0}\n{\"step\": 1", "m").size(), 1u);
  EXPECT_TRUE(read_metrics("", "m").empty());
}

TEST(Metrics, AWrongLineIsNamed) {
  for (const char* bad :
       {"{\"step\": 1}\n[]\n", "{\"step\": 1}\nx\n", "{\"step\": 1}\n{\"loss\": 1}\n",
        "{\"step\": 1}\n{\"step\": -1}\n", "{\"step\": 1}\n{\"step\": 2, \"loss\": \"x\"}\n"}) {
    try {
      read_metrics(bad, "metrics.jsonl");
      ADD_FAILURE() << "accepted: " << bad;
    } catch (const ContentError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("metrics.jsonl, line 2")) << bad;
    }
  }
}

TEST(LossChart, FewPointsAreShownAsTheyAre) {
  const Chart chart = loss_chart({row(0, 4, kNan, 4.1), row(10, 3), row(20, 2, kNan, 2.2)}, {});
  EXPECT_EQ(find(chart, "train")->points, (std::vector<Point>{{0, 4}, {10, 3}, {20, 2}}));
  EXPECT_EQ(find(chart, "val")->points, (std::vector<Point>{{0, 4.1}, {20, 2.2}}))
      << "steps without an evaluation are no gaps";
}

TEST(LossChart, ManyNoisyPointsGetASmoothedLine) {
  std::vector<MetricsRow> rows;
  for (int i = 0; i < 1000; ++i) rows.push_back(row(i, 2 + (i % 2 == 0 ? 0.5 : -0.5)));
  const Chart chart = loss_chart(rows, {});
  const Series* trend = find(chart, "train, smoothed");
  ASSERT_NE(trend, nullptr);
  for (std::size_t i = 500; i < 1000; ++i) EXPECT_NEAR(trend->points[i].y, 2, 0.03) << i;
  EXPECT_EQ(find(chart, "")->emphasis, Emphasis::faint) << "the values themselves stay visible";
}

TEST(LossChart, AnEvaluatedTrainLossIsBetterThanASmoothedOne) {
  std::vector<MetricsRow> rows;
  for (int i = 0; i < 200; ++i) rows.push_back(row(i, 2, i % 50 == 0 ? 2.25 : kNan));
  EXPECT_EQ(find(loss_chart(rows, {}), "train")->points.size(), 4u);
}

TEST(LossChart, OneWildStepDoesNotPressTheRestFlat) {
  std::vector<MetricsRow> rows;
  for (int i = 0; i < 100; ++i) rows.push_back(row(i, i == 50 ? 1e9 : 2));
  const Chart chart = loss_chart(rows, {.references = {{"ln V", 4}}});
  ASSERT_TRUE(chart.y_range.has_value());
  EXPECT_LE(chart.y_range->high, 6);
  EXPECT_THAT(chart.y_label, testing::HasSubstr("cut off"));
  EXPECT_LT(find(chart, "train, smoothed")->points.back().y, 3) << "nor does the trend remember it";
  EXPECT_FALSE(loss_chart({row(0, 4.4)}, {.references = {{"ln V", 4}}}).y_range);
}

TEST(Smoothed, BeginsWithTheFirstValueAndFollowsALine) {
  EXPECT_EQ(smoothed({3, 3, 3, 3}, 10), (std::vector<double>{3, 3, 3, 3}));
  const std::vector<double> out = smoothed({1, kNan, 1, INFINITY, 1}, 4);
  EXPECT_TRUE(std::isnan(out[1]) && std::isnan(out[3]));
  EXPECT_EQ(out[4], 1);
}

}   // namespace
}   // namespace glass
