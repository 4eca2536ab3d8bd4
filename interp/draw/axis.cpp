#include "interp/draw/axis.h"

#include <algorithm>
#include <cmath>

#include "engine/base/text.h"

namespace glass {
namespace {

// mantissa x 10^exponent with mantissa 1, 2 or 5. Kept as two integers, so that the third tick of
// a step of 0.1 is 0.3 and not 0.30000000000000004.
struct Step {
  std::int64_t mantissa = 1;
  int exponent = 0;

  double times(double k) const {
    double power = 1;
    for (int i = 0; i < std::abs(exponent); ++i) power *= 10;
    const double n = k * static_cast<double>(mantissa);
    return exponent < 0 ? n / power : n * power;
  }
  double size() const { return times(1); }
  Step next() const {
    if (mantissa == 1) return {2, exponent};
    if (mantissa == 2) return {5, exponent};
    return {1, exponent + 1};
  }
};

Step nice_step(double span, const AxisOptions& options) {
  const int start = static_cast<int>(std::floor(std::log10(span / options.ticks))) - 1;
  Step step{1, options.grain == Grain::whole ? std::max(start, 0) : start};
  while (span / step.size() > options.ticks) step = step.next();
  return step;
}

Range with_width(Range range) {
  const double least = 1e-9 * std::max(std::abs(range.low), std::abs(range.high));
  if (range.high - range.low > least) return range;
  const double air = range.low == 0 ? 1 : std::abs(range.low) * 0.1;
  return {range.low - air, range.high + air};
}

// Ticks with a common number of decimals.
std::string label_of(double value, int decimals) {
  if (std::abs(value) >= 1e9 || (value != 0 && decimals > 6)) return format("%.3g", value);
  if (decimals > 0) return format("%.*f", decimals, value);
  return with_commas(static_cast<std::int64_t>(std::llround(value)));
}

Axis linear_axis(Range data, const AxisOptions& options) {
  Axis axis;
  axis.range = with_width(data);
  const Step step = nice_step(axis.range.high - axis.range.low, options);
  // A hair of tolerance: 0.3 / 0.1 is a little less than 3.
  double first = std::ceil(axis.range.low / step.size() - 1e-9);
  double last = std::floor(axis.range.high / step.size() + 1e-9);
  if (options.rounding == Rounding::outward) {
    first = std::floor(axis.range.low / step.size() + 1e-9);
    last = std::ceil(axis.range.high / step.size() - 1e-9);
    axis.range = {step.times(first), step.times(last)};
  }
  for (double k = first; k <= last; ++k) {
    axis.ticks.push_back(step.times(k) + 0.0);   // + 0.0 makes -0 a 0
    axis.labels.push_back(label_of(axis.ticks.back(), std::max(-step.exponent, 0)));
  }
  return axis;
}

// Powers of ten; between them 2 and 5 where there is room; ordinary ticks where even that is few.
Axis log_axis(Range data, const AxisOptions& options) {
  if (data.high <= 0) data = {1, 10};
  if (data.low <= 0) data.low = std::min(1.0, data.high / 10);
  if (data.high / data.low < 1.000001) data = {data.low / 2, data.high * 2};
  const int first = static_cast<int>(std::floor(std::log10(data.low)));
  const int last = static_cast<int>(std::ceil(std::log10(data.high)));
  const int every = std::max(1, (last - first + options.ticks) / options.ticks);
  const bool room = (last - first) * 3 <= options.ticks + 2;

  Axis axis;
  for (int exponent = first; exponent <= last; exponent += every) {
    for (const int mantissa : {1, 2, 5}) {
      const double tick = Step{mantissa, exponent}.size();
      if (tick < data.low * 0.999999 || tick > data.high * 1.000001) continue;
      if (mantissa != 1 && !room) continue;
      axis.ticks.push_back(tick);
      axis.labels.push_back(label_of(tick, std::max(-exponent, 0)));
    }
  }
  if (axis.ticks.size() < 3) axis = linear_axis(data, options);
  axis.range = data;
  axis.scale = Scale::log;
  return axis;
}

}   // namespace

double Axis::place(double value) const {
  if (scale == Scale::linear) return (value - range.low) / (range.high - range.low);
  return std::log(value / range.low) / std::log(range.high / range.low);
}

Axis make_axis(Range data, const AxisOptions& options) {
  return options.scale == Scale::log ? log_axis(data, options) : linear_axis(data, options);
}

std::string readable(double value, double largest) {
  if (!std::isfinite(value)) return format("%g", value);
  int decimals = 3;
  for (double bound = 10; bound <= largest && decimals > 0; bound *= 10) --decimals;
  if (largest >= 1e9 || (largest < 0.01 && largest > 0)) return format("%.3g", value);
  return label_of(value, decimals);
}

}   // namespace glass
