#include "tools/model_step.h"

#include <algorithm>

#include "engine/base/error.h"

namespace glass {
namespace {

constexpr int kRuns = 3;

// Of each time the least: whoever else computes on this machine only ever adds to it.
void keep_least(Trace& trace, Trace run) {
  for (std::size_t i = 0; i < trace.nodes.size(); ++i) {
    TraceNode &one = run.nodes.at(i), &other = trace.nodes[i];
    one.forward_ms = std::min(one.forward_ms, other.forward_ms);
    one.backward_ms = std::min(one.backward_ms, other.backward_ms);
  }
  trace = std::move(run);
}

double run(LanguageModel& model, Tape& tape, const Tensor& read, const Tensor& next) {
  Pass pass(&tape);
  pass.mode = Mode::train;
  const Tensor loss = model.loss(pass, read, next);
  tape.backward(loss);
  return loss.item();
}

// For as long as it lives, weights have gradients.
class Gradients {
 public:
  explicit Gradients(LanguageModel& model) : model_(model) { forget(); }
  ~Gradients() {
    for (Parameter* p : model_.parameters()) p->grad = {};
    forget();
  }
  Gradients(const Gradients&) = delete;
  Gradients& operator=(const Gradients&) = delete;
  void forget() {
    for (Parameter* p : model_.parameters()) p->zero_grad();
  }

 private:
  LanguageModel& model_;
};

}   // namespace

ModelStep trace_step(LanguageModel& model, std::span<const std::int32_t> ids) {
  if (ids.size() < 2)
    fail(UsageError("a step needs two tokens at least: what comes behind the first one?"));
  const std::int64_t T = static_cast<std::int64_t>(ids.size()) - 1;
  const Tensor read = Tensor::ids(model.device(), ids.first(ids.size() - 1), {1, T}),
               next = Tensor::ids(model.device(), ids.last(ids.size() - 1), {1, T});
  Gradients gradients(model);
  Tape tape;
  ModelStep step;
  step.loss = run(model, tape, read, next);   // pays for memory and cold caches
  for (int i = 0; i < kRuns; ++i) {
    tape.clear();
    gradients.forget();
    Tracer tracer(tape);
    run(model, tape, read, next);
    keep_least(step.trace, tracer.take());
  }
  step.trace.program = "one training step on " + std::to_string(ids.size()) + " tokens";
  step.trace.device = model.device()->name();
  return step;
}

}   // namespace glass
