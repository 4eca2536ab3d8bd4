// Difference quotients against backward, and what else has to hold for a derivative.
#include "engine/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "engine/base/error.h"
#include "engine/ops.h"
#include "engine/random.h"

namespace glass {
namespace {

using Numbers = std::vector<double>;

constexpr double kFull = 3;   // what a gradient holds before backward adds to it

std::string text(double x) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.17g", x);
  return buffer;
}

double largest(const Numbers& x) {
  double top = 0;
  for (double v : x) top = std::max(top, std::fabs(v));
  return top;
}

// One function at one point. Every step returns whether it passed; the first that does not writes
// the failure.
class Check {
 public:
  Check(std::string_view name, const TensorFunction& f, const std::vector<Tensor>& inputs,
        const GradientCheck& how);
  GradientReport run();

 private:
  bool compute_gradients();
  bool agrees_with_differences(std::size_t input);
  bool agrees_along_directions(std::size_t input);
  bool is_not_zero();
  bool repeats_and_adds();
  bool needs_no_other_input(std::size_t alone);
  bool adds_up_over_two_uses();
  bool left_inputs_alone();

  Tensor forward(Tape& tape, std::size_t unwatched);
  Tensor cotangent(const Tensor& y) const {
    return Tensor::from(y.device(), dy_, y.shape(), DType::f64);
  }
  bool exact(const Tape& tape, std::size_t input) const;
  void write(std::size_t input, const double* from, std::size_t first, std::size_t count);
  double weighed_difference(const Numbers& up, const Numbers& down) const;
  bool within_gate(std::size_t input, const std::string& where, double numeric, double analytic);
  bool same(const char* claim, std::size_t input, const Numbers& expected, bool to_the_bit);
  bool failed(const std::string& what);

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  std::string name_;
  const TensorFunction& f_;
  GradientCheck how_;
  std::vector<Parameter> leaves_;
  std::vector<Tensor> values_;    // of the leaves: what f is called with when nothing is recorded
  std::vector<Numbers> before_;   // what the inputs were
  std::vector<Numbers> gradients_;   // what backward says
  std::vector<bool> exact_;          // may the gradient be added to without rounding twice?
  Numbers y_, dy_;                   // the output, and its random weights
  double gate_absolute_ = kGateAbsolute;
  GradientReport report_;
};

Check::Check(std::string_view name, const TensorFunction& f, const std::vector<Tensor>& inputs,
             const GradientCheck& how)
    : name_(name), f_(f), how_(how) {
  for (const Tensor& x : inputs) {
    if (!x || x.dtype() != DType::f64) {
      fail(ShapeError("check_gradients: " + name_ +
                      ": inputs should be f64, because differences in f32 are noise"));
    }
    before_.push_back(x.to_host());
    leaves_.push_back(Parameter{"input " + std::to_string(leaves_.size()),
                                Tensor::from(x.device(), before_.back(), x.shape(), DType::f64)});
    values_.push_back(leaves_.back().value);
  }
}

GradientReport Check::run() {
  const Tensor y = f_(values_);
  y_ = y.to_host();
  gate_absolute_ = kGateAbsolute * std::max(1.0, largest(y_));
  const std::uint32_t weights = site(name_, "dy");
  dy_ = gaussian(y.device(), y.shape(), 0, 1, {how_.seed, weights, 0, 0}, DType::f64).to_host();
  // A loss stands at the end of a step, where dL/dL = 1, and may know a shorter way from there:
  // every other one is asked with 1.
  if (y.rank() == 0 && weights % 2 == 0) dy_ = {1};

  bool passed = compute_gradients();
  for (std::size_t i = 0; passed && i < leaves_.size(); ++i) {
    const bool small = leaves_[i].value.numel() <= how_.max_entries;
    passed = small ? agrees_with_differences(i) : agrees_along_directions(i);
  }
  passed = passed && is_not_zero() && repeats_and_adds() && adds_up_over_two_uses();
  for (std::size_t i = 0; passed && leaves_.size() > 1 && i < leaves_.size(); ++i)
    passed = needs_no_other_input(i);
  report_.ok = passed && left_inputs_alone();
  return report_;
}

Tensor Check::forward(Tape& tape, std::size_t unwatched) {
  std::vector<Tensor> x;
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    x.push_back(i == unwatched ? leaves_[i].value : tape.watch(leaves_[i]));
    leaves_[i].zero_grad();
  }
  return f_(x);
}

