// Shapes: T positions of one name, C channels, H heads of D = C / H channels, V tokens.
#include "model/microgpt_tensor.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/base/error.h"

namespace glass {

enum Weight { kWte, kWpe, kLmHead, kWq, kWk, kWv, kWo, kFc1, kFc2 };

TensorMicrogpt::TensorMicrogpt(MicroStart start, Device device, DType dtype)
    : Microgpt(std::move(start)), device_(std::move(device)) {
  for (const MicroWeight& w : start_.weights) {
    parameters_.push_back({w.name, Tensor::from(device_, w.values, {w.rows, w.columns}, dtype)});
  }
  std::vector<Parameter*> trained;
  for (Parameter& p : parameters_) trained.push_back(&p);
  adam_ = std::make_unique<AdamW>(
      trained, AdamW::Options{.beta1 = 0.85, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0});
}

// What may follow each token, as V logits, given the tokens up to it.
Tensor TensorMicrogpt::gpt(std::span<const int> tokens, Record record) {
  const std::int64_t T = static_cast<std::int64_t>(tokens.size()), C = kMicroC, H = kMicroH,
                     D = C / H;
  const auto weight = [&](Weight w) {
    return record == Record::yes ? tape_.watch(parameters_[w]) : parameters_[w].value;
  };
  const Tensor what = embedding(weight(kWte), Tensor::ids(device_, tokens, {T}));
  const Tensor where = slice(weight(kWpe), 0, 0, T);
  Tensor x = rmsnorm(what + where, kMicroEps);

  // Tokens talk to each other: each asks a question (q), and listens (v) to those before it whose
  // key (k) answers it.
  Tensor y = rmsnorm(x, kMicroEps);
  const auto heads = [&](Weight w) {
    return permute(reshape(linear(y, weight(w)), {1, T, H, D}), {0, 2, 1, 3});
  };   // (1,H,T,D)
  const Tensor q = heads(kWq), k = heads(kWk), v = heads(kWv);
  const Tensor heard = permute(attention(q, k, v), {0, 2, 1, 3});   // (1,T,H,D)
  x = linear(reshape(heard, {T, C}), weight(kWo)) + x;

  // Each token thinks by itself.
  y = relu(linear(rmsnorm(x, kMicroEps), weight(kFc1)));
  x = linear(y, weight(kFc2)) + x;

  return linear(x, weight(kLmHead));
}

Tensor TensorMicrogpt::loss_of(std::span<const int> tokens) {
  // All weights first, so that the order of the tape does not hang on the order in which a compiler
  // takes arguments.
  for (Parameter& p : parameters_) tape_.watch(p);
  const std::size_t T = std::min(static_cast<std::size_t>(kMicroT), tokens.size() - 1);
  const Tensor targets = Tensor::ids(device_, tokens.subspan(1, T), {static_cast<std::int64_t>(T)});
  return cross_entropy(gpt(tokens.first(T), Record::yes), targets);
}

void TensorMicrogpt::update() {
  adam_->step(LinearDecay{0.01, start_.options.steps}(done_));
  adam_->zero_grad();
  tape_.clear();
  ++done_;
}

double TensorMicrogpt::step() {
  const Tensor loss = loss_of(next_tokens());
  backward(loss);
  update();
  const double result = loss.item();
  if (!std::isfinite(result))
    fail(NonFiniteError("The loss of step " + std::to_string(done_) + " is not a finite number."));
  return result;
}

// Without a list of keys and values to grow, each letter costs one pass over the name so far. It
// has 16 at most.
std::string TensorMicrogpt::sample() {
  const MicroNames& names = start_.names;
  std::vector<int> tokens = {names.bos()};
  while (tokens.size() <= kMicroT) {
    const Tensor logits = gpt(tokens, Record::no);
    std::vector<double> probs = slice(logits, 0, logits.dim(0) - 1, logits.dim(0)).to_host();
    const double largest = *std::max_element(probs.begin(), probs.end());
    for (double& p : probs) p = std::exp((p - largest) / start_.options.temperature);
    const int next = static_cast<int>(start_.random.choice(probs));
    if (next == names.bos()) break;
    tokens.push_back(next);
  }
  return names.text(std::span(tokens).subspan(1));
}

}   // namespace glass
