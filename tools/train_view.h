// What a person sees of a training run. On a terminal one line is rewritten all the time; elsewhere
// plain lines come at intervals. Everything here goes to stderr: stdout is for results.
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "interp/draw/chart.h"
#include "model/run.h"

namespace glass {

class TrainView final : public RunWatcher {
 public:
  enum class Style : std::uint8_t { quiet, lines, rewritten };
  struct Plan {
    std::int64_t first_step, max_iters, log_interval;
    double flops_per_step, peak_gflops;   // peak 0: not measured
    std::int64_t tokens_per_step;
  };
  TrainView(Style style, const Plan& plan);

  void on_step(const StepResult& step, double ms) override;
  void on_evaluation(std::int64_t step, const Losses& losses, bool best) override;
  void on_samples(std::int64_t step, const std::string& text) override;
  void on_saved(std::int64_t step, const SavedFile& file, bool best) override;
  void on_warning(const std::string& text) override;
  bool wants_to_stop() override;

  void say(const std::string& line);   // a line of its own, above the one that is rewritten
  void show(const Chart& chart);       // in letters, on a terminal only
  double tokens_per_second() const;    // over all steps so far
  double seconds() const;

 private:
  std::string progress(const StepResult& step) const;
  std::string plain(const StepResult& step) const;
  std::string tokens_now() const;
  std::string gflops_now() const;
  std::string remaining(std::int64_t step) const;
  void clear_line();

  Style style_;
  Plan plan_;
  std::vector<double> losses_;   // of every step: for the sparkline
  double val_ = MetricsRow::kNone;
  double step_ms_ = 0, recent_ms_ = 0;   // all steps together; a running mean
  std::int64_t steps_ = 0;
  bool line_open_ = false;
  std::chrono::steady_clock::time_point began_, shown_{};
};

// The first Ctrl-C asks a run to save and stop, the second one leaves at once.
void stop_on_interrupt();
bool interrupted();

}   // namespace glass