// A gradient that one node adds to once is exact; more additions may round in another order.
bool Check::exact(const Tape& tape, std::size_t input) const {
  int uses = 0;
  for (std::size_t i = 0; i < tape.size(); ++i) {
    const Node& node = tape.node(i);
    uses += static_cast<int>(
        std::count(node.inputs, node.inputs + node.input_count, leaves_[input].node));
  }
  return uses <= 1 && !how_.adds_in_parts;
}

bool Check::compute_gradients() {
  Tape tape;
  const Tensor y = forward(tape, kNone);
  if (y.tape() != &tape)
    return failed("the output is not recorded: no op that the tape knows leads from inputs to it");
  if (y.to_host() != y_) return failed("the output is another one when it is recorded");
  for (std::size_t i = 0; i < leaves_.size(); ++i) exact_.push_back(exact(tape, i));
  tape.backward(y, cotangent(y));
  for (const Parameter& leaf : leaves_) {
    gradients_.push_back(leaf.touched ? leaf.grad.to_host()
                                      : Numbers(static_cast<std::size_t>(leaf.value.numel()), 0.0));
  }
  return true;
}

void Check::write(std::size_t input, const double* from, std::size_t first, std::size_t count) {
  const View to = values_[input].writable("check_gradients");
  values_[input].backend().upload(to.data + first * sizeof(double), from, count * sizeof(double));
}

double Check::weighed_difference(const Numbers& up, const Numbers& down) const {
  double sum = 0;
  for (std::size_t j = 0; j < dy_.size(); ++j) sum += dy_[j] * (up[j] - down[j]);
  return sum;
}

bool Check::agrees_with_differences(std::size_t input) {
  for (std::size_t i = 0; i < before_[input].size(); ++i) {
    const double x = before_[input][i], h = how_.step * std::max(1.0, std::fabs(x));
    const double up = x + h, down = x - h;   // x + h is rounded: the step really taken is up - down
    write(input, &up, i, 1);
    const Numbers y_up = f_(values_).to_host();
    write(input, &down, i, 1);
    const Numbers y_down = f_(values_).to_host();
    write(input, &x, i, 1);
    const double numeric = weighed_difference(y_up, y_down) / (up - down);
    if (!within_gate(input, "element " + std::to_string(i), numeric, gradients_[input][i]))
      return false;
  }
  return true;
}

// All elements at once, each up or down by chance: the difference quotient is then the sum of the
// gradient with these signs.
bool Check::agrees_along_directions(std::size_t input) {
  const Numbers& x = before_[input];
  for (int d = 0; d < how_.directions; ++d) {
    const RandomKey key{how_.seed, site(name_, "direction"), static_cast<std::uint32_t>(d), 0};
    Numbers up = x, down = x;
    double analytic = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double h = philox(key, static_cast<std::uint32_t>(i)).x[0] % 2 ? how_.step : -how_.step;
      up[i] += h, down[i] -= h;
      analytic += gradients_[input][i] * ((up[i] - down[i]) / (2 * how_.step));
    }
    write(input, up.data(), 0, up.size());
    const Numbers y_up = f_(values_).to_host();
    write(input, down.data(), 0, down.size());
    const Numbers y_down = f_(values_).to_host();
    write(input, x.data(), 0, x.size());
    const double numeric = weighed_difference(y_up, y_down) / (2 * how_.step);
    if (!within_gate(input, "direction " + std::to_string(d), numeric, analytic)) return false;
  }
  return true;
}

bool Check::within_gate(std::size_t input, const std::string& where, double numeric,
                        double analytic) {
  const double error = std::fabs(numeric - analytic),
               allowed = gate_absolute_ + kGateRelative * std::fabs(analytic);
  ++report_.entries;
  if (error <= allowed) {   // a NaN is not
    report_.margin = std::max(report_.margin, error / allowed);
    return true;
  }
  return failed("input " + std::to_string(input) + " " + str(values_[input].shape()) + ", " +
                where + ": expected " + text(numeric) + " (difference quotient), got " +
                text(analytic) + " (backward); allowed are " + text(allowed));
}

