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

Evaluation evaluate(LanguageModel& model, const Tokens& text, std::int64_t B,
                    const std::function<bool()>& stop) {
  const std::int64_t T = model.config().block_size;
  const std::int64_t all = std::max<std::int64_t>(text.size() - 1, 0);
  double sum = 0;
  std::int64_t done = 0;
  while (done < all && !(stop && stop())) {
    const std::int64_t windows = std::min(B, (all - done) / T);
    const std::int64_t length = windows > 0 ? T : all - done;   // the last window is shorter
    sum += surprise(model, text, done, std::max<std::int64_t>(windows, 1), length);
    done += std::max<std::int64_t>(windows, 1) * length;
  }
  return {done > 0 ? sum / static_cast<double>(done) : 0, done};
}

}   // namespace glass
