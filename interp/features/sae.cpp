#include "interp/features/sae.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/random.h"

namespace glass {
namespace {

Tensor use(Parameter& p, Tape* tape) { return tape ? tape->watch(p) : p.value; }

Tensor unit_rows(const Tensor& x) { return x * rsqrt(sum(square(x), -1, Keep::yes) + 1e-30); }

}   // namespace

Sae::Sae(std::int64_t d, std::int64_t F, std::int64_t most, const Device& device, DType dtype,
         std::uint64_t seed)
    : k(most) {
  const RandomKey key{seed, site("sae", "W_dec"), 0, 0};
  const Tensor rows = unit_rows(gaussian(device, {F, d}, 0, 1, key, dtype));
  W_enc = {"W_enc", contiguous(transpose(rows)), false};
  b_enc = {"b_enc", Tensor::full(device, {F}, 0, dtype), false};
  W_dec = {"W_dec", rows, false};
  b_dec = {"b_dec", Tensor::full(device, {d}, 0, dtype), false};
}

Tensor Sae::pre(const Tensor& x, Tape* tape) {
  return matmul(x - use(b_dec, tape), use(W_enc, tape)) + use(b_enc, tape);
}

Tensor Sae::decode(const Tensor& f, Tape* tape) {
  return matmul(f, use(W_dec, tape)) + use(b_dec, tape);
}

Tensor Sae::codes(const Tensor& x) {
  const Tensor p = pre(x);
  return relu(p) * largest_of_rows(p, k);
}

void Sae::normalise_decoder() {
  const Tensor rows = unit_rows(W_dec.value);
  rows.backend().copy({W_dec.value.writable("the rows of a decoder"), false}, rows.view());
}

Tensor largest_of_rows(const Tensor& x, std::int64_t k, std::span<const std::uint8_t> among) {
  const std::size_t F = static_cast<std::size_t>(x.dim(-1));
  std::vector<double> values = x.detach().to_host();
  for (double& v : values)   // what is no number has no place in an order; it is the smallest
    if (std::isnan(v)) v = -std::numeric_limits<double>::infinity();
  std::vector<float> mask(values.size(), 0);
  std::vector<std::size_t> order;
  for (std::size_t start = 0; start < values.size(); start += F) {
    order.clear();
    for (std::size_t i = 0; i < F; ++i)
      if (among.empty() || among[i] != 0) order.push_back(i);
    const std::size_t kept = std::min(static_cast<std::size_t>(k), order.size());
    const auto larger = [&](std::size_t a, std::size_t b) {
      const double p = values[start + a], q = values[start + b];
      return p != q ? p > q : a < b;
    };
    if (kept < order.size())
      std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept),
                       order.end(), larger);
    for (std::size_t i = 0; i < kept; ++i) mask[start + order[i]] = 1;
  }
  const Tensor y = Tensor::from(x.device(), mask, x.shape());
  return cast(y, x.dtype());
}

SaeLoss reconstruction_loss(Sae& sae, const Tensor& x, Tape* tape) {
  const Tensor pre = sae.pre(x, tape);
  const Tensor codes = relu(pre) * largest_of_rows(pre, sae.k);
  const Tensor error = x - sae.decode(codes, tape);
  return {mean(sum(square(error), -1)), codes, error};
}

Tensor auxiliary_loss(Sae& sae, const Tensor& x, const Tensor& error,
                      std::span<const std::uint8_t> dead, Tape* tape) {
  const double count =
      static_cast<double>(std::count_if(dead.begin(), dead.end(), [](auto b) { return b != 0; }));
  const double half = static_cast<double>(sae.d()) / 2;
  const auto k_aux = static_cast<std::int64_t>(std::max(1.0, std::min(half, count)));
  const Tensor pre = sae.pre(x, tape);
  const Tensor codes = relu(pre) * largest_of_rows(pre, k_aux, dead);
  const Tensor left = error - matmul(codes, use(sae.W_dec, tape));
  return mean(sum(square(left), -1)) * std::min(count / half, 1.0);
}

void ExplainedVariance::show(std::span<const double> x, std::span<const double> xhat,
                             std::size_t d) {
  sum_.resize(d, 0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum_[i % d] += x[i];
    squares_ += x[i] * x[i];
    errors_ += (x[i] - xhat[i]) * (x[i] - xhat[i]);
  }
  n_ += static_cast<double>(x.size() / d);
}

double ExplainedVariance::value() const {
  const double mean_square =
      std::inner_product(sum_.begin(), sum_.end(), sum_.begin(), 0.0) / (n_ * n_);
  return 1 - (errors_ / n_) / (squares_ / n_ - mean_square);
}

}   // namespace glass
