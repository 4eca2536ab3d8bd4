#include "interp/read/lens.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/base/error.h"
#include "interp/activations.h"

namespace glass {
namespace {

// ln p of one place: (T,V), row after row.
struct LogProbabilities {
  std::size_t V = 0;
  std::vector<double> values;
  std::span<const double> at(std::size_t t) const { return {&values[t * V], V}; }
};

// In double, from the logits as the model rounds them.
LogProbabilities log_softmax(const Tensor& logits) {   // (1,T,V)
  LogProbabilities p{static_cast<std::size_t>(logits.dim(2)), logits.to_host()};
  for (std::size_t start = 0; start < p.values.size(); start += p.V) {
    const std::span<double> row(&p.values[start], p.V);
    const double most = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (const double x : row) sum += std::exp(x - most);
    const double all = most + std::log(sum);
    for (double& x : row) x -= all;
  }
  return p;
}

double divergence(std::span<const double> log_p, std::span<const double> log_q) {
  double kl = 0;
  for (std::size_t v = 0; v < log_p.size(); ++v)
    if (log_p[v] > -700) kl += std::exp(log_p[v]) * (log_p[v] - log_q[v]);   // exp(-700) is nothing
  return kl;
}

// Larger first; of equal ones the lower id.
bool leads(std::span<const double> row, std::int32_t a, std::int32_t b) {
  const double x = row[static_cast<std::size_t>(a)], y = row[static_cast<std::size_t>(b)];
  return x != y ? x > y : a < b;
}

LensCell cell_of(const Specimen& specimen, std::span<const double> row,
                 std::span<const double> output, std::int32_t target, int top_k) {
  LensCell cell;
  std::vector<std::int32_t> order(row.size());
  std::iota(order.begin(), order.end(), 0);
  const std::size_t k = std::min(static_cast<std::size_t>(top_k), order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
                    [&](std::int32_t a, std::int32_t b) { return leads(row, a, b); });
  for (std::size_t i = 0; i < k; ++i)
    cell.top.push_back(
        {order[i], specimen.label(order[i]), std::exp(row[static_cast<std::size_t>(order[i])])});
  for (const double x : row)
    if (x > -700) cell.entropy -= std::exp(x) * x;
  cell.kl_to_final = divergence(output, row);
  cell.cross_entropy = std::numeric_limits<double>::quiet_NaN();
  if (target < 0) return cell;
  cell.cross_entropy = -row[static_cast<std::size_t>(target)];
  cell.rank = 0;
  for (std::int32_t v = 0; v < static_cast<std::int32_t>(row.size()); ++v)
    if (v != target && leads(row, v, target)) ++cell.rank;
  return cell;
}

// One text on its way through the lens: the streams of all places, read one after the other, since
// the probabilities of all of them at once may not fit into memory.
class Viewer {
 public:
  Viewer(const Specimen& specimen, std::span<const std::int32_t> ids, const LensOptions& options,
         const std::vector<LensPlace>& places)
      : specimen_(specimen), options_(options) {
    reading_.tokens = specimen.labels(ids);
    for (std::size_t t = 0; t < ids.size(); ++t) {
      const bool more = t + 1 < ids.size();
      reading_.targets.push_back(options.target >= 0 ? options.target : more ? ids[t + 1] : -1);
      const std::int32_t target = reading_.targets.back();
      reading_.target_names.push_back(target < 0 ? "" : specimen.label(target));
    }
    std::vector<std::string> names = {"logits"};
    for (const LensPlace& place : places) names.push_back(place.hook);
    seen_ = look(specimen.gpt, specimen.row(ids), names);
    output_ = log_softmax(seen_["logits"]);
  }

  LogProbabilities read(const LensPlace& place) {
    const Tensor& x = seen_[place.hook];
    Pass pass;
    const LogProbabilities p = log_softmax(
        specimen_.gpt.head(pass, options_.tuned ? options_.tuned->translate(place.hook, x) : x));
    LensRow row{place.name, {}};
    for (std::size_t t = 0; t < reading_.tokens.size(); ++t)
      row.cells.push_back(
          cell_of(specimen_, p.at(t), output_.at(t), reading_.targets[t], options_.top_k));
    reading_.rows.push_back(std::move(row));
    return p;
  }

  // convergence(t) = the first row from which on the likeliest token is the one of the last row.
  LensReading finish() {
    const std::vector<LensRow>& rows = reading_.rows;
    for (std::size_t t = 0; t < reading_.tokens.size(); ++t) {
      std::size_t from = rows.size() - 1;
      while (from > 0 && rows[from - 1].cells[t].top[0].id == rows.back().cells[t].top[0].id)
        --from;
      reading_.convergence.push_back(static_cast<int>(from));
    }
    return std::move(reading_);
  }

 private:
  const Specimen& specimen_;
  const LensOptions& options_;
  Activations seen_;
  LogProbabilities output_;
  LensReading reading_;
};

void require_token(const Specimen& specimen, std::int32_t id) {
  if (id < specimen.config().vocab_size) return;
  fail(UsageError("this model has no token " + std::to_string(id) + ": there are 0 .. " +
                  std::to_string(specimen.config().vocab_size - 1) + "."));
}

}   // namespace

LensResult lens_of(const Specimen& specimen, std::span<const std::int32_t> ids,
                   const LensOptions& options, std::span<const std::int32_t> other) {
  require_token(specimen, options.target);
  LensResult r{specimen.from,
               specimen.config().norm == NormPlace::post,
               options.tuned ? options.tuned->path : "",
               {}};
  const std::vector<LensPlace> places = lens_places(specimen.config(), options.at);
  if (options.tuned) options.tuned->require(places);
  Viewer viewer(specimen, ids, options, places);
  if (other.empty()) {
    for (const LensPlace& place : places) viewer.read(place);
    r.reading = viewer.finish();
    return r;
  }
  Viewer second(specimen, other, options, places);
  const std::size_t T = ids.size(), U = other.size(), n = std::min(T, U);
  for (const LensPlace& place : places) {
    const LogProbabilities a = viewer.read(place), b = second.read(place);
    r.divergence.emplace_back();
    for (std::size_t i = 0; i < n; ++i)
      r.divergence.back().push_back(divergence(a.at(T - n + i), b.at(U - n + i)));
  }
  r.reading = viewer.finish();
  r.other = second.finish();
  return r;
}

}   // namespace glass
