#include "model/random_repeats.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "engine/base/error.h"
#include "engine/ops.h"
#include "model/corpora/corpora.h"
#include "model/corpora/dice.h"
#include "model/tokenizer/char.h"

namespace glass {
namespace {

constexpr std::int64_t kShortest = 16;   // that a sequence may be
constexpr std::size_t kShortestSegment = 6, kShortestPeriod = 4;
constexpr std::size_t kMostBefore = 8, kMostBetween = 12;   // random tokens around segments

using Row = std::span<std::int32_t>;
using Ids = std::vector<std::int32_t>;

std::int32_t any_token(Dice& dice) {
  return 1 + static_cast<std::int32_t>(dice.below(kRepeatSymbols));
}

// n different tokens in a random order.
Ids distinct_tokens(Dice& dice, std::size_t n) {
  std::array<std::int32_t, kRepeatSymbols> all;
  std::iota(all.begin(), all.end(), 1);
  for (std::size_t i = 0; i < n; ++i) std::swap(all[i], all[i + dice.below(all.size() - i)]);
  return Ids(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n));
}

// One of least .. most, but not the length that is held out.
std::size_t length(Dice& dice, std::size_t least, std::size_t most, std::size_t held_out) {
  most = std::max(least, std::min<std::size_t>(most, kRepeatSymbols));
  const std::size_t n = least + dice.below(most - least + 1);
  return n == held_out ? n - 1 : n;
}

void periodic(Dice& dice, Row row, std::size_t held_out) {
  const Ids period = distinct_tokens(dice, length(dice, kShortestPeriod, row.size() / 2, held_out));
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = period[i % period.size()];
}

void segments(Dice& dice, Row row, std::size_t held_out) {
  const std::size_t before = dice.below(std::min(kMostBefore, row.size() / 8) + 1);
  std::size_t gap = dice.below(std::min(kMostBetween, row.size() / 5) + 1), at = 0;
  const Ids segment = distinct_tokens(
      dice, length(dice, kShortestSegment, (row.size() - before - gap) / 2, held_out));
  const auto put = [&](std::int32_t id) {
    if (at < row.size()) row[at++] = id;
  };
  const auto other_than_held_out = [&](std::size_t between) {
    return segment.size() + between == held_out ? between + 1 : between;
  };
  gap = other_than_held_out(gap);
  for (std::size_t i = 0; i < before; ++i) put(any_token(dice));
  while (at < row.size()) {
    for (const std::int32_t id : segment) put(id);
    for (std::size_t i = 0; i < gap; ++i) put(any_token(dice));
    gap = other_than_held_out(dice.below(kMostBetween + 1));
  }
}

// Everything behind token 0.
void write_sequence(Dice& dice, Row row, std::size_t held_out) {
  if (dice.chance(0.5)) periodic(dice, row, held_out);
  else segments(dice, row, held_out);
}

// row has T + 1 tokens.
void cut(std::span<const std::int32_t> row, Row inputs, Row targets) {
  std::copy(row.begin(), row.end() - 1, inputs.begin());
  std::copy(row.begin() + 1, row.end(), targets.begin());
}

void require_room(std::int64_t T) {
  if (T >= kShortest) return;
  fail(UsageError("sequences that repeat need room: --block-size must be at least " +
                  std::to_string(kShortest) + ", not " + std::to_string(T) + "."));
}

const std::u32string& letters() {
  static const std::u32string all =
      U"\nABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
  return all;
}

}   // namespace

TokenizerPtr repeat_tokenizer() {
  static const TokenizerPtr one = std::make_shared<CharTokenizer>(letters(), "induction", 0);
  return one;
}

std::int64_t held_out_length(std::int64_t T) { return std::min<std::int64_t>(30, (T - 1) / 2); }

RandomRepeats::RandomRepeats(std::int64_t B, std::int64_t T, std::uint64_t seed)
    : Samples(B, T), seed_(seed) {
  require_room(T);
}

void RandomRepeats::sample(std::int64_t g, Row inputs, Row targets) const {
  Dice dice(seed_, "induction", g);
  Ids row(inputs.size() + 1, 0);
  write_sequence(dice, Row(row).subspan(1), static_cast<std::size_t>(held_out_length(T())));
  cut(row, inputs, targets);
}

HeldOutRepeats::HeldOutRepeats(std::int64_t B, std::int64_t T) : Samples(B, T) { require_room(T); }

void HeldOutRepeats::sample(std::int64_t g, Row inputs, Row targets) const {
  Dice dice(kCorpusSeed, "induction, held out", g % kCount);
  const auto N = static_cast<std::size_t>(held_out_length(T()));
  const Ids half = distinct_tokens(dice, N);
  Ids row(inputs.size() + 1, 0);
  for (std::size_t i = 1; i < row.size(); ++i) row[i] = half[(i - 1) % N];
  cut(row, inputs, targets);
  // Input N is the last of the first copy, and what follows it is the first token again: nobody can
  // know that the copy begins.
  for (std::size_t i = 0; i <= N; ++i) targets[i] = kIgnore;
}

std::string induction_task(std::uint64_t seed, std::int64_t number) {
  constexpr std::int64_t kTokens = 64;
  Dice dice(seed, "induction", number);
  Ids row(kTokens);
  write_sequence(dice, row, static_cast<std::size_t>(held_out_length(kTokens)));
  return repeat_tokenizer()->decode(row);
}

}   // namespace glass
