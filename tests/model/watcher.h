// An Observer for tests: remembers what it sees, and may put something else in its place.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/language_model.h"
#include "tests/model/golden.h"

namespace glass::testing {

// The inputs of each head make a path of their own: the norms before them fire once for every head.
inline bool is_head_input(std::string_view name) { return name.ends_with("_input"); }

struct Watcher final : Observer {
  std::function<bool(std::string_view)> wanted = [](std::string_view) { return true; };
  std::function<Tensor(std::string_view, const Tensor&)> change;   // if set: what stands in
  std::function<Tensor(std::string_view, const Tensor&)> change_gradient;   // if set: gradients too
  std::vector<std::string> order;                                           // names, as they fired
  std::map<std::string, Tensor> seen, gradients;   // where a name fires often, the first

  Watcher() = default;
  explicit Watcher(const std::string& only)
      : wanted([only](std::string_view name) { return name == only; }) {}
  explicit Watcher(std::function<bool(std::string_view)> which) : wanted(std::move(which)) {}

  bool wants(std::string_view name) const override { return wanted(name); }
  Tensor see(std::string_view name, const Tensor& x) override {
    order.emplace_back(name);
    seen.emplace(name, x.detach());
    return change ? change(name, x) : x;
  }
  bool wants_gradient(std::string_view name) const override {
    return change_gradient && wanted(name);
  }
  Tensor see_gradient(std::string_view name, const Tensor& dy) override {
    gradients.emplace(name, dy.detach());
    return change_gradient(name, dy);
  }
};

inline Watcher without_head_inputs() {
  return Watcher([](std::string_view name) { return !is_head_input(name); });
}

// A model with the weights of the goldens, whose patterns and logits are far from flat, and a batch
// for it.
struct Subject {
  std::unique_ptr<LanguageModel> model;
  Tensor ids, targets;   // (B,T)

  Subject(const GPTConfig& config, const Device& device, DType dtype, std::int64_t B = 2)
      : model(make_model(config, device, dtype, 1)) {
    for (Parameter* p : model->parameters()) {
      p->value =
          Tensor::from(device, drawn_weight(p->name, p->value.shape()), p->value.shape(), dtype);
    }
    const Shape shape = {B, config.block_size};
    const std::size_t count = static_cast<std::size_t>(shape.numel());
    ids = Tensor::ids(device, drawn_below("ids", count, config.vocab_size), shape);
    targets = Tensor::ids(device, drawn_below("targets", count, config.vocab_size), shape);
  }

  std::vector<double> logits(Observer* observer = nullptr) const {
    Pass pass(nullptr, observer);
    return model->logits(pass, ids).to_host();
  }
  double loss(Observer* observer = nullptr) const {
    Pass pass(nullptr, observer);
    return model->loss(pass, ids, targets).item();
  }
  Parameter& parameter(const std::string& name) const {
    for (Parameter* p : model->parameters()) {
      if (p->name == name) return *p;
    }
    throw std::runtime_error("the model has no " + name);
  }
};

// The largest |a - b|, over the largest |b| or 1; what is not a number is infinitely far.
inline double gap(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return HUGE_VAL;
  double most = 0, largest = 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;   // also where both are -inf
    const double apart = std::abs(a[i] - b[i]);
    if (!(apart <= most)) most = apart == apart ? apart : HUGE_VAL;
    if (std::isfinite(b[i])) largest = std::max(largest, std::abs(b[i]));
  }
  return most / largest;
}

}   // namespace glass::testing
