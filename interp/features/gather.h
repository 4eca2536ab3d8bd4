// What a text does to every unit of a layer (a neuron, or a feature of an autoencoder), gathered as
// the text goes by, a window at a time: the strongest moments, the mean and the spread, a
// histogram. Nothing is kept of the rest, so a text of any length fits.
//
// A unit keeps one moment of each window at most, so that its list is not one sentence sixteen
// times.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/cpu/team.h"

namespace glass {

// A neuron at one token of the text.
struct Moment {
  double value = 0;
  std::int64_t position = 0;
  bool operator==(const Moment&) const = default;
};

// The k strongest moments: the largest values (or the smallest); of equal ones, the earliest.
class Strongest {
 public:
  enum class Side : std::uint8_t { largest, smallest };
  Strongest(Side side, std::size_t k) : side_(side), k_(k) {}
  void offer(Moment moment);
  std::vector<Moment> in_order() const;   // the strongest first

 private:
  bool stronger(const Moment& a, const Moment& b) const;
  Side side_;
  std::size_t k_;
  std::vector<Moment> heap_;   // the weakest that is kept lies on top
};

constexpr std::size_t kBins = 64;

struct TokenMean {
  std::int32_t token = -1;
  double mean = 0;
  std::int64_t count = 0;
};

struct UnitRecord {
  std::vector<Moment> top, bottom;
  double mean = 0, variance = 0, min = 0, max = 0;
  std::int64_t positive = 0;   // at how many tokens it was above 0
  double low = 0, high = 0;    // the range of the histogram; what lies outside is in the outer bins
  std::vector<std::int64_t> histogram = {};   // kBins counts
  // How much of its variance the token alone explains, 0 .. 1; NaN where the vocabulary is too
  // large to keep a mean for each token. And the tokens that wake it most, on average.
  double token_share = 0;
  std::vector<TokenMean> tokens = {};
};

// How many numbers a mean for every token and unit may take: 128 MiB of doubles.
constexpr std::int64_t kMostTokenMeans = std::int64_t{1} << 24;

class Gatherer {
 public:
  // N units, V tokens. token_means: keep what each token does to each unit, V N numbers.
  enum class TokenMeans : std::uint8_t { dropped, kept };
  Gatherer(std::int64_t N, std::int64_t V, TokenMeans token_means, std::size_t top,
           std::size_t bottom);

  // A first look at some windows, for the range of the histograms. values: (rows, N).
  void pilot(std::span<const double> values);
  // One window, (T,N), whose first token is number `start` of the text; units [first, last).
  // Windows come in the order of the text; different units may be added from different threads.
  void add(std::span<const double> values, std::span<const std::int32_t> tokens, std::int64_t start,
           std::size_t first, std::size_t last);
  // The same for all units, by a team; the result does not depend on its size.
  void add(std::span<const double> values, std::span<const std::int32_t> tokens, std::int64_t start,
           const Team& team);
  // counts: how often each token occurred in the text that was added, of so many tokens.
  UnitRecord record(std::size_t n, std::span<const std::int64_t> counts, double tokens) const;

 private:
  void merge(std::span<const double> values, std::size_t T, std::span<const double> sums,
             double before, std::size_t first);
  void know_tokens(UnitRecord& r, std::size_t n, std::span<const std::int64_t> counts) const;

  std::size_t N_;
  std::vector<double> low_, high_, min_, max_, mean_, spread_;
  std::vector<std::int64_t> positive_, histogram_;
  std::vector<Strongest> top_, bottom_;
  std::vector<double> token_sums_;   // (V,N), or empty
};

}   // namespace glass
