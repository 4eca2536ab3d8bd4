// The training loop, one step at a time: draw a batch, see how surprised the model is, follow the
// gradient. Everything random is a function of (seed, step), so a trainer is its weights, its
// moments and one number: how many steps it did.
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/asker.h"
#include "engine/optim.h"
#include "model/dataset.h"
#include "model/language_model.h"
#include "model/samples.h"
#include "model/train_config.h"

namespace glass {

struct StepResult {
  std::int64_t step;      // how many steps are done now
  double loss;            // before the step, mean over the batch
  double lr, grad_norm;   // grad_norm: before clipping
};

struct Losses {
  double train, val;   // val: NaN where nothing is held out
  // Of a data set that asks only for what can be known: how often the model knows it. NaN: of a
  // text.
  double val_accuracy = std::numeric_limits<double>::quiet_NaN();
};

// Damage done on purpose, to see whether it is noticed: "nan_loss@37", "inf_grad@37",
// "nan_param@37".
struct Fault {
  enum class Kind : std::uint8_t { none, nan_loss, inf_grad, nan_param } kind = Kind::none;
  std::int64_t step = 0;
};
Fault parse_fault(const std::string& text);   // "": none

class Trainer {
 public:
  Trainer(LanguageModel& model, const Dataset& data, const TrainConfig& config);

  // One step. A loss or a gradient that is not finite throws a NonFiniteError that names step,
  // tensor and windows; the weights, the moments and the count of steps are then what they were
  // before.
  StepResult step();
  // Asked between batches. true abandons the step that is under way, as if it had not begun, and
  // ends an estimate by throwing Interrupted.
  std::function<bool()> interrupted;
  bool abandoned() const { return abandoned_; }

  // Called behind each part of a step, for whoever wants to know where its time goes.
  enum class Part : std::uint8_t { forward, backward, optimizer };
  std::function<void(Part)> part_done;

  Losses estimate();   // on the same eval_iters batches of each split every time

  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t n);     // of a run that goes on
  const Parameter* broken_weight();   // the first that holds a value that is not finite, or null
  double learning_rate(std::int64_t step) const;
  LanguageModel& model() { return model_; }
  const TrainConfig& config() const { return config_; }
  AdamW& optimizer() { return adam_; }
  Tape& tape() { return tape_; }   // of the step, for whoever watches it
  std::int64_t tokens_per_step() const { return config_.samples_per_step() * T_; }
  double flops_per_step() const;   // multiply and add are two

  Fault fault;
  bool debug_nonfinite = false;   // look at every value, to name the first one that goes wrong

 private:
  Tensor micro_step(std::int64_t micro);   // its loss, which is still being computed
  StepResult seen(double lr);
  double loss_on(const Samples& samples, std::int64_t batches) const;
  void estimate_val(Losses& losses) const;
  void stop_if_interrupted() const;
  void done(Part part) const;
  enum class Look : std::uint8_t { weights, gradients_too };
  std::string culprit(Look look);
  [[noreturn]] void not_finite(const std::string& what, Look look);

  LanguageModel& model_;
  TrainConfig config_;
  std::int64_t T_;
  std::unique_ptr<Samples> train_, train_probe_, val_probe_;   // val_probe_: or none
  const Dataset& data_;
  AdamW adam_;
  Tape tape_;
  std::int64_t steps_ = 0;
  bool abandoned_ = false;
  std::vector<std::int32_t> inputs_, targets_;
  // Of a step, on the device: the loss of each batch, the norm, whether it was skipped.
  std::vector<Tensor> told_;
  std::vector<double> numbers_;   // the same on the host
};

}   // namespace glass
