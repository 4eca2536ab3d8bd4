#include "model/evaluate.h"

#include <algorithm>
#include <vector>

namespace glass {
namespace {

// The sum of the losses of B windows of T tokens that follow each other from `start` on.
double surprise(LanguageModel& model, const Tokens& text, std::int64_t start, std::int64_t B,
                std::int64_t T) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(B * T + 1));
  text.copy(start, tokens);
  const std::span<const std::int32_t> all(tokens);
  const std::size_t n = static_cast<std::size_t>(B * T);
  Pass pass;
  const Tensor loss = model.loss(pass, Tensor::ids(model.device(), all.first(n), {B, T}),
                                 Tensor::ids(model.device(), all.subspan(1, n), {B, T}));
  return loss.item() * static_cast<double>(B * T);
}

}   // namespace

Evaluation evaluate(LanguageModel& model, const Tokens& text, std::int64_t B) {
  const std::int64_t T = model.config().block_size,
                     predicted = std::max<std::int64_t>(text.size() - 1, 0);
  double sum = 0;
  std::int64_t start = 0;
  while (predicted - start >= T) {
    const std::int64_t windows = std::min(B, (predicted - start) / T);
    sum += surprise(model, text, start, windows, T);
    start += windows * T;
  }
  if (predicted > start) sum += surprise(model, text, start, 1, predicted - start);
  return {predicted > 0 ? sum / static_cast<double>(predicted) : 0, predicted};
}

}   // namespace glass
