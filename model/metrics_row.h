// A line of metrics.jsonl, written and read here and nowhere else.
#pragma once
#include <cstdint>
#include <limits>
#include <string_view>

#include "engine/base/json.h"
#include "engine/base/json_value.h"

namespace glass {

// NaN: not measured at this step, and not in the line.
struct MetricsRow {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  std::int64_t step = 0;
  double loss = kNone, lr = kNone, grad_norm = kNone;
  double train_loss = kNone, val_loss = kNone, val_accuracy = kNone;
};

void put(Json& json, const MetricsRow& row);   // fields of an object that is open
// ContentError where the line has no step.
MetricsRow metrics_row_of(const JsonValue& line);

// The same for what stands beside them: a number that may be NaN, which is left out.
void put_measured(Json& json, std::string_view name, double value);
double measured_in(const JsonValue& line, std::string_view name);

}   // namespace glass
