#include "tools/logit_change.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/generate.h"
#include "model/saved_model.h"

namespace glass {
namespace {

constexpr std::int64_t kTokens = 64;

std::unique_ptr<LanguageModel> model_of(const GPTConfig& config, const Checkpoint& checkpoint,
                                        const Machine& machine) {
  auto model = make_model(config, machine.backend, machine.dtype, std::nullopt);
  load_weights(*model, checkpoint, "the checkpoint");
  return model;
}

// What the model says when nobody asked for anything: the kind of text it knows best.
std::vector<std::int32_t> own_text(LanguageModel& model, std::int64_t length) {
  const std::int32_t start = 0;
  Generator generator(model, std::span(&start, 1));
  std::vector<std::int32_t> text = generator.sample(0, length - 1, {});
  text.insert(text.begin(), start);
  return text;
}

std::vector<double> logits_of(LanguageModel& model, const std::vector<std::int32_t>& text) {
  Pass pass;
  const auto T = static_cast<std::int64_t>(text.size());
  return model.logits(pass, Tensor::ids(model.device(), text, {1, T})).to_host();
}

std::ptrdiff_t largest(std::span<const double> row) {
  return std::max_element(row.begin(), row.end()) - row.begin();
}

double deviation(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double x : values) sum += x, squares += x * x;
  const auto n = static_cast<double>(values.size());
  return std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n)));
}

}   // namespace

LogitChange change_by_activation(const GPTConfig& config, const Checkpoint& checkpoint,
                                 Activation other, const Machine& machine) {
  GPTConfig changed = config;
  changed.act = other;
  const auto model = model_of(config, checkpoint, machine);
  const std::vector<std::int32_t> text = own_text(*model, std::min(kTokens, config.block_size));
  const std::vector<double> ours = logits_of(*model, text);
  const std::vector<double> theirs = logits_of(*model_of(changed, checkpoint, machine), text);
  LogitChange change;
  change.spread = deviation(ours);
  change.positions = static_cast<std::int64_t>(text.size());
  for (std::size_t i = 0; i < ours.size(); ++i)
    change.most = std::max(change.most, std::abs(ours[i] - theirs[i]));
  const auto V = static_cast<std::size_t>(config.vocab_size);
  for (std::size_t at = 0; at < ours.size(); at += V)
    change.other_choices +=
        largest(std::span(ours).subspan(at, V)) != largest(std::span(theirs).subspan(at, V));
  return change;
}

}   // namespace glass
