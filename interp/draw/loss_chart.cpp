#include "interp/draw/loss_chart.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/json_value.h"

namespace glass {
namespace {

constexpr std::size_t kNoisy = 60;   // so many points of single batches get a smoothed line
constexpr double kSpan = 50;         // of which each value is the mean of about a 50th

double number_or_nan(const JsonValue& row, const char* name, const std::string& what) {
  const JsonValue* field = row.find(name);
  if (field == nullptr || field->kind == JsonValue::Kind::null) return std::nan("");
  return field->number(what + ": " + name);
}

std::vector<Point> points_of(const std::vector<MetricsRow>& rows, double MetricsRow::*loss) {
  std::vector<Point> points;
  for (const MetricsRow& row : rows) {
    if (!std::isnan(row.*loss)) points.push_back({static_cast<double>(row.step), row.*loss});
  }
  return points;
}

// Far above blind guessing: infinite where nothing tells what that costs.
double cap_of(const std::vector<ReferenceLine>& references) {
  double guess = 0;
  for (const ReferenceLine& line : references)
    if (std::isfinite(line.y)) guess = std::max(guess, line.y);
  return guess > 0 ? 1.5 * guess : std::numeric_limits<double>::infinity();
}

void add_train(Chart& chart, const std::vector<MetricsRow>& rows, double cap) {
  const std::vector<Point> evaluated = points_of(rows, &MetricsRow::train_loss);
  std::vector<Point> batches = points_of(rows, &MetricsRow::loss);
  if (!evaluated.empty()) {
    chart.series.push_back({"", batches, kBlue, Emphasis::faint});
    chart.series.push_back({"train", evaluated, kBlue, Emphasis::normal});
  } else if (batches.size() < kNoisy) {
    chart.series.push_back({"train", batches, kBlue, Emphasis::normal});
  } else {
    chart.series.push_back({"", batches, kBlue, Emphasis::faint});
    std::vector<double> values;
    for (const Point p : batches) values.push_back(std::isfinite(p.y) ? std::min(p.y, cap) : p.y);
    const std::vector<double> trend = smoothed(values, static_cast<double>(values.size()) / kSpan);
    for (std::size_t i = 0; i < trend.size(); ++i) batches[i].y = trend[i];
    chart.series.push_back({"train, smoothed", batches, kBlue, Emphasis::normal});
  }
}

// One wild step must not press everything else flat: what lies far above the loss of blind
// guessing is cut off, and the axis says so.
void cut_wild_values(Chart& chart, double cap) {
  double highest = -cap, lowest = cap;
  for (const ReferenceLine& line : chart.references)
    if (std::isfinite(line.y)) lowest = std::min(lowest, line.y);
  for (const Series& series : chart.series) {
    for (const Point p : series.points) {
      if (std::isfinite(p.y)) highest = std::max(highest, p.y), lowest = std::min(lowest, p.y);
    }
  }
  if (highest <= cap) return;
  chart.y_range = Range{lowest, cap};
  chart.y_label += "; higher values are cut off";
}

}   // namespace

std::vector<MetricsRow> read_metrics(std::string_view jsonl, const std::string& what) {
  std::vector<MetricsRow> rows;
  for (std::size_t line = 1; !jsonl.empty(); ++line) {
    const std::size_t end = jsonl.find('\n');
    if (end == std::string_view::npos) break;
    const std::string here = what + ", line " + std::to_string(line);
    const JsonValue row = parse_json(jsonl.substr(0, end), here);
    jsonl.remove_prefix(end + 1);
    if (row.kind != JsonValue::Kind::object) fail(ContentError(here + ": not an object."));
    MetricsRow& out = rows.emplace_back();
    out.step = row.at("step", here).integer(here + ": step", 0, std::int64_t{1} << 53);
    for (const auto& [name, field] :
         {std::pair{"loss", &out.loss}, std::pair{"lr", &out.lr},
          std::pair{"grad_norm", &out.grad_norm}, std::pair{"train_loss", &out.train_loss},
          std::pair{"val_loss", &out.val_loss}, std::pair{"val_accuracy", &out.val_accuracy}})
      *field = number_or_nan(row, name, here);
  }
  return rows;
}

std::vector<double> smoothed(const std::vector<double>& values, double span) {
  std::vector<double> out;
  double mean = 0, seen = 0;
  for (const double value : values) {
    if (std::isfinite(value)) {
      const double window = std::clamp(++seen / 8, 1.0, std::max(span, 1.0));
      mean += (value - mean) / window;
    }
    out.push_back(std::isfinite(value) ? mean : std::nan(""));
  }
  return out;
}

Chart loss_chart(const std::vector<MetricsRow>& rows, const LossChartOptions& options) {
  Chart chart;
  chart.title = options.title;
  chart.subtitle = options.subtitle;
  chart.x_label = "training step";
  chart.y_label = "loss, nats a token";
  chart.x_scale = options.x_scale;
  chart.x_grain = Grain::whole;
  chart.references = options.references;
  const double cap = cap_of(options.references);
  add_train(chart, rows, cap);
  chart.series.push_back(
      {"val", points_of(rows, &MetricsRow::val_loss), kVermilion, Emphasis::normal});
  cut_wild_values(chart, cap);
  return chart;
}

}   // namespace glass
