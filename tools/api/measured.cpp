#include "tools/api/measured.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/ops.h"

namespace glass {
namespace {

constexpr std::int64_t kAtOnce = 1 << 22;   // values on the host: 32 MiB

// Every value of x, some rows at a time.
template <class F>
void each_piece(const Tensor& x, const F& see) {
  const std::int64_t rows = x.rank() == 0 ? 1 : x.dim(0),
                     each = x.numel() / std::max<std::int64_t>(1, rows);
  const std::int64_t step = std::max<std::int64_t>(1, kAtOnce / std::max<std::int64_t>(1, each));
  for (std::int64_t first = 0; first < rows; first += step)
    see(slice(x, 0, first, std::min(rows, first + step)).to_host());
}

}   // namespace

TensorNumbers numbers_of(const Tensor& x) {
  TensorNumbers n;
  n.min = std::numeric_limits<double>::infinity(), n.max = -n.min;
  double sum = 0, squares = 0;
  each_piece(x, [&](const std::vector<double>& values) {
    for (const double v : values) {
      sum += v, squares += v * v;
      n.min = std::min(n.min, v), n.max = std::max(n.max, v);
    }
  });
  const double count = static_cast<double>(x.numel());
  n.norm = std::sqrt(squares), n.mean = sum / count;
  // Around the mean, so that weights of norms, which are all near 1, keep their digits.
  double spread = 0;
  each_piece(x, [&](const std::vector<double>& values) {
    for (const double v : values) spread += (v - n.mean) * (v - n.mean);
  });
  n.std = std::sqrt(spread / count);
  return n;
}

std::vector<std::int64_t> histogram_of(const Tensor& x, const TensorNumbers& numbers, int bins) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(bins));
  const double width = numbers.max - numbers.min;
  each_piece(x, [&](const std::vector<double>& values) {
    for (const double v : values) {
      const double place = width > 0 ? (v - numbers.min) / width * bins : 0;
      if (!std::isfinite(place)) continue;
      ++counts[static_cast<std::size_t>(std::clamp(place, 0.0, bins - 1.0))];
    }
  });
  return counts;
}

const std::vector<TensorNumbers>& Measurements::of(LanguageModel& model) const {
  std::call_once(once_, [&] {
    for (const Parameter* p : model.parameters()) numbers_.push_back(numbers_of(p->value));
  });
  return numbers_;
}

}   // namespace glass
