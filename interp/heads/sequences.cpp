#include "interp/heads/sequences.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/random.h"
#include "model/permutation.h"

namespace glass {
namespace {

// The n-th token that may be drawn: 1, 2, .. without bos.
std::int32_t token_at(const SequenceSource& source, std::int64_t n) {
  const auto id = static_cast<std::int32_t>(n + 1);
  return source.bos > 0 && id >= source.bos ? id + 1 : id;
}

std::vector<std::int32_t> distinct_tokens(const SequenceSource& source, std::int64_t count,
                                          std::uint64_t index) {
  const Permutation order(source.tokens(), source.seed, site("interp", "repeats"),
                          static_cast<std::uint32_t>(index));
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < count; ++i) ids.push_back(token_at(source, order(i)));
  return ids;
}

// A number below n by chance, the `which`-th of a sequence.
std::int64_t chance(const SequenceSource& source, std::uint64_t index, std::uint32_t which,
                    std::int64_t n) {
  const RandomKey key{source.seed, site("interp", "gap"), static_cast<std::uint32_t>(index), which};
  return static_cast<std::int64_t>(philox(key, 0).x[0]) % n;
}

void require_room(const SequenceSource& source, std::int64_t N, int R) {
  if (N < 2) fail(UsageError("a repeat of fewer than 2 tokens has nothing to look back at."));
  const std::int64_t length = source.front() + R * N;
  if (length > source.context)
    fail(UsageError(std::to_string(R) + " x " + std::to_string(N) + " tokens" +
                    (source.front() ? " behind the first one" : "") + " are longer than the " +
                    std::to_string(source.context) +
                    " that this model reads; the longest repeat is " +
                    std::to_string((source.context - source.front()) / R) + " tokens."));
  if (N > source.tokens())
    fail(UsageError("there are no " + std::to_string(N) +
                    " different tokens to repeat: of this vocabulary " +
                    std::to_string(source.tokens()) + " can be drawn."));
}

}   // namespace

SequenceSource::SequenceSource(const Specimen& specimen, Bos asked, std::uint64_t chosen)
    : vocab_size(specimen.config().vocab_size),
      context(specimen.config().block_size),
      window(specimen.config().window),
      seed(chosen) {
  // A table may have more rows than there are tokens; those were never learned.
  if (specimen.tokenizer)
    vocab_size = std::min<std::int64_t>(vocab_size, specimen.tokenizer->vocab_size());
  const std::int32_t first = specimen.first_token();
  if (asked == Bos::automatic) bos = first;
  if (asked == Bos::yes) bos = std::max(first, 0);
}

std::int64_t SequenceSource::tokens() const { return vocab_size - 1 - (bos > 0 ? 1 : 0); }

std::int64_t SequenceSource::longest_half() const {
  const std::int64_t fits = std::min((context - front()) / 2, tokens());
  return window > 0 ? std::min(fits, window) : fits;   // the match is N - 1 back
}

Sequence repeated(const SequenceSource& source, std::int64_t N, std::uint64_t index, int R) {
  require_room(source, N, R);
  const std::vector<std::int32_t> half = distinct_tokens(source, N, index);
  Sequence s;
  if (source.bos >= 0) s.ids.push_back(source.bos);
  for (int r = 0; r < R; ++r) s.ids.insert(s.ids.end(), half.begin(), half.end());
  const std::int64_t T = static_cast<std::int64_t>(s.ids.size());
  // The same token stood at i - N, and what followed it at i - N + 1.
  for (std::int64_t i = T - N; i < T; ++i) s.matches.push_back({i, i - N + 1});
  return s;
}

Sequence with_gap(const SequenceSource& source, std::int64_t N, std::uint64_t index) {
  // Three times the copied part leaves room to move for both places.
  const std::int64_t room = source.context - source.front();
  const std::int64_t sight = source.window > 0 ? source.window : source.context;
  const std::int64_t m = std::min({N, room / 3, source.tokens() / 2, sight / 2});
  if (m < 2)
    fail(UsageError("a context of " + std::to_string(source.context) + " tokens and " +
                    std::to_string(source.tokens()) + " of them to draw" +
                    (source.window > 0 ? ", seen " + std::to_string(sight) + " at a time," : "") +
                    " leave no room for a repeat that moves."));
  const std::int64_t T = std::min({room, source.tokens() + m, 4 * N});
  const std::int64_t p1 = chance(source, index, 0, T - 2 * m + 1);
  const std::int64_t last = std::min(T - m, p1 + sight);   // of p2; the match is p2 - p1 - 1 back
  const std::int64_t p2 = p1 + m + chance(source, index, 1, last - p1 - m + 1);
  const std::vector<std::int32_t> fresh = distinct_tokens(source, T - m, index);
  Sequence s;
  if (source.bos >= 0) s.ids.push_back(source.bos);
  s.ids.insert(s.ids.end(), fresh.begin(), fresh.begin() + p2);
  s.ids.insert(s.ids.end(), fresh.begin() + p1, fresh.begin() + p1 + m);
  s.ids.insert(s.ids.end(), fresh.begin() + p2, fresh.end());
  for (std::int64_t j = 0; j + 1 < m; ++j)
    s.matches.push_back({source.front() + p2 + j, source.front() + p1 + j + 1});
  return s;
}

double uniform_score(const SequenceSource& source, std::int64_t N) {
  const std::int64_t window = source.window;
  double sum = 0;
  for (std::int64_t i = source.front() + N; i < source.front() + 2 * N; ++i) {
    const bool hidden = window > 0 && N - 1 >= window;   // the target is N - 1 back
    const std::int64_t seen = window > 0 ? std::min(i + 1, window) : i + 1;
    sum += hidden ? 0 : 1.0 / static_cast<double>(seen);
  }
  return sum / static_cast<double>(N);
}

std::vector<Sequence> many_repeated(const SequenceSource& source, std::int64_t N, int count,
                                    int R) {
  std::vector<Sequence> all;
  for (int s = 0; s < count; ++s)
    all.push_back(repeated(source, N, static_cast<std::uint64_t>(s), R));
  return all;
}

std::vector<Sequence> many_with_gap(const SequenceSource& source, std::int64_t N, int count) {
  std::vector<Sequence> all;
  for (int s = 0; s < count; ++s) all.push_back(with_gap(source, N, static_cast<std::uint64_t>(s)));
  return all;
}

}   // namespace glass
