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
  void on_look(std::int64_t step) override;
  void on_evaluation(std::int64_t step, const Losses& losses, bool best) override;
  void on_samples(std::int64_t step, const std::string& text) override;
  void on_saved(std::int64_t step, const SavedFile& file, bool best) override;
  void on_warning(const std::string& text) override;
  bool wants_to_stop() override;
  bool wants_to_save() override;

  void say(const std::string& line);   // a line of its own, above the one that is rewritten
  void show(const Chart& chart);       // in letters, on a terminal only
  double tokens_per_second() const;    // over all steps so far
  double seconds() const;

 private:
  bool wants_line(const StepResult& step, double ms);
  void rewrite(const std::string& text);
  std::string progress(const StepResult& step) const;
  std::string plain(const StepResult& step) const;
  std::string tokens_now() const;
  std::string gflops_now() const;
  std::string remaining(std::int64_t step) const;
  void remember(double loss);
  void clear_line();

  Style style_;
  Plan plan_;
  static constexpr std::size_t kMostLosses = 512;
  std::vector<double> losses_;   // for the sparkline: means of each_ steps
  double sum_ = 0;
  std::int64_t each_ = 1, summed_ = 0;
  double val_ = MetricsRow::kNone;
  double step_ms_ = 0, recent_ms_ = 0;   // all steps together; a running mean
  double unsaid_ms_ = 0;                 // of the steps since the last plain line
  std::int64_t steps_ = 0;
  bool line_open_ = false;
  std::chrono::steady_clock::time_point began_, shown_{};
};

// Ctrl-C, a request to end, or a terminal that goes away. Before there is anything to save they
// leave at once; later the first one asks the run to save and stop, and the second one leaves.
// SIGUSR1 asks it to save at the end of the step and go on, from the beginning.
void leave_on_interrupt();
void stop_on_interrupt();
bool interrupted();
// A reader of our progress that goes away must not end a training; one of our results may.
void end_quietly_on_closed_pipe();

}   // namespace glass
