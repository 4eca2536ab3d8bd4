// What a run wrote down so far: its numbers, its samples. Read as it grows, so that a hundred pages
// that ask every second cost three looks at the size of a file each.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "model/metrics_row.h"
#include "tools/api/followed_file.h"

namespace glass {

// A line of metrics.jsonl, with the time of that step.
struct LogRow : MetricsRow {
  double ms = kNone, tokens_per_second = kNone;
};
void put(Json& json, const LogRow& row);

struct LogSample {
  std::int64_t step = 0;
  std::string text;
};

void put(Json& json, const LogSample& sample);

class RunLog {
 public:
  explicit RunLog(const std::string& folder);

  // Rows behind step `since`, at most about `most` of them: of more, some at even distances, and
  // all evaluations.
  struct Rows {
    std::vector<LogRow> rows;
    std::int64_t last = -1;   // the newest step there is
    std::int64_t left_out = 0;
    std::optional<LogRow> best;   // of all evaluations: the lowest loss on what was held out
    std::int64_t beginnings =
        0;   // how often the log began anew: what was read before is void then
  };
  Rows rows(std::int64_t since, std::size_t most);
  std::vector<LogSample> samples(std::int64_t since, std::size_t most);   // the newest ones

 private:
  void read_metrics();
  void read_timing();

  std::mutex guard_;
  FollowedFile metrics_, timing_, samples_;
  std::map<std::int64_t, LogRow> rows_;
  std::optional<LogRow> best_;
  std::map<std::int64_t, std::pair<double, double>> times_;   // of steps without a row yet
  std::vector<LogSample> texts_;
  std::int64_t beginnings_ = 0;
};

}   // namespace glass
