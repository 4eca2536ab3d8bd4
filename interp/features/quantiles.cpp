#include "interp/features/quantiles.h"

#include <algorithm>
#include <cmath>

#include "engine/base/text.h"
#include "interp/features/contexts.h"

namespace glass {
namespace {

constexpr std::int64_t kTokens = 1024;
constexpr double kQuantiles[] = {0.99, 0.9, 0.75, 0.5, 0.25, 0.01};
constexpr std::size_t kBeforeShown = 8;

std::string words_of(const NeuronContext& c) {
  std::string words = c.window_begins && c.before.size() <= kBeforeShown ? "|" : "";
  for (std::size_t i = c.before.size() - std::min(kBeforeShown, c.before.size());
       i < c.before.size(); ++i)
    words += c.before[i];
  return words + " [" + c.token + "]";
}

}   // namespace

std::vector<std::int64_t> spread_windows(const UnitScan& scan) {
  const std::int64_t all = static_cast<std::int64_t>(scan.text.size()) / scan.T,
                     n = std::min(all, std::max<std::int64_t>(1, kTokens / scan.T));
  std::vector<std::int64_t> starts;
  for (std::int64_t i = 0; i < n; ++i) starts.push_back(i * all / n * scan.T);
  return starts;
}

std::vector<QuantileMoment> quantiles_of(const Specimen& specimen, const UnitScan& scan,
                                         const WindowValues& values, Among among,
                                         const NeuronShowOptions& options) {
  std::vector<Moment> order;
  for (const auto& [start, row] : values)
    for (std::size_t t = 0; t < row.size(); ++t)
      if (among == Among::all || row[t] > 0)
        order.push_back({row[t], start + static_cast<std::int64_t>(t)});
  std::sort(order.begin(), order.end(), [](const Moment& a, const Moment& b) {
    return a.value != b.value ? a.value < b.value : a.position < b.position;
  });
  std::vector<QuantileMoment> found;
  if (order.empty()) return found;
  for (const double q : kQuantiles) {
    const auto at =
        static_cast<std::size_t>(std::lround(q * static_cast<double>(order.size() - 1)));
    const Moment& m = order[at];
    found.push_back(
        {q, context_of(specimen, scan.text, scan.T, m, values.at(m.position / scan.T * scan.T),
                       options.before, options.after)});
  }
  return found;
}

void add_quantiles(Page& page, const std::vector<QuantileMoment>& moments, Among among) {
  if (moments.empty()) return;
  Table table{among == Among::all ? "From its strong days to its weak ones"
                                  : "From its strong days to its weak ones, where it is on",
              {"stronger than", "value", "at [token]"},
              {},
              {Align::right, Align::right, Align::left}};
  for (const QuantileMoment& m : moments)
    table.rows.push_back(
        {format("%.0f%%", 100 * m.quantile), format("%.3f", m.context.value), words_of(m.context)});
  page.add(std::move(table));
}

void put_quantiles(Json& json, const std::vector<QuantileMoment>& moments) {
  json.key("quantiles").array();
  for (const auto& [quantile, c] : moments) {
    json.object().field("quantile", quantile).field("value", c.value).field("position", c.position);
    json.field("token", c.token).field("before", c.before).field("after", c.after).end();
  }
  json.end();
}

void Correlations::add(std::span<const double> x, std::span<const double> ys) {
  const std::size_t N = ys.size() / x.size();
  for (std::vector<double>* sums : {&y_, &yy_, &xy_}) sums->resize(N, 0);
  for (std::size_t t = 0; t < x.size(); ++t) {
    n_ += 1, x_ += x[t], xx_ += x[t] * x[t];
    for (std::size_t i = 0; i < N; ++i) {
      const double y = ys[t * N + i];
      y_[i] += y, yy_[i] += y * y, xy_[i] += x[t] * y;
    }
  }
}

std::vector<double> Correlations::values() const {
  std::vector<double> r;
  const double spread_x = n_ * xx_ - x_ * x_;
  for (std::size_t i = 0; i < y_.size(); ++i) {
    const double spread_y = n_ * yy_[i] - y_[i] * y_[i];
    const bool both = spread_x > 0 && spread_y > 0;
    r.push_back(both ? (n_ * xy_[i] - x_ * y_[i]) / std::sqrt(spread_x * spread_y) : 0);
  }
  return r;
}

}   // namespace glass
