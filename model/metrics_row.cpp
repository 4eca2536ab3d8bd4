#include "model/metrics_row.h"

#include <cmath>
#include <string>
#include <utility>

namespace glass {
namespace {

constexpr std::int64_t kMostSteps = std::int64_t{1} << 53;

// In the order in which they are written.
constexpr std::pair<const char*, double MetricsRow::*> kFields[] = {
    {"loss", &MetricsRow::loss},
    {"train_loss", &MetricsRow::train_loss},
    {"val_loss", &MetricsRow::val_loss},
    {"val_accuracy", &MetricsRow::val_accuracy},
    {"lr", &MetricsRow::lr},
    {"grad_norm", &MetricsRow::grad_norm}};

}   // namespace

void put_measured(Json& json, std::string_view name, double value) {
  if (!std::isnan(value)) json.field(name, value);
}

double measured_in(const JsonValue& line, std::string_view name) {
  const JsonValue* value = line.find(name);
  return value == nullptr ? MetricsRow::kNone : value->number(std::string(name));
}

void put(Json& json, const MetricsRow& row) {
  json.field("step", row.step);
  for (const auto& [name, field] : kFields) put_measured(json, name, row.*field);
}

MetricsRow metrics_row_of(const JsonValue& line) {
  MetricsRow row;
  row.step = line.at("step", "a line").integer("step", 0, kMostSteps);
  for (const auto& [name, field] : kFields) row.*field = measured_in(line, name);
  return row;
}

}   // namespace glass
