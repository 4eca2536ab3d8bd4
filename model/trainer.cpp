#include "model/trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/evaluate.h"
#include "model/pending_losses.h"
#include "model/repeating.h"

namespace glass {

Fault parse_fault(const std::string& text) {
  if (text.empty()) return {};
  const std::vector<std::string> parts = split(text, '@');
  std::int64_t step = 0;
  if (parts.size() == 2 && parse_integer(parts[1], step) == NumberFault::none) {
    if (parts[0] == "nan_loss") return {Fault::Kind::nan_loss, step};
    if (parts[0] == "inf_grad") return {Fault::Kind::inf_grad, step};
    if (parts[0] == "nan_param") return {Fault::Kind::nan_param, step};
  }
  fail(UsageError("GLASS_FAULT is " + in_quotes(text) +
                  "; it must be nan_loss@STEP, inf_grad@STEP or nan_param@STEP."));
}

namespace {

// Streams of random windows that have nothing to do with each other.
enum Stream : std::uint64_t { kTraining = 0, kProbeTrain = 1, kProbeVal = 2 };
std::uint64_t stream(const TrainConfig& c, Stream which) {
  return static_cast<std::uint64_t>(c.seed) * 4 + which;
}

AdamW::Options adam_options(const TrainConfig& c) {
  return {.beta1 = c.beta1,
          .beta2 = c.beta2,
          .eps = 1e-8,
          .weight_decay = c.weight_decay,
          .max_norm = c.grad_clip};
}

bool all_finite(const Tensor& x) {
  const std::vector<double> values = x.to_host();
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

void write_first(const Tensor& x, double value) {
  const Tensor whole = x.detach();
  Tensor first = slice(reshape(whole, {whole.numel()}), 0, 0, 1);
  first.backend().fill(first.writable("a fault done on purpose"), value);
}

}   // namespace

Trainer::Trainer(LanguageModel& model, const Dataset& data, const TrainConfig& config)
    : model_(model),
      config_(config),
      T_(model.config().block_size),
      data_(data),
      adam_(model.parameters(), adam_options(config)) {
  const auto samples = [&](Split split, Stream which) {
    return samples_of(data, split, config.batch_size, T_, stream(config, which));
  };
  const Repeats repeats{config.repeat, config.repeat_random};
  const auto to_learn = [&](Stream which) -> std::unique_ptr<Samples> {
    auto plain = samples(Split::train, which);
    if (!repeats.any()) return plain;
    return std::make_unique<Repeating>(std::move(plain), repeats, data.vocab_size,
                                       stream(config, which));
  };
  train_ = to_learn(kTraining);
  train_probe_ = to_learn(kProbeTrain);
  val_probe_ = samples(Split::val, kProbeVal);
  const std::size_t n = static_cast<std::size_t>(config.batch_size * T_);
  inputs_.resize(n), targets_.resize(n);
}

void Trainer::set_steps(std::int64_t n) {
  steps_ = n;
  adam_.set_steps(n);
}

double Trainer::learning_rate(std::int64_t step) const {
  return WarmupCosine{config_.learning_rate, config_.min_lr, config_.warmup_iters,
                      config_.decay_steps()}(step);
}

// A product of (M,K) and (K,N) costs 2 M N K; every weight of a matrix meets every token once
// forward and twice backward. Attention multiplies (T,D) with (D,T) and (T,T) with (T,D), half of
// it above the diagonal.
double Trainer::flops_per_step() const {
  const GPTConfig& c = model_.config();
  const double tokens = static_cast<double>(tokens_per_step());
  double weights = 0;
  for (Parameter* p : model_.parameters()) {
    const bool looked_up = p->name == "transformer.wpe.weight" || p->name == "bigram.table" ||
                           (p->name == "transformer.wte.weight" && !c.tie);
    if (p->value.rank() == 2 && !looked_up) weights += static_cast<double>(p->value.numel());
  }
  const double layers = c.arch == Arch::gpt ? static_cast<double>(c.n_layer) : 0;
  const double attention = 2 * layers * static_cast<double>(c.n_embd) * static_cast<double>(T_);
  return 3 * tokens * (2 * weights + attention);
}

Tensor Trainer::micro_step(std::int64_t micro) {
  train_->fill(steps_ * config_.samples_per_step() + micro * config_.batch_size, inputs_, targets_);
  const Shape shape = {config_.batch_size, T_};
  const Tensor ids = Tensor::ids(model_.device(), inputs_, shape),
               targets = Tensor::ids(model_.device(), targets_, shape);
  Pass pass(&tape_);
  pass.mode = Mode::train;
  pass.random = {static_cast<std::uint64_t>(config_.seed), 0, static_cast<std::uint32_t>(steps_),
                 static_cast<std::uint32_t>(micro)};
  // Running a block again hides its operations; whoever looks for one gives the memory back.
  pass.recompute = config_.recompute && !debug_nonfinite;
  tape_.stop_at_nonfinite = debug_nonfinite;
  const double share = 1 / static_cast<double>(config_.gradient_accumulation_steps);
  Tensor loss = model_.loss(pass, ids, targets);
  if (fault.kind == Fault::Kind::nan_loss && fault.step == steps_ + 1)
    loss = loss * std::numeric_limits<double>::quiet_NaN();
  done(Part::forward);
  tape_.backward(share == 1 ? loss : loss * share);
  tape_.clear();
  done(Part::backward);
  return loss.detach();
}

// Everything that the host wants to know of a step, at its end and at once: a GPU that is asked in
// the middle has nothing to do until the answer has come and the next work is there.
StepResult Trainer::seen(double lr) {
  const std::size_t losses = told_.size();
  told_.push_back(adam_.norm());
  told_.push_back(adam_.skipped_flag());
  numbers_.resize(told_.size());
  items(told_, numbers_);
  const double share = 1 / static_cast<double>(losses);
  double loss = 0;
  for (const double one : std::span(numbers_).first(losses)) {
    if (!std::isfinite(one)) not_finite("The loss is " + shortest(one), Look::weights);
    loss += one * share;
  }
  if (numbers_[losses + 1] != 0) not_finite("The gradient is not finite", Look::gradients_too);
  return {steps_ + 1, loss, lr, numbers_[losses]};
}

StepResult Trainer::step() {
  abandoned_ = false;
  const double lr = learning_rate(steps_);
  if (fault.kind == Fault::Kind::nan_param && fault.step == steps_ + 1)
    write_first(model_.parameters().front()->value, NAN);
  told_.clear();
  try {
    for (std::int64_t micro = 0; micro < config_.gradient_accumulation_steps; ++micro) {
      if (micro > 0 && interrupted && interrupted()) {
        abandoned_ = true;
        adam_.zero_grad();
        return {steps_, 0, lr, 0};
      }
      told_.push_back(micro_step(micro));
    }
  } catch (const NonFiniteError& error) {
    tape_.clear();
    adam_.zero_grad();
    if (!debug_nonfinite) throw;
    // The tape knows the operation, and we the step.
    not_finite(error.what(), Look::gradients_too);
  } catch (...) {
    tape_.clear();
    adam_.zero_grad();
    throw;
  }
  if (fault.kind == Fault::Kind::inf_grad && fault.step == steps_ + 1)
    write_first(model_.parameters().back()->grad, INFINITY);
  adam_.step(lr, told_);   // writes nothing where a loss or the norm is not finite
  const StepResult result = seen(lr);
  adam_.zero_grad();
  ++steps_;
  done(Part::optimizer);
  return result;
}

const Parameter* Trainer::broken_weight() {
  for (const Parameter* p : model_.parameters()) {
    if (!all_finite(p->value)) return p;
  }
  return nullptr;
}

// Names the first weight, or else the first gradient, that holds something that is not a number.
std::string Trainer::culprit(Look look) {
  if (const Parameter* p = broken_weight())
    return " (the weight " + p->name + " already holds a value that is not finite)";
  for (const Parameter* p : model_.parameters()) {
    const bool seen = look == Look::gradients_too && p->touched;
    if (seen && !all_finite(p->grad)) return " (first in the gradient of " + p->name + ")";
  }
  return "";
}

void Trainer::not_finite(const std::string& what, Look look) {
  const std::string where = culprit(look);
  const std::int64_t first = steps_ * config_.samples_per_step(),
                     last = first + config_.samples_per_step() - 1;
  adam_.zero_grad();
  adam_.set_steps(steps_);
  fail(NonFiniteError(what + " in step " + std::to_string(steps_ + 1) + where + ", on samples " +
                      std::to_string(first) + " to " + std::to_string(last) + " of seed " +
                      std::to_string(config_.seed) +
                      ". Nothing was updated. A smaller --learning-rate usually helps" +
                      (debug_nonfinite ? "." : "; --debug-nan names the operation.")));
}

void Trainer::done(Part part) const {
  if (part_done) part_done(part);
}

void Trainer::stop_if_interrupted() const {
  if (interrupted && interrupted()) fail(Interrupted());
}

double Trainer::loss_on(const Samples& samples, std::int64_t batches) const {
  std::vector<std::int32_t> inputs(inputs_.size()), targets(inputs_.size());
  const Shape shape = {config_.batch_size, T_};
  PendingLosses losses;
  for (std::int64_t i = 0; i < batches; ++i) {
    stop_if_interrupted();
    samples.fill(i * config_.batch_size, inputs, targets);
    Pass pass;
    losses.add(model_.loss(pass, Tensor::ids(model_.device(), inputs, shape),
                           Tensor::ids(model_.device(), targets, shape)),
               1);
  }
  return losses.sum() / static_cast<double>(batches);
}

void Trainer::estimate_val(Losses& losses) const {
  if (data_.made) {
    const Answers seen = answers(model_, *val_probe_, 0, interrupted);
    losses.val = seen.loss, losses.val_accuracy = seen.accuracy;
  } else if (data_.val.size() > 1) {   // a small split is read whole: no luck in it
    const std::int64_t asked = config_.eval_iters * config_.batch_size;
    const bool whole = !val_probe_ || val_probe_->count() <= asked;
    const EvaluateOptions all{.B = config_.batch_size, .stop = interrupted};
    losses.val =
        whole ? evaluate(model_, data_.val, all).loss : loss_on(*val_probe_, config_.eval_iters);
  }
}

Losses Trainer::estimate() {
  Losses losses{loss_on(*train_probe_, config_.eval_iters),
                std::numeric_limits<double>::quiet_NaN()};
  estimate_val(losses);
  stop_if_interrupted();
  return losses;
}

}   // namespace glass
