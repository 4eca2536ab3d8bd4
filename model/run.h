// A training run from its first step to its last: when to look, when to save, what to write down.
// All that it writes is a function of the run alone, so a run that was stopped and resumed leaves
// the same bytes as one that never stopped.
//
// A run folder holds checkpoints (model/run_folder.h) and
//   metrics.jsonl   one object a line: step, loss, lr, grad_norm, train_loss, val_loss,
//   val_accuracy samples.txt     what the model wrote along the way timing.jsonl    step, ms,
//   tokens_per_second: the only file that knows the clock
#pragma once
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "model/metrics_row.h"
#include "model/run_folder.h"
#include "model/trainer.h"

namespace glass {

// Whoever watches a run: a terminal, a dashboard, a test.
class RunWatcher {
 public:
  virtual ~RunWatcher();
  virtual void on_step(const StepResult&, double /*ms*/) {}
  virtual void on_row(const MetricsRow&) {}
  virtual void on_look(std::int64_t /*step*/) {}   // an evaluation begins
  virtual void on_evaluation(std::int64_t /*step*/, const Losses&, bool /*best*/) {}
  virtual void on_samples(std::int64_t /*step*/, const std::string& /*text*/) {}
  virtual void on_saved(std::int64_t /*step*/, const SavedFile&, bool /*best*/) {}
  virtual void on_warning(const std::string&) {}
  virtual bool wants_to_stop() { return false; }   // asked between batches
  virtual bool wants_to_save() { return false; }   // asked once a step; true: save behind this one
};

// A file that grows, and can be cut back to where a checkpoint saw it.
class GrowingFile {
 public:
  explicit GrowingFile(const std::string& path);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;
  void append(const std::string& text);
  void sync();                    // until it is safe on the disk
  bool cut(std::int64_t bytes);   // false: it was shorter already
  std::int64_t size() const { return size_; }

 private:
  std::string path_;
  int fd_;
  std::int64_t size_ = 0;
};

// The note glass.trainer of a state that another program left: how it was trained, and its best
// validation loss so far, or infinity.
std::string trainer_note(const TrainConfig& config, double best_val_loss, std::int64_t best_step);

class Run {
 public:
  // `notes`: what every checkpoint of the run says alike: its config, its tokenizer, ...
  Run(Trainer& trainer, RunFolder& folder, Notes notes, RunWatcher& watcher);

  std::function<std::string(std::int64_t step)> make_samples;   // for samples.txt; none: no samples

  // Takes up where a checkpoint of this folder stands.
  void resume(const FoundCheckpoint& from);
  // Takes up where a checkpoint from elsewhere stands: of another run, or of another program.
  void branch_off(const FoundCheckpoint& from);

  enum class End { finished, stopped };
  End go();   // until max_iters, or until the watcher wants to stop

  double best_val_loss() const { return best_val_; }
  const Losses& last_losses() const { return losses_; }
  const std::string& last_saved() const { return last_saved_; }

 private:
  void first_look();
  bool due(std::int64_t every) const { return every > 0 && trainer_.steps() % every == 0; }
  void look(MetricsRow& row);
  void note_losses(MetricsRow& row) const;
  void write(const MetricsRow& row);
  void append(const MetricsRow& row);
  std::string write_samples();
  void finish();
  bool one_step();
  void skip_or_stop(const NonFiniteError& error);
  void after_step(MetricsRow row);
  void write_time(double ms);
  void save();   // unless this step is saved already
  void save_as(bool best);
  Checkpoint snapshot() const;

  Trainer& trainer_;
  RunFolder& folder_;
  Notes notes_;
  RunWatcher& watcher_;
  GrowingFile metrics_, samples_, timing_;
  double best_val_ = std::numeric_limits<double>::infinity();
  std::int64_t best_step_ = -1, saved_step_ = -1;
  int skipped_in_a_row_ = 0;
  std::optional<MetricsRow> pending_;   // of a step that is done, but was not looked at yet
  Losses losses_{MetricsRow::kNone, MetricsRow::kNone};
  std::string last_saved_;
};

}   // namespace glass
