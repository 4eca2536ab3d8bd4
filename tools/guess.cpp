#include "tools/guess.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tools/saved.h"

namespace glass {

double probability_of(std::int32_t id, std::span<const double> row) {
  const double highest = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (const double x : row) sum += std::exp(x - highest);
  return std::exp(row[static_cast<std::size_t>(id)] - highest) / sum;
}

std::vector<Guess> likeliest(std::span<const double> row, std::size_t k) {
  std::vector<std::int32_t> order(row.size());
  std::iota(order.begin(), order.end(), 0);
  k = std::min(k, row.size());
  const auto logit = [&](std::int32_t id) { return row[static_cast<std::size_t>(id)]; };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
                    [&](std::int32_t a, std::int32_t b) {
                      return logit(a) != logit(b) ? logit(a) > logit(b) : a < b;
                    });
  // We subtract the maximum first: exp of a large logit overflows, and the share does not change.
  double sum = 0;
  for (const double x : row) sum += std::exp(x - logit(order[0]));
  std::vector<Guess> out;
  for (std::size_t i = 0; i < k; ++i)
    out.push_back({order[i], std::exp(logit(order[i]) - logit(order[0])) / sum});
  return out;
}

std::string text_of(const Opened& opened, std::int32_t id) {
  const TokenizerPtr& tokenizer = opened.saved.tokenizer;
  return tokenizer && id < tokenizer->vocab_size() ? std::string(tokenizer->token(id)) : "";
}

}   // namespace glass
