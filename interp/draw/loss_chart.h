// The chart of a training run: train and validation loss over the steps, beside what simple
// guessing would cost on the same text, so that a reader sees at once whether the model has learnt
// more than how often each letter occurs.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "interp/draw/chart.h"

namespace glass {

// One line of metrics.jsonl. What was not measured at a step is NaN.
struct LossRow {
  std::int64_t step = 0;
  double loss = std::numeric_limits<double>::quiet_NaN();   // of the batches that were learnt from
  double train_loss = std::numeric_limits<double>::quiet_NaN();   // of an evaluation
  double val_loss = std::numeric_limits<double>::quiet_NaN();
};

// ContentError names the line. A last line without its end (a run that is being written, or was
// killed) is left out.
std::vector<LossRow> read_metrics(std::string_view jsonl, const std::string& what);

struct LossChartOptions {
  std::string title = "Loss", subtitle = {};
  std::vector<ReferenceLine> references = {};   // {"ln V", log(65)}, {"unigram", ...}, ...
  Scale x_scale = Scale::linear;
};
Chart loss_chart(const std::vector<LossRow>& rows, const LossChartOptions& options);

// The running mean that shows the trend of noisy values: each value moves it by 1 / span of the
// difference. At first, where a loss falls fastest, the span is an eighth of what there was so far.
// NaN stays NaN and changes nothing.
std::vector<double> smoothed(const std::vector<double>& values, double span);

}   // namespace glass
