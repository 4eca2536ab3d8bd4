#include "model/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/random.h"

namespace glass {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

// Divides what speaks for a token and multiplies what speaks against it.
void penalise(std::vector<double>& logits, std::span<const std::int32_t> seen, double penalty) {
  std::vector<bool> done(logits.size());
  for (const std::int32_t token : seen) {
    const std::size_t i = static_cast<std::size_t>(token);
    if (i >= logits.size() || done[i]) continue;
    done[i] = true;
    logits[i] = logits[i] > 0 ? logits[i] / penalty : logits[i] * penalty;
  }
}

void keep_top_k(std::vector<double>& logits, std::int64_t k) {
  if (k <= 0 || k >= static_cast<std::int64_t>(logits.size())) return;
  std::vector<double> sorted = logits;
  const auto kth = sorted.begin() + (k - 1);
  std::nth_element(sorted.begin(), kth, sorted.end(), std::greater<>());
  for (double& logit : logits)
    if (logit < *kth) logit = kNever;
}

std::vector<double> softmax(const std::vector<double>& logits) {
  // We subtract the maximum first: exp of a large logit overflows, and softmax does not change.
  const double highest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p;
  for (const double logit : logits) p.push_back(std::exp(logit - highest));
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& x : p) x /= sum;
  return p;
}

// From the likeliest on, until together they reach top_p: the one that reaches it stays.
void keep_top_p(std::vector<double>& logits, double top_p) {
  if (top_p >= 1) return;
  const std::vector<double> p = softmax(logits);
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p[a] > p[b]; });
  double before = 0;
  for (const std::size_t i : order) {
    if (before >= top_p) logits[i] = kNever;
    before += p[i];
  }
}

void keep_min_p(std::vector<double>& logits, double min_p) {
  if (min_p <= 0) return;
  const std::vector<double> p = softmax(logits);
  const double least = min_p * *std::max_element(p.begin(), p.end());
  for (std::size_t i = 0; i < p.size(); ++i)
    if (p[i] < least) logits[i] = kNever;
}

void refuse_non_numbers(std::span<const double> logits) {
  double highest = kNever;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i]) || logits[i] == -kNever) {
      fail(NonFiniteError("the logit of token " + std::to_string(i) + " is " + shortest(logits[i]) +
                          ": the weights of this model are damaged; use an earlier checkpoint."));
    }
    highest = std::max(highest, logits[i]);
  }
  if (highest == kNever) {
    fail(
        NonFiniteError("no token is possible: all logits are -inf. The weights of this model are "
                       "damaged; use an earlier checkpoint."));
  }
}

}   // namespace

void check(const SamplerOptions& o) {
  const auto require = [](bool good, const char* name, double value, const char* range) {
    if (!good)
      fail(UsageError(std::string(name) + " must be " + range + ", not " + shortest(value) + "."));
  };
  const double infinity = -kNever;
  require(o.temperature >= 0 && o.temperature < infinity, "temperature", o.temperature,
          "0 or more (0 takes the likeliest token)");
  require(o.top_k >= 0, "top-k", static_cast<double>(o.top_k), "at least 1");
  require(o.top_p > 0 && o.top_p <= 1, "top-p", o.top_p, "above 0 and at most 1");
  require(o.min_p >= 0 && o.min_p <= 1, "min-p", o.min_p, "0 .. 1");
  require(o.repeat_penalty > 0 && o.repeat_penalty < infinity, "repeat-penalty", o.repeat_penalty,
          "above 0 (1 changes nothing)");
}

static void forget_unknown(std::vector<double>& logits, std::int64_t known) {
  if (known <= 0 || known >= static_cast<std::int64_t>(logits.size())) return;
  std::fill(logits.begin() + known, logits.end(), kNever);
}

std::vector<double> probabilities(std::span<const double> logits, const SamplerOptions& options,
                                  std::span<const std::int32_t> seen) {
  refuse_non_numbers(logits);
  std::vector<double> left(logits.begin(), logits.end());
  forget_unknown(left, options.known);
  if (options.repeat_penalty != 1) penalise(left, seen, options.repeat_penalty);
  if (options.temperature == 0) {
    const auto likeliest = std::max_element(left.begin(), left.end());   // the first of equals
    std::vector<double> p(left.size(), 0.0);
    p[static_cast<std::size_t>(likeliest - left.begin())] = 1;
    return p;
  }
  // Against the highest, so that a tiny temperature makes no infinities.
  const double highest = *std::max_element(left.begin(), left.end());
  for (double& logit : left) logit = (logit - highest) / options.temperature;
  keep_top_k(left, options.top_k);
  keep_top_p(left, options.top_p);
  keep_min_p(left, options.min_p);
  return softmax(left);
}

double dice(std::uint64_t seed, std::int64_t sample, std::int64_t position) {
  const std::uint64_t s = static_cast<std::uint64_t>(sample),
                      i = static_cast<std::uint64_t>(position);
  const RandomKey key{seed, site("sampler"), static_cast<std::uint32_t>(s),
                      static_cast<std::uint32_t>(i >> 32)};
  const Philox4 four = philox(key, static_cast<std::uint32_t>(i));
  const std::uint64_t bits = std::uint64_t{four.x[0]} << 32 | four.x[1];
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

std::int32_t pick(std::span<const double> p, double dice) {
  double sum = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] <= 0) continue;
    last = i;   // the sum may end a rounding error below 1
    sum += p[i];
    if (dice < sum) break;
  }
  return static_cast<std::int32_t>(last);
}

}   // namespace glass
