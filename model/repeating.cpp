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

namespace {

using Row = std::vector<std::int32_t>;
constexpr auto kLeast = static_cast<std::size_t>(Repeating::kShortest);

// A passage of m tokens at `from`, and once more at `to`.
void repeat_passage(Row& row, Dice& dice) {
  const std::size_t m = kLeast + dice.below(row.size() / 2 - kLeast + 1);
  const std::size_t from = dice.below(row.size() - 2 * m + 1);
  const std::size_t to = from + m + dice.below(row.size() - 2 * m - from + 1);
  for (std::size_t i = 0; i < m; ++i) row[to + i] = row[from + i];
}

// Random tokens, of which from some place on each is the one that stood `distance` before.
void random_and_again(Row& row, Dice& dice, std::size_t vocab_size) {
  const std::size_t distance = kLeast + dice.below(row.size() / 2 - kLeast + 1);
  const std::size_t to = std::min(distance + dice.below(kLeast), row.size() - kLeast);
  for (std::size_t i = 0; i < row.size(); ++i)
    row[i] = i < to ? static_cast<std::int32_t>(dice.below(vocab_size)) : row[i - distance];
}

}   // namespace

void Repeating::sample(std::int64_t g, std::span<std::int32_t> inputs,
                       std::span<std::int32_t> targets) const {
  samples_->one(g, inputs, targets);
  Dice dice(seed_, "repeating", g);
  const bool random = dice.chance(repeats_.random_share);
  if (!random && !dice.chance(repeats_.share)) return;
  Row row(inputs.size() + 1, targets.back());
  std::copy(inputs.begin(), inputs.end(), row.begin());
  if (random) random_and_again(row, dice, vocab_size_);
  else repeat_passage(row, dice);
  std::copy(row.begin(), row.end() - 1, inputs.begin());
  std::copy(row.begin() + 1, row.end(), targets.begin());
}

}   // namespace glass
