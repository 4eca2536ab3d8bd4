#include "tools/api/run_log.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/json_value.h"
#include "engine/base/text.h"

namespace glass {
namespace {

constexpr std::int64_t kMostSteps = std::int64_t{1} << 53;

// The number of a field, or NaN.
double number_in(const JsonValue& line, const char* name) {
  const JsonValue* value = line.find(name);
  return value == nullptr ? LogRow::kNone : value->number(name);
}

// Hands each line with its step to `see`. What is no such line is damage that a crash left, and not
// our concern.
void each_step(const std::vector<std::string>& lines,
               const std::function<void(std::int64_t, const JsonValue&)>& see) {
  for (const std::string& line : lines) {
    try {
      const JsonValue json = parse_json(line, "a line");
      see(json.at("step", "a line").integer("step", 0, kMostSteps), json);
    } catch (const ContentError&) {}
  }
}

// The step that a line of samples.txt announces, as run.cpp writes it.
std::optional<std::int64_t> announced(const std::string& line) {
  constexpr std::string_view kBefore = "--- step ", kBehind = " ---";
  if (line.size() <= kBefore.size() + kBehind.size() || line.compare(0, kBefore.size(), kBefore) ||
      !line.ends_with(kBehind))
    return {};
  std::int64_t step = 0;
  const std::string_view digits =
      std::string_view(line).substr(kBefore.size(), line.size() - kBefore.size() - kBehind.size());
  if (parse_integer(digits, step) != NumberFault::none) return {};
  return step;
}

}   // namespace

void put(Json& json, const LogRow& row) {
  json.object().field("step", row.step);
  const auto number = [&](const char* name, double value) {
    if (!std::isnan(value)) json.field(name, value);
  };
  number("loss", row.loss);
  number("train_loss", row.train_loss);
  number("val_loss", row.val_loss);
  number("val_accuracy", row.val_accuracy);
  number("lr", row.lr);
  number("grad_norm", row.grad_norm);
  number("ms", row.ms);
  number("tokens_per_second", row.tokens_per_second);
  json.end();
}

void put(Json& json, const LogSample& sample) {
  json.object().field("step", sample.step).field("text", sample.text).end();
}

RunLog::RunLog(const std::string& folder)
    : metrics_(folder + "/metrics.jsonl"),
      timing_(folder + "/timing.jsonl"),
      samples_(folder + "/samples.txt") {}

void RunLog::read_timing() {
  const FollowedFile::News news = timing_.read();
  if (news.anew) times_.clear();
  each_step(news.lines, [&](std::int64_t step, const JsonValue& line) {
    times_[step] = {number_in(line, "ms"), number_in(line, "tokens_per_second")};
  });
}

void RunLog::read_metrics() {
  const FollowedFile::News news = metrics_.read();
  if (news.anew) rows_.clear(), ++beginnings_;
  each_step(news.lines, [&](std::int64_t step, const JsonValue& line) {
    LogRow& row = rows_[step];
    row = {step,
           number_in(line, "loss"),
           number_in(line, "train_loss"),
           number_in(line, "val_loss"),
           number_in(line, "val_accuracy"),
           number_in(line, "lr"),
           number_in(line, "grad_norm")};
  });
}

RunLog::Rows RunLog::rows(std::int64_t since, std::size_t most) {
  const std::lock_guard lock(guard_);
  read_metrics();
  read_timing();   // written before the row of its step
  Rows found;
  found.beginnings = beginnings_;
  if (!rows_.empty()) found.last = rows_.rbegin()->first;
  const auto begin = rows_.upper_bound(since);
  const auto count = static_cast<std::size_t>(std::distance(begin, rows_.end()));
  const std::size_t every = (count + most - 1) / std::max<std::size_t>(1, most);
  std::size_t place = count;   // from behind, so that the newest row is always there
  for (auto it = begin; it != rows_.end(); ++it) {
    --place;
    const bool evaluated = !std::isnan(it->second.train_loss);
    if (!evaluated && place % std::max<std::size_t>(1, every) != 0) {
      ++found.left_out;
      continue;
    }
    LogRow& row = found.rows.emplace_back(it->second);
    if (const auto time = times_.find(row.step); time != times_.end())
      row.ms = time->second.first, row.tokens_per_second = time->second.second;
  }
  return found;
}

std::vector<LogSample> RunLog::samples(std::int64_t since, std::size_t most) {
  const std::lock_guard lock(guard_);
  const FollowedFile::News news = samples_.read();
  if (news.anew) texts_.clear();
  for (const std::string& line : news.lines) {
    if (const auto step = announced(line)) texts_.push_back({*step, ""});
    else if (!texts_.empty()) texts_.back().text += line + "\n";
  }
  std::vector<LogSample> found;
  for (const LogSample& sample : texts_)
    if (sample.step > since) found.push_back(sample);
  if (found.size() > most)
    found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(most));
  for (LogSample& sample : found)
    if (sample.text.ends_with('\n')) sample.text.pop_back();
  return found;
}

}   // namespace glass
