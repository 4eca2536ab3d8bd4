#include "interp/read/readout.h"

#include <algorithm>
#include <numeric>

#include "engine/base/error.h"
#include "interp/heads/weights.h"

namespace glass {
namespace {

bool final_layernorm(const GPTConfig& c) {
  return c.norm_final && c.norm_type == NormType::layernorm;
}

std::vector<double> or_ones(const Tensor& x, std::int64_t n) {
  return x ? x.to_host() : std::vector<double>(static_cast<std::size_t>(n), 1.0);
}

double dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// g (W_U[t] - mean): layer norm takes the mean off what it reads, which is the same as taking it
// off the direction that reads.
void centre(std::vector<double>& d) {
  const double mean = std::accumulate(d.begin(), d.end(), 0.0) / static_cast<double>(d.size());
  for (double& x : d) x -= mean;
}

}   // namespace

void refuse_post_norm(const GPTConfig& config, const std::string& what) {
  if (config.norm != NormPlace::post) return;
  fail(UsageError(
      "this model norms its stream behind every sum (post-norm), so what a part wrote is "
      "divided again and again on its way, and the logit is no sum of parts: " +
      what + " is not defined here; ablate and patch ask the same by experiment."));
}

Readout::Readout(GPT& gpt, const LogitQuestion& question) {
  const GPTConfig& c = gpt.config();
  refuse_post_norm(c, "direct attribution");
  for (const std::int32_t id : {question.target, question.foil}) {
    if (id >= c.vocab_size)
      fail(UsageError("this model has no token " + std::to_string(id) + ": there are 0 .. " +
                      std::to_string(c.vocab_size - 1) + "."));
  }
  const auto row = [&](std::int32_t id) {
    return slice(unembedding_of(gpt), 0, id, id + 1).to_host();
  };
  direction_ = row(question.target);
  if (question.foil >= 0) {
    const std::vector<double> other = row(question.foil);
    for (std::size_t i = 0; i < other.size(); ++i) direction_[i] -= other[i];
  }
  if (const Tensor bias = weight_of(gpt, "transformer.ln_f.bias"); bias && c.norm_final)
    constant_ += dot(bias.to_host(), direction_);
  if (const Tensor bias = weight_of(gpt, "lm_head.bias")) {
    const std::vector<double> b = bias.to_host();
    constant_ += b[static_cast<std::size_t>(question.target)];
    if (question.foil >= 0) constant_ -= b[static_cast<std::size_t>(question.foil)];
  }
  if (!c.norm_final) return;
  const std::vector<double> gain = or_ones(weight_of(gpt, "transformer.ln_f.weight"), c.n_embd);
  for (std::size_t i = 0; i < gain.size(); ++i) direction_[i] *= gain[i];
  if (final_layernorm(c)) centre(direction_);
}

double Readout::share(std::span<const double> c, double scale) const {
  return dot(c, direction_) / scale;
}

std::vector<double> logit_effects(GPT& gpt, std::span<const double> c) {
  const GPTConfig& config = gpt.config();
  std::vector<double> x(c.begin(), c.end());
  if (config.norm_final) {
    if (final_layernorm(config)) centre(x);
    const std::vector<double> gain =
        or_ones(weight_of(gpt, "transformer.ln_f.weight"), config.n_embd);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] *= gain[i];
  }
  const Tensor row = Tensor::from(gpt.device(), x, {1, config.n_embd}, gpt.dtype());
  return linear(row, unembedding_of(gpt)).to_host();
}

Extremes extremes_of(std::span<const double> values, std::size_t k) {
  std::vector<std::int32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  k = std::min(k, order.size());
  const auto cut = order.begin() + static_cast<std::ptrdiff_t>(k);
  const auto value = [&](std::int32_t i) { return values[static_cast<std::size_t>(i)]; };
  Extremes found;
  std::partial_sort(order.begin(), cut, order.end(), [&](std::int32_t a, std::int32_t b) {
    return value(a) != value(b) ? value(a) > value(b) : a < b;
  });
  found.top.assign(order.begin(), cut);
  std::partial_sort(order.begin(), cut, order.end(), [&](std::int32_t a, std::int32_t b) {
    return value(a) != value(b) ? value(a) < value(b) : a < b;
  });
  found.bottom.assign(order.begin(), cut);
  return found;
}

}   // namespace glass
