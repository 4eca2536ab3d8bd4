#include "model/repeating.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "model/corpora/dice.h"

namespace glass {

Repeating::Repeating(std::unique_ptr<Samples> samples, const Repeats& repeats, int vocab_size,
                     std::uint64_t seed)
    : Samples(samples->B(), samples->T()),
      samples_(std::move(samples)),
      repeats_(repeats),
      vocab_size_(static_cast<std::size_t>(vocab_size)),
      seed_(seed) {
  if (T() >= 2 * kShortest) return;
  fail(UsageError("a passage that comes again needs room: --block-size must be at least " +
                  std::to_string(2 * kShortest) + " beside --repeat, not " + std::to_string(T()) +
                  "."));
}

void Repeating::sample(std::int64_t g, std::span<std::int32_t> inputs,
                       std::span<std::int32_t> targets) const {
  samples_->one(g, inputs, targets);
  Dice dice(seed_, "repeating", g);
  const bool random = dice.chance(repeats_.random_share);
  if (!random && !dice.chance(repeats_.share)) return;
  std::vector<std::int32_t> row(inputs.size() + 1, targets.back());
  std::copy(inputs.begin(), inputs.end(), row.begin());
  if (random) {
    for (std::int32_t& id : row) id = static_cast<std::int32_t>(dice.below(vocab_size_));
  }
  // A passage of m tokens at `from`, and again at `to`.
  const auto least = static_cast<std::size_t>(kShortest);
  const std::size_t m = least + dice.below(row.size() / 2 - least + 1);
  const std::size_t from = dice.below(row.size() - 2 * m + 1);
  const std::size_t to = from + m + dice.below(row.size() - 2 * m - from + 1);
  std::copy_n(row.begin() + static_cast<std::ptrdiff_t>(from), m,
              row.begin() + static_cast<std::ptrdiff_t>(to));
  std::copy(row.begin(), row.end() - 1, inputs.begin());
  std::copy(row.begin() + 1, row.end(), targets.begin());
}

}   // namespace glass
