// The chart of a training run: train and validation loss over the steps, beside what simple
// guessing would cost on the same text, so that a reader sees at once whether the model has learnt
// more than how often each letter occurs.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "interp/draw/chart.h"
#include "model/run.h"

namespace glass {

// The rows of metrics.jsonl. ContentError names the line. A last line without its end (of a run
// that is writing it, or was killed) is left out.
std::vector<MetricsRow> read_metrics(std::string_view jsonl, const std::string& what);

struct LossChartOptions {
  std::string title = "Loss", subtitle = {};
  std::vector<ReferenceLine> references = {};   // {"ln V", log(65)}, {"unigram", ...}, ...
  Scale x_scale = Scale::linear;
};
Chart loss_chart(const std::vector<MetricsRow>& rows, const LossChartOptions& options);

// The running mean that shows the trend of noisy values: each value moves it by 1 / span of the
// difference. At first, where a loss falls fastest, the span is an eighth of what there was so far.
// NaN stays NaN and changes nothing.
std::vector<double> smoothed(const std::vector<double>& values, double span);

}   // namespace glass
