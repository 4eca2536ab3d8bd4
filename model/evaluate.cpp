#include "model/evaluate.h"

#include <algorithm>
#include <vector>

#include "model/pending_losses.h"

namespace glass {
namespace {

// Reads the tokens [start, end) and predicts those behind [from, end).
struct Window {
  std::int64_t start, from, end;
  std::int64_t length() const { return end - start; }
  std::int64_t predicted() const { return end - from; }
};

// The windows that predict `all` tokens of a text, in order.
std::vector<Window> windows_of(std::int64_t all, std::int64_t T, std::int64_t stride) {
  std::vector<Window> windows;
  for (std::int64_t done = 0; done < all; done = windows.back().end) {
    const std::int64_t end = std::min(done + (done == 0 ? T : stride), all);
    windows.push_back({stride == T ? done : std::max<std::int64_t>(0, end - T), done, end});
  }
  return windows;
}

// Adds the losses of windows of one length.
void add_losses(PendingLosses& losses, LanguageModel& model, const Tokens& text,
                std::span<const Window> windows) {
  const std::int64_t T = windows.front().length(), B = static_cast<std::int64_t>(windows.size());
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(T + 1)), inputs, targets;
  std::int64_t predicted = 0;
  for (const Window& w : windows) {
    text.copy(w.start, tokens);
    inputs.insert(inputs.end(), tokens.begin(), tokens.end() - 1);
    targets.insert(targets.end(), static_cast<std::size_t>(w.from - w.start), kIgnore);
    targets.insert(targets.end(), tokens.begin() + 1 + (w.from - w.start), tokens.end());
    predicted += w.predicted();
  }
  Pass pass;
  losses.add(model.loss(pass, Tensor::ids(model.device(), inputs, {B, T}),
                        Tensor::ids(model.device(), targets, {B, T})),
             predicted);
}

}   // namespace

Evaluation evaluate(LanguageModel& model, const Tokens& text, const EvaluateOptions& options) {
  const std::int64_t T = model.config().block_size;
  const std::int64_t stride = options.stride > 0 ? std::min(options.stride, T) : T;
  const std::int64_t all = std::max<std::int64_t>(text.size() - 1, 0);
  const std::vector<Window> windows = windows_of(all, T, stride);
  PendingLosses losses;
  std::int64_t done = 0;
  for (std::size_t i = 0; i < windows.size() && !(options.stop && options.stop());) {
    std::size_t end = i + 1;
    const auto most = static_cast<std::size_t>(options.B);
    while (end < windows.size() && end - i < most && windows[end].length() == windows[i].length())
      ++end;
    add_losses(losses, model, text, std::span(windows).subspan(i, end - i));
    i = end;
    done = windows[i - 1].end;
  }
  return {done > 0 ? losses.sum() / static_cast<double>(done) : 0, done};
}

namespace {

// Of one batch: how many targets are asked for, and how many of them are the likeliest token.
void count_right(const Tensor& logits, std::span<const std::int32_t> targets, std::int64_t& asked,
                 std::int64_t& right) {
  const std::vector<double> values = logits.to_host();
  const std::size_t V = values.size() / targets.size();
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (targets[i] == kIgnore) continue;
    const auto row = values.begin() + static_cast<std::ptrdiff_t>(i * V);
    const auto likeliest = std::max_element(row, row + static_cast<std::ptrdiff_t>(V)) - row;
    ++asked, right += likeliest == targets[i];
  }
}

}   // namespace

Answers answers(LanguageModel& model, const Samples& samples, std::int64_t count,
                const std::function<bool()>& stop) {
  const std::int64_t B = samples.B(), T = samples.T();
  std::vector<std::int32_t> inputs(static_cast<std::size_t>(B * T)), targets(inputs.size());
  double sum = 0;
  Answers all;
  std::int64_t right = 0;
  if (count == 0) count = samples.count();
  for (std::int64_t first = 0; first < count && !(stop && stop()); first += B) {
    samples.fill(first, inputs, targets);
    const std::int64_t before = all.asked;
    Pass pass;
    const Tensor logits = model.logits(pass, Tensor::ids(model.device(), inputs, {B, T}));
    const Tensor loss = cross_entropy(logits, Tensor::ids(model.device(), targets, {B, T}));
    count_right(logits, targets, all.asked, right);
    sum += loss.item() * static_cast<double>(all.asked - before);
  }
  if (all.asked == 0) return all;
  all.loss = sum / static_cast<double>(all.asked);
  all.accuracy = static_cast<double>(right) / static_cast<double>(all.asked);
  return all;
}

}   // namespace glass
