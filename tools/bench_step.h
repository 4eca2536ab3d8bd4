// A training step with a clock in it: the trainer that `glass train` uses, on random tokens, so
// that no data are needed. The numbers that come out depend on sizes alone.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/dataset.h"
#include "model/trainer.h"
#include "tools/bench.h"

namespace glass {

struct StepTimes {
  double step = 0, forward = 0, backward = 0, optimizer = 0;   // ms
};

// Where the time of steps goes: one row for everything that has the same op, shape and place in a
// block.
struct OpTime {
  std::string op, scope, shape;
  int count = 0;                            // nodes in a step
  double forward_ms = 0, backward_ms = 0;   // of all of them in a step
  double flops = 0;                         // of all of them forward; 0: not counted
};

class StepBench {
 public:
  StepBench(const GPTConfig& model, const TrainConfig& train, Machine machine);

  // Where parts are told apart, the machine is waited for behind each of them. A GPU, which
  // otherwise need not stop, gets a second step for that, and the time of the first one counts.
  StepTimes step();
  // The same with a clock behind every node, which costs a little time of its own.
  std::vector<OpTime> profile(int steps);

  const Machine& machine() const { return machine_; }
  LanguageModel& model() { return *model_; }
  std::int64_t tokens_per_step() const { return trainer_.tokens_per_step(); }
  double flops() const { return trainer_.flops_per_step(); }   // of a step
  // What of it runs forward: a third, but all of the head, whose gradients are made on the way.
  double forward_flops() const;
  // What the optimizer must read and write: the gradient for its norm, then weight, gradient and
  // both moments, of which three are written again.
  double optimizer_bytes() const;
  // The least that a step can take: its products at the peak of multiply-adds, and then what the
  // optimizer must move.
  double floor_ms(const Peak& peak) const;

 private:
  double whole_step();
  StepTimes step_in_parts();

  Machine machine_;
  Dataset data_;
  std::unique_ptr<LanguageModel> model_;
  Trainer trainer_;
};

}   // namespace glass
