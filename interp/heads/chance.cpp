#include "interp/heads/chance.h"

#include <algorithm>
#include <cmath>

namespace glass {
namespace {

// Scores of models that look everywhere alike differ by rounding alone; nothing is far above that.
constexpr double kSmallestDeviation = 1e-4;
constexpr std::int64_t kEnoughWords = 1024;

}   // namespace

double Chance::z(double score) const {
  return models > 0 ? (score - mean) / std::max(deviation, kSmallestDeviation) : std::nan("");
}

void each_random_model(const GPT& like, std::int64_t words, int count, std::uint64_t seed,
                       const std::function<void(GPT&)>& visit) {
  GPTConfig config = like.config();
  config.vocab_size = words;
  config.dropout = 0;
  for (int i = 0; i < count; ++i) {
    GPT random(config, like.device(), like.dtype(), seed + 1 + static_cast<std::uint64_t>(i));
    visit(random);
  }
}

SequenceSource with_few_words(SequenceSource source) {
  source.vocab_size = std::min(source.vocab_size, kEnoughWords);
  if (source.bos >= 0) source.bos = 0;
  return source;
}

void ChanceOf::add(const PerHead& scores) {
  for (const double x : scores.values)
    if (std::isfinite(x)) all_.push_back(x);
  ++models_;
}

Chance ChanceOf::chance() const {
  if (all_.empty()) return {};
  const auto n = static_cast<double>(all_.size());
  double sum = 0, squares = 0;
  for (const double x : all_) sum += x;
  for (const double x : all_) squares += (x - sum / n) * (x - sum / n);
  return {sum / n, std::sqrt(squares / n), models_};
}

}   // namespace glass
