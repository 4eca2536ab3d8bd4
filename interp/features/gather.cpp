#include "interp/features/gather.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace glass {

constexpr std::size_t kTokensShown = 5;

bool Strongest::stronger(const Moment& a, const Moment& b) const {
  if (a.value != b.value) return side_ == Side::largest ? a.value > b.value : a.value < b.value;
  return a.position < b.position;
}

void Strongest::offer(Moment moment) {
  const auto order = [this](const Moment& a, const Moment& b) { return stronger(a, b); };
  if (heap_.size() == k_ && (k_ == 0 || !stronger(moment, heap_.front()))) return;
  heap_.push_back(moment);
  std::push_heap(heap_.begin(), heap_.end(), order);
  if (heap_.size() <= k_) return;
  std::pop_heap(heap_.begin(), heap_.end(), order);
  heap_.pop_back();
}

std::vector<Moment> Strongest::in_order() const {
  std::vector<Moment> all = heap_;
  std::sort(all.begin(), all.end(),
            [this](const Moment& a, const Moment& b) { return stronger(a, b); });
  return all;
}

Gatherer::Gatherer(std::int64_t N, std::int64_t V, TokenMeans token_means, std::size_t top,
                   std::size_t bottom)
    : N_(static_cast<std::size_t>(N)),
      low_(N_, std::numeric_limits<double>::infinity()),
      high_(N_, -low_[0]),
      min_(low_),
      max_(high_),
      mean_(N_, 0),
      spread_(N_, 0),
      positive_(N_, 0),
      histogram_(N_ * kBins, 0),
      top_(N_, Strongest(Strongest::Side::largest, top)),
      bottom_(N_, Strongest(Strongest::Side::smallest, bottom)),
      token_sums_(token_means == TokenMeans::kept ? static_cast<std::size_t>(V) * N_ : 0, 0) {}

void Gatherer::pilot(std::span<const double> values) {
  for (std::size_t at = 0; at < values.size(); ++at) {
    low_[at % N_] = std::min(low_[at % N_], values[at]);
    high_[at % N_] = std::max(high_[at % N_], values[at]);
  }
}

void Gatherer::add(std::span<const double> values, std::span<const std::int32_t> tokens,
                   std::int64_t start, std::size_t first, std::size_t last) {
  // Token by token, since the units of one token lie side by side in memory.
  const std::size_t count = last - first, T = tokens.size();
  std::vector<double> sum(count, 0), most(count, -std::numeric_limits<double>::infinity()),
      least(count, -most[0]), bins(count);
  std::vector<std::size_t> strongest(count, 0), weakest(count, 0);
  for (std::size_t i = 0; i < count; ++i) {
    const double width = high_[first + i] - low_[first + i];
    bins[i] = width > 0 ? static_cast<double>(kBins) / width : 0;
  }
  for (std::size_t t = 0; t < T; ++t) {
    const double* const row = &values[t * N_ + first];
    for (std::size_t i = 0; i < count; ++i) {
      const double x = row[i];
      sum[i] += x;
      positive_[first + i] += x > 0;
      if (x > most[i]) most[i] = x, strongest[i] = t;
      if (x < least[i]) least[i] = x, weakest[i] = t;
      const double bin =
          (x - low_[first + i]) * bins[i];   // not above 0: the first one, or no number
      const double in_range = std::min(bin, static_cast<double>(kBins - 1));
      ++histogram_[(first + i) * kBins + (bin > 0 ? static_cast<std::size_t>(in_range) : 0)];
    }
    if (token_sums_.empty()) continue;
    double* const sums = &token_sums_[static_cast<std::size_t>(tokens[t]) * N_ + first];
    for (std::size_t i = 0; i < count; ++i) sums[i] += row[i];
  }
  merge(values, T, sum, static_cast<double>(start), first);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t n = first + i;
    top_[n].offer({most[i], start + static_cast<std::int64_t>(strongest[i])});
    bottom_[n].offer({least[i], start + static_cast<std::int64_t>(weakest[i])});
    max_[n] = std::max(max_[n], most[i]);
    min_[n] = std::min(min_[n], least[i]);
  }
}

void Gatherer::add(std::span<const double> values, std::span<const std::int32_t> tokens,
                   std::int64_t start, const Team& team) {
  constexpr std::size_t kUnits = 64;   // a chunk's: a unit's numbers are written by one thread only
  const auto body = [&](std::int64_t chunk) {
    const std::size_t first = static_cast<std::size_t>(chunk) * kUnits;
    add(values, tokens, start, first, std::min(N_, first + kUnits));
  };
  run_chunks(
      team, static_cast<std::int64_t>((N_ + kUnits - 1) / kUnits),
      [](const void* context, std::int64_t chunk) {
        (*static_cast<const decltype(body)*>(context))(chunk);
      },
      &body);
}

UnitRecord Gatherer::record(std::size_t n, std::span<const std::int64_t> counts,
                            double tokens) const {
  UnitRecord r{top_[n].in_order(),
               bottom_[n].in_order(),
               mean_[n],
               spread_[n] / tokens,
               min_[n],
               max_[n],
               positive_[n],
               low_[n],
               high_[n]};
  r.histogram.assign(histogram_.begin() + static_cast<std::ptrdiff_t>(n * kBins),
                     histogram_.begin() + static_cast<std::ptrdiff_t>((n + 1) * kBins));
  r.token_share = std::numeric_limits<double>::quiet_NaN();
  if (!token_sums_.empty()) know_tokens(r, n, counts);
  return r;
}

// Welford's means and squares, a window at a time (Chan, Golub and LeVeque): no large sums are
// subtracted from each other.
void Gatherer::merge(std::span<const double> values, std::size_t T, std::span<const double> sums,
                     double before, std::size_t first) {
  const double own = static_cast<double>(T), all = before + own;
  std::vector<double> spread(sums.size(), 0);
  for (std::size_t t = 0; t < T; ++t) {
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const double apart = values[t * N_ + first + i] - sums[i] / own;
      spread[i] += apart * apart;
    }
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const double apart = sums[i] / own - mean_[first + i];
    mean_[first + i] += apart * own / all;
    spread_[first + i] += spread[i] + apart * apart * before * own / all;
  }
}

// eta^2: the variance between the means of tokens, as a share of all of it.
void Gatherer::know_tokens(UnitRecord& r, std::size_t n,
                           std::span<const std::int64_t> counts) const {
  double between = 0;
  for (std::size_t v = 0; v < counts.size(); ++v) {
    if (counts[v] == 0) continue;
    const double count = static_cast<double>(counts[v]), mean = token_sums_[v * N_ + n] / count;
    between += count * (mean - r.mean) * (mean - r.mean);
    r.tokens.push_back({static_cast<std::int32_t>(v), mean, counts[v]});
  }
  r.token_share = spread_[n] > 0 ? std::clamp(between / spread_[n], 0.0, 1.0) : 0;
  const std::size_t kept = std::min(kTokensShown, r.tokens.size());
  std::partial_sort(r.tokens.begin(), r.tokens.begin() + static_cast<std::ptrdiff_t>(kept),
                    r.tokens.end(), [](const TokenMean& a, const TokenMean& b) {
                      return a.mean != b.mean ? a.mean > b.mean : a.token < b.token;
                    });
  r.tokens.resize(kept);
}

}   // namespace glass
