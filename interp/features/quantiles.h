// What a unit does on ordinary days. Its strongest moments alone flatter it: a neuron may fire at
// digits when it fires most, and at anything when it fires a little. So moments from all over the
// order of its values are shown as well, over some windows of the scanned text, evenly spread.
#pragma once
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "interp/features/neurons.h"
#include "interp/page/page.h"

namespace glass {

// The values of a unit over some windows of a text, by the window's first token.
using WindowValues = std::map<std::int64_t, std::vector<double>>;

// The first tokens of windows of the scanned text, evenly spread: about 1,024 tokens of them.
std::vector<std::int64_t> spread_windows(const UnitScan& scan);

// One moment at each quantile of the values; of `those_above_0` alone where a unit is mostly off.
enum class Among : std::uint8_t { all, those_above_0 };
std::vector<QuantileMoment> quantiles_of(const Specimen& specimen, const UnitScan& scan,
                                         const WindowValues& values, Among among,
                                         const NeuronShowOptions& options);

void add_quantiles(Page& page, const std::vector<QuantileMoment>& moments, Among among);
void put_quantiles(Json& json, const std::vector<QuantileMoment>& moments);

// Pearson's correlation of one unit with many, gathered as a text goes by.
class Correlations {
 public:
  // x: one number a token; ys: (T, N) row after row.
  void add(std::span<const double> x, std::span<const double> ys);
  std::vector<double> values() const;   // N; 0 where one of both never changes

 private:
  double n_ = 0, x_ = 0, xx_ = 0;
  std::vector<double> y_, yy_, xy_;
};

}   // namespace glass
