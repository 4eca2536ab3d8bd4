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

// Hands each line to `see`. What it cannot read is damage that a crash left, and not our concern.
void each_line(const std::vector<std::string>& lines,
               const std::function<void(const JsonValue&)>& see) {
  for (const std::string& line : lines) {
    try {
      see(parse_json(line, "a line"));
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
  json.object();
  put(json, static_cast<const MetricsRow&>(row));
  put_measured(json, "ms", row.ms);
  put_measured(json, "tokens_per_second", row.tokens_per_second);
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
  each_line(news.lines, [&](const JsonValue& line) {
    times_[metrics_row_of(line).step] = {measured_in(line, "ms"),
                                         measured_in(line, "tokens_per_second")};
  });
}

void RunLog::read_metrics() {
  const FollowedFile::News news = metrics_.read();
  if (news.anew) rows_.clear(), best_.reset(), ++beginnings_;
  each_line(news.lines, [&](const JsonValue& line) {
    LogRow row;
    static_cast<MetricsRow&>(row) = metrics_row_of(line);
    rows_[row.step] = row;
    if (!std::isnan(row.val_loss) && (!best_ || row.val_loss < best_->val_loss)) best_ = row;
  });
}

RunLog::Rows RunLog::rows(std::int64_t since, std::size_t most) {
  const std::lock_guard lock(guard_);
  read_metrics();
  read_timing();   // written before the row of its step
  Rows found;
  found.beginnings = beginnings_;
  if (!rows_.empty()) found.last = rows_.rbegin()->first;
  found.best = best_;
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
