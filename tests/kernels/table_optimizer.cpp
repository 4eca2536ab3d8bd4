// Cases of global_norm and adamw.
#include <algorithm>
#include <cmath>

#include "kernels/formulas.h"
#include "tests/kernels/tables.h"

namespace glass::test {
namespace {

// The squares are summed in double, so only the root and the rounding of the result are left.
Problem global_norm_problem(const std::vector<Shape>& shapes, Layout layout) {
  Problem p = {"global_norm",
               "tensors=" + std::to_string(shapes.size()),
               {out("norm", {1})},
               [](Backend& b, const Args& a) {
                 b.global_norm(a[0], a.views.data() + 1, static_cast<int>(a.views.size()) - 1);
               },
               [](const Values& v, int) { return std::vector<double>{kU * v[0][0]}; }};
  for (const Shape& shape : shapes) p.operands.push_back(in("grad", shape, layout));
  return p;
}

struct Norm {
  bool given;
  double value;
};

// numbers, norm, skipped, then param, grad, m, v of each item. The weight decay of every other item is 0.
Problem adamw_problem(const std::vector<Shape>& shapes, double max_norm, Norm norm, int step,
                      bool with_flag = true) {
  const auto decay = [](int item) { return item % 2 ? 0.0 : 0.1; };
  const int items = static_cast<int>(shapes.size());
  Problem p = {
      "adamw",
      "max_norm=" + std::to_string(max_norm) +
          " norm=" + (norm.given ? std::to_string(norm.value) : "none") +
          " step=" + std::to_string(step) + (with_flag ? "" : " no flag"),
      {in("numbers", {kAdamWNumbers}), norm.given ? in("norm", {1}) : none("norm"),
       with_flag ? integers(out("skipped", {1})) : none("skipped")},
      [=](Backend& b, const Args& a) {
        std::vector<AdamWItem> list;
        for (int i = 0; i < items; ++i)
          list.push_back({a[3 + 4 * i], a[4 + 4 * i], a[5 + 4 * i], a[6 + 4 * i], decay(i)});
        b.adamw(list.data(), items, a[0], a[1], a[2]);
      },
      [=](const Values& after, int output) {
        const int item = (output - 3) / 4, first = 3 + 4 * item, which = (output - 3) % 4;
        const Values& before = *after.before;
        const std::vector<double>& numbers = before[0];
        const double clip =
            norm.given && max_norm > 0 ? formulas::clip_factor(before[1][0], numbers[kMaxNorm]) : 1;
        std::vector<double> gate(after[output].size());
        for (std::size_t i = 0; i < gate.size() && std::isfinite(norm.value); ++i) {
          const double p_ = std::fabs(before[first][i]), g = clip * std::fabs(before[first + 1][i]);
          const double m = kU * (2 * numbers[kBeta1] * std::fabs(before[first + 2][i]) +
                                 8 * (1 - numbers[kBeta1]) * g);
          const double v = kU * (2 * numbers[kBeta2] * before[first + 3][i] +
                                 16 * (1 - numbers[kBeta2]) * g * g);
          const double root =
              std::sqrt(after[first + 3][i] / numbers[kCorrection2]) + numbers[kEps];
          const double step_size = numbers[kLearningRate] * std::fabs(after[first + 2][i]) /
                                   numbers[kCorrection1] / root;
          const double step_error =
              numbers[kLearningRate] / numbers[kCorrection1] * m / root +
              step_size * (8 * kU + (after[first + 3][i] > 0 ? v / after[first + 3][i] : 0));
          gate[i] = which == 0 ? 3 * kU * p_ + step_error : which == 2 ? m : v;
        }
        return gate;
      },
      [=](Values& v) {
        const double t = step;
        v[0] = {0.01, 0.9, 0.999, 1e-8, 1 - std::pow(0.9, t), 1 - std::pow(0.999, t), max_norm};
        if (norm.given) v[1][0] = norm.value;
      }};
  for (const Shape& shape : shapes) {
    p.operands.push_back(update("param", shape));
    p.operands.push_back(in("grad", shape));
    p.operands.push_back(update("m", shape));
    p.operands.push_back(update("v", shape, Draw::positive));
  }
  return p;
}

}  // namespace

Problems global_norm_small() {
  Problems all;
  for (const std::int64_t n : widths()) {
    all.push_back(global_norm_problem({{n}}, Layout::contiguous));
    all.push_back(global_norm_problem({{n}, {3, n}, {1}}, Layout::padded));
  }
  all.push_back(global_norm_problem({}, Layout::contiguous));
  all.push_back(global_norm_problem({{}, {0, 2}, {5, 7}, {2, 3, 4}}, Layout::transposed));
  return all;
}
Problems global_norm_large() {
  return {global_norm_problem({{300000}, {77, 1001}, {3}, {120000}}, Layout::contiguous)};
}

Problems adamw_small() {
  Problems all;
  for (const std::int64_t n : widths()) {
    all.push_back(adamw_problem({{n}}, 1.0, {true, 3.5}, 1));
    all.push_back(adamw_problem({{n}, {2, n}, {1}}, 0, {true, 0.1}, 10));
    all.push_back(adamw_problem({{n}}, 1.0, {true, 0.3}, 1000, false));
    all.push_back(adamw_problem({{3, n}}, 1.0, {false, 0}, 2));
    all.push_back(adamw_problem({{n}, {7}}, 1.0, {true, INFINITY}, 2));
    all.push_back(adamw_problem({{n}}, 0, {true, NAN}, 2));
  }
  all.push_back(adamw_problem({}, 1, {true, 1}, 1));
  all.push_back(adamw_problem({{0, 3}, {2, 3, 4, 5}, {}}, 1, {true, 2}, 5));
  return all;
}
Problems adamw_large() {
  return {adamw_problem({{150001}, {300}, {77, 901}}, 1.0, {true, 3.5}, 7)};
}

}  // namespace glass::test