// A derivative of zeros agrees with an output that does not move; somebody has to say that this is
// meant.
bool Check::is_not_zero() {
  double norm = 0;
  for (const Numbers& g : gradients_) norm = std::max(norm, largest(g));
  return norm > gate_absolute_ || how_.zero_gradient ||
         failed("the derivative is zero everywhere, and the case does not declare it");
}

bool Check::same(const char* claim, std::size_t input, const Numbers& expected, bool to_the_bit) {
  const Parameter& leaf = leaves_[input];
  const Numbers got = leaf.touched ? leaf.grad.to_host() : Numbers(expected.size(), 0.0);
  // Sums in another order differ by some 1e-16 of their parts; a forgotten or doubled contribution
  // by far more.
  const double allowed = to_the_bit ? 0 : 1e-10 * (1 + largest(expected));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (std::fabs(got[i] - expected[i]) <= allowed) continue;
    return failed("input " + std::to_string(input) + " " + str(leaf.value.shape()) + ", element " +
                  std::to_string(i) + ": " + claim + ": expected " + text(expected[i]) + ", got " +
                  text(got[i]));
  }
  return true;
}

bool Check::repeats_and_adds() {
  Tape tape;
  tape.keep_saved = true;
  const Tensor y = forward(tape, kNone), dy = cotangent(y);
  tape.backward(y, dy);
  tape.backward(y, dy);
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    Numbers twice = gradients_[i];
    for (double& g : twice) g += g;
    if (!same("a second backward adds the same again", i, twice, exact_[i])) return false;
  }
  for (Parameter& leaf : leaves_) leaf.zero_grad();
  tape.backward(y, dy);
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    if (!same("another backward gives the same bits", i, gradients_[i], true)) return false;
  }
  for (Parameter& leaf : leaves_) {
    if (leaf.touched) leaf.grad.backend().fill(leaf.grad.writable("check_gradients"), kFull);
  }
  tape.backward(y, dy);
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    Numbers sum = gradients_[i];
    for (double& g : sum) g += leaves_[i].touched ? kFull : 0;
    if (!same("backward adds to what the gradient held", i, sum, exact_[i])) return false;
  }
  return true;
}

// The inputs feed two calls through a tensor of their own, so that gradients also meet inside of
// the graph.
bool Check::adds_up_over_two_uses() {
  Tape tape;
  std::vector<Tensor> x;
  for (Parameter& leaf : leaves_) {
    leaf.zero_grad();
    x.push_back(affine(tape.watch(leaf), 1, 0));
  }
  const Tensor first = f_(x), second = f_(x);
  const Tensor y = first + second;
  tape.backward(y, cotangent(y));
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    Numbers twice = gradients_[i];
    for (double& g : twice) g += g;
    if (!same("two uses give twice the derivative", i, twice, exact_[i])) return false;
  }
  return true;
}

bool Check::needs_no_other_input(std::size_t alone) {
  Tape tape;
  const Tensor y = forward(tape, alone);
  if (y.tape()) tape.backward(y, cotangent(y));
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    const Numbers nothing(gradients_[i].size(), 0.0);
    const std::string claim = "nobody watches input " + std::to_string(alone);
    if (!same(claim.c_str(), i, i == alone ? nothing : gradients_[i], true)) return false;
  }
  return true;
}

bool Check::left_inputs_alone() {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const Numbers now = values_[i].to_host();
    for (std::size_t k = 0; k < now.size(); ++k) {
      if (now[k] == before_[i][k]) continue;
      return failed("input " + std::to_string(i) + ", element " + std::to_string(k) +
                    ": the op wrote to its input: expected " + text(before_[i][k]) + ", got " +
                    text(now[k]));
    }
  }
  return true;
}

bool Check::failed(const std::string& what) {
  report_.failure = name_ + ": " + what;
  return false;
}

}   // namespace

GradientReport check_gradients(std::string_view name, const TensorFunction& f,
                               std::vector<Tensor> inputs, const GradientCheck& how) {
  return Check(name, f, inputs, how).run();
}

}   // namespace glass
