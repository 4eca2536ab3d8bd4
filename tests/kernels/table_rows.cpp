// Cases of the kernels that work on rows: softmax, layernorm, rmsnorm, cross-entropy.
//
// Each gate bounds what rounding can do, with the error of an exponential (4 ulps) and of a sum (4 u sum of magnitudes)
// as building blocks. Where a formula subtracts, the magnitudes of both sides count, not the difference.
#include <algorithm>
#include <cmath>

#include "tests/kernels/tables.h"

namespace glass::test {
namespace {

constexpr Layout kContiguous = Layout::contiguous;

std::size_t row_length(const Shape& shape) {
  return shape.empty() ? 1 : static_cast<std::size_t>(shape.back());
}

Shape with_last(Shape shape, std::int64_t last) {
  if (shape.empty()) return {1};
  shape.back() = last;
  return shape;
}

Problem softmax_problem(Operand y, Operand x) {
  const std::size_t C = row_length(x.shape);
  return {"softmax",
          "",
          {std::move(y), std::move(x)},
          [](Backend& b, const Args& a) { b.softmax(a[0], a[1]); },
          [C](const Values& v, int) {
            // x - max rounds by u |x - max|, which the exponential turns into a relative error; the sum, a mean of such
            // errors, and the quotient follow.
            std::vector<double> gate(v[0].size());
            for (std::size_t r = 0; C > 0 && r < gate.size(); r += C) {
              double top = -INFINITY, mean = 0;
              for (std::size_t c = 0; c < C; ++c) top = std::max(top, v[1][r + c]);
              for (std::size_t c = 0; c < C; ++c)
                mean += v[0][r + c] > 0 ? v[0][r + c] * (top - v[1][r + c]) : 0;
              for (std::size_t c = 0; c < C; ++c) {
                const double p = v[0][r + c], away = p > 0 ? top - v[1][r + c] : 0;
                gate[r + c] = kU * p * (20 + away + mean) + 4 * std::ldexp(1.0, -149);
              }
            }
            return gate;
          }};
}

// dx = y (dy - dot). y is a softmax, so its rows sum to 1.
Problem softmax_backward_problem(Operand dx, Operand dy, Operand y) {
  const std::size_t C = row_length(y.shape);
  Problem p = {"softmax_backward",
               "",
               {std::move(dx), std::move(dy), std::move(y)},
               [](Backend& b, const Args& a) { b.softmax_backward(a.into(0), a[1], a[2]); },
               [C](const Values& v, int) {
                 std::vector<double> gate(v[0].size());
                 for (std::size_t r = 0; C > 0 && r < gate.size(); r += C) {
                   double dot = 0;
                   for (std::size_t c = 0; c < C; ++c) dot += std::fabs(v[1][r + c] * v[2][r + c]);
                   for (std::size_t c = 0; c < C; ++c)
                     gate[r + c] = kU * v[2][r + c] * (3 * std::fabs(v[1][r + c]) + 6 * dot);
                 }
                 return gate;
               }};
  const bool repeated = repeats(p.operands[2].layout);
  if (!repeated)
    p.prepare = [C](Values& v) {
      for (std::size_t r = 0; C > 0 && r < v[2].size(); r += C) {
        double sum = 0;
        for (std::size_t c = 0; c < C; ++c) sum += std::exp(v[2][r + c]);
        for (std::size_t c = 0; c < C; ++c) v[2][r + c] = std::exp(v[2][r + c]) / sum;
      }
    };
  else p.operands[2].draw = Draw::positive;
  return p;
}

struct RowSums {
  double x = 0, squares = 0;
};   // means of |x| and of x^2

RowSums row_means(const std::vector<double>& x, std::size_t r, std::size_t C) {
  RowSums s;
  for (std::size_t c = 0; c < C; ++c) s.x += std::fabs(x[r + c]), s.squares += x[r + c] * x[r + c];
  s.x /= static_cast<double>(C), s.squares /= static_cast<double>(C);
  return s;
}

Problem layernorm_problem(Operand x, Layout y, bool with_bias, double eps, Layout w = kContiguous) {
  const Shape shape = x.shape, one = with_last(x.shape, 1);
  const std::size_t C = row_length(shape);
  const std::int64_t width = static_cast<std::int64_t>(C);
  return {
      "layernorm",
      "eps=" + std::to_string(eps),
      {out("y", shape, y), out("mean", one), out("rstd", one), std::move(x), in("w", {width}, w),
       with_bias ? in("b", {width}, w) : none("b")},
      [eps](Backend& b, const Args& a) { b.layernorm(a[0], a[1], a[2], a[3], a[4], a[5], eps); },
      [C, with_bias](const Values& v, int output) {
        std::vector<double> gate(v[output].size());
        for (std::size_t row = 0; row < v[1].size(); ++row) {
          const RowSums s = row_means(v[3], row * C, C);
          const double mean = v[1][row], rstd = v[2][row], mean_error = 4 * kU * s.x;
          if (output == 1) gate[row] = mean_error;
          // Deviations are off by the error of the mean and their own rounding; both enter the variance squared or
          // with a mean near zero, so twice their relative size is generous.
          if (output == 2)
            gate[row] = rstd * (8 * kU + std::pow(rstd * (mean_error + kU * s.x), 2));
          for (std::size_t c = 0; output == 0 && c < C; ++c) {
            const double x_ = v[3][row * C + c], w_ = std::fabs(v[4][c]),
                         xhat = std::fabs((x_ - mean) * rstd);
            gate[row * C + c] =
                w_ * (rstd * (mean_error + kU * (std::fabs(x_) + std::fabs(mean))) +
                      xhat * 12 * kU + xhat * std::pow(rstd * (mean_error + kU * s.x), 2)) +
                (with_bias ? kU * std::fabs(v[5][c]) : 0);
          }
        }
        return gate;
      }};
}

// Inputs that fit each other: what the forward would have written for x.
void prepare_layernorm(Values& v, int x, int mean, int rstd, std::size_t C) {
  for (std::size_t row = 0; row < v[mean].size(); ++row) {
    double sum = 0, squares = 0;
    for (std::size_t c = 0; c < C; ++c) sum += v[x][row * C + c];
    v[mean][row] = sum / static_cast<double>(C);
    for (std::size_t c = 0; c < C; ++c) squares += std::pow(v[x][row * C + c] - v[mean][row], 2);
    v[rstd][row] = 1 / std::sqrt(squares / static_cast<double>(C) + 1e-5);
  }
}

Problem layernorm_backward_problem(Shape shape, Mode dx, Mode dw, Mode db, Layout l, Layout ldy) {
  const Shape one = with_last(shape, 1);
  const std::size_t C = row_length(shape);
  const std::int64_t width = static_cast<std::int64_t>(C);
  Problem p = {
      "layernorm_backward",
      "",
      {into("dx", shape, dx, l == Layout::repeated_rows ? kContiguous : l), into("dw", {width}, dw),
       into("db", {width}, db), in("dy", shape, ldy), in("x", shape, l), in("w", {width}),
       in("mean", one), in("rstd", one)},
      [](Backend& b, const Args& a) {
        b.layernorm_backward(a.into(0), a.into(1), a.into(2), a[3], a[4], a[5], a[6], a[7]);
      },
      [C](const Values& v, int output) {
        std::vector<double> gate(v[output].size());
        for (std::size_t row = 0; row < v[6].size(); ++row) {
          const double mean = v[6][row], rstd = v[7][row];
          const auto xhat = [&](std::size_t c) {
            return (std::fabs(v[4][row * C + c]) + std::fabs(mean)) * rstd;
          };
          double mean_g = 0, mean_gx = 0;
          for (std::size_t c = 0; c < C; ++c) {
            const double dy = std::fabs(v[3][row * C + c]), g = dy * std::fabs(v[5][c]);
            mean_g += g / static_cast<double>(C), mean_gx += g * xhat(c) / static_cast<double>(C);
            if (output == 1) gate[c] += 6 * kU * dy * xhat(c);
            if (output == 2) gate[c] += 4 * kU * dy;
          }
          for (std::size_t c = 0; output == 0 && c < C; ++c) {
            const double g = std::fabs(v[3][row * C + c] * v[5][c]);
            gate[row * C + c] = 8 * kU * rstd * (g + mean_g + xhat(c) * mean_gx);
          }
        }
        return gate;
      }};
  if (l != Layout::repeated_rows) p.prepare = [C](Values& v) { prepare_layernorm(v, 4, 6, 7, C); };
  else p.operands[7].draw = Draw::positive;
  return p;
}

Problem rmsnorm_problem(Operand x, Layout y, bool with_weight, double eps) {
  const Shape shape = x.shape, one = with_last(x.shape, 1);
  const std::size_t C = row_length(shape);
  const std::int64_t width = static_cast<std::int64_t>(C);
  return {"rmsnorm",
          "eps=" + std::to_string(eps),
          {out("y", shape, y), out("rstd", one), std::move(x),
           with_weight ? in("w", {width}) : none("w")},
          [eps](Backend& b, const Args& a) { b.rmsnorm(a[0], a[1], a[2], a[3], eps); },
          [](const Values& v,
             int output) {   // sum of squares, root, quotient, then one or two products
            std::vector<double> gate;
            for (const double y_ : v[output]) gate.push_back(10 * kU * std::fabs(y_));
            return gate;
          }};
}

Problem rmsnorm_backward_problem(Shape shape, Mode dx, Mode dw, bool with_weight, Layout l) {
  const Shape one = with_last(shape, 1);
  const std::size_t C = row_length(shape);
  const std::int64_t width = static_cast<std::int64_t>(C);
  Problem p = {"rmsnorm_backward",
               "",
               {into("dx", shape, dx, l), into("dw", {width}, dw), in("dy", shape, l),
                in("x", shape), with_weight ? in("w", {width}) : none("w"), in("rstd", one)},
               [](Backend& b, const Args& a) {
                 b.rmsnorm_backward(a.into(0), a.into(1), a[2], a[3], a[4], a[5]);
               },
               [C, with_weight](const Values& v, int output) {
                 std::vector<double> gate(v[output].size());
                 for (std::size_t row = 0; row < v[5].size(); ++row) {
                   const double rstd = v[5][row];
                   const auto g = [&](std::size_t c) {
                     return std::fabs(v[2][row * C + c] * (with_weight ? v[4][c] : 1));
                   };
                   const auto xhat = [&](std::size_t c) {
                     return std::fabs(v[3][row * C + c] * rstd);
                   };
                   double mean_gx = 0;
                   for (std::size_t c = 0; c < C; ++c) {
                     mean_gx += g(c) * xhat(c) / static_cast<double>(C);
                     if (output == 1) gate[c] += 6 * kU * std::fabs(v[2][row * C + c]) * xhat(c);
                   }
                   for (std::size_t c = 0; output == 0 && c < C; ++c)
                     gate[row * C + c] = 8 * kU * rstd * (g(c) + xhat(c) * mean_gx);
                 }
                 return gate;
               }};
  p.prepare = [C](Values& v) {
    for (std::size_t row = 0; row < v[5].size(); ++row)
      v[5][row] = 1 / std::sqrt(row_means(v[3], row * C, C).squares + 1e-5);
  };
  return p;
}

constexpr std::int64_t kIgnore = -1;

// One target in five is ignored.
void ignore_some(std::vector<double>& targets) {
  for (std::size_t i = 2; i < targets.size(); i += 5) targets[i] = kIgnore;
}

Problem cross_entropy_problem(Operand logits, Layout target) {
  const std::int64_t n = logits.shape[0], V = logits.shape[1];
  return {"cross_entropy",
          "",
          {out("loss", {n}), out("lse", {n}), std::move(logits), ids("targets", {n}, V, target)},
          [](Backend& b, const Args& a) { b.cross_entropy(a[0], a[1], a[2], a[3], kIgnore); },
          [V](const Values& v, int output) {
            // lse = max + log(sum): the relative error of the sum is an absolute one of its logarithm.
            std::vector<double> gate(v[output].size());
            for (std::size_t r = 0; r < gate.size(); ++r) {
              double top = -INFINITY, mean = 0;
              const std::size_t row = r * static_cast<std::size_t>(V);
              for (std::size_t c = 0; c < static_cast<std::size_t>(V); ++c)
                top = std::max(top, v[2][row + c]);
              for (std::size_t c = 0; c < static_cast<std::size_t>(V); ++c) {
                const double p = std::exp(v[2][row + c] - v[1][r]);
                mean += p > 0 ? p * (top - v[2][row + c]) : 0;
              }
              const double lse =
                  kU * (16 + mean + 5 * std::fabs(v[1][r] - top) + std::fabs(v[1][r]));
              gate[r] = output == 1 ? lse : v[3][r] == kIgnore ? 0 : lse + kU * std::fabs(v[1][r]);
            }
            return gate;
          },
          [](Values& v) { ignore_some(v[3]); }};
}

Problem cross_entropy_backward_problem(Operand logits, Mode mode, Layout dlogits) {
  const std::int64_t n = logits.shape[0], V = logits.shape[1];
  return {"cross_entropy_backward",
          "",
          {into("dlogits", {n, V}, mode, dlogits), in("dloss", {n}), std::move(logits),
           in("lse", {n}), ids("targets", {n}, V)},
          [](Backend& b, const Args& a) {
            b.cross_entropy_backward(a.into(0), a[1], a[2], a[3], a[4], kIgnore);
          },
          [V](const Values& v, int) {
            std::vector<double> gate(v[0].size());
            for (std::size_t i = 0; i < gate.size(); ++i) {
              const std::size_t r = i / static_cast<std::size_t>(V);
              const double away = v[2][i] - v[3][r], p = std::exp(away);
              gate[i] = std::fabs(v[1][r]) * kU * (p * (9 + std::fabs(away)) + 1);
            }
            return gate;
          },
          [V](Values& v) {
            ignore_some(v[4]);
            for (std::size_t r = 0; r < v[3].size(); ++r) {
              double sum = 0;
              for (std::size_t c = 0; c < static_cast<std::size_t>(V); ++c)
                sum += std::exp(v[2][r * static_cast<std::size_t>(V) + c]);
              v[3][r] = std::log(sum);
            }
          }};
}

constexpr Layout kRowLayouts[] = {Layout::contiguous, Layout::padded, Layout::transposed,
                                  Layout::stepped, Layout::narrowed};
constexpr Mode kModes[] = {Mode::write, Mode::add, Mode::skip};

}  // namespace

Problems softmax_small() {
  Problems all;
  std::size_t turn = 0;
  for (const std::int64_t C : widths()) {
    for (const std::int64_t rows : {1, 3, 18})
      for (int i = 0; i < 2; ++i, ++turn)
        all.push_back(
            softmax_problem(out("y", {rows, C}, kRowLayouts[turn % 5]),
                            in("x", {rows, C}, kRowLayouts[(turn / 2) % 5], Draw::logits)));
    all.push_back(softmax_problem(out("y", {C}), in("x", {C})));
    all.push_back(softmax_problem(out("y", {2, 3, C}, Layout::permuted),
                                  in("x", {2, 3, C}, Layout::permuted)));
  }
  for (const std::int64_t C : {1, 5, 16, 33, 70})
    all.push_back(softmax_problem(out("y", {40, C}), in("x", {40, C}, kContiguous, Draw::special)));
  all.push_back(softmax_problem(out("y", {}), in("x", {})));
  all.push_back(softmax_problem(out("y", {4, 9}), in("x", {4, 9}, Layout::repeated_rows)));
  all.push_back(softmax_problem(out("y", {4, 9}), in("x", {4, 9}, Layout::repeated_columns)));
  all.push_back(
      softmax_problem(out("y", {2, 3000}), in("x", {2, 3000}, kContiguous, Draw::logits)));
  Problem masked = softmax_problem(out("y", {3, 70}), in("x", {3, 70}, kContiguous, Draw::logits));
  masked.parameters = "a row of nothing to choose from";
  masked.prepare = [](Values& v) { std::fill_n(v[1].begin() + 70, 70, -INFINITY); };
  all.push_back(masked);
  return all;
}
Problems softmax_large() {
  return {softmax_problem(out("y", {600, 257}), in("x", {600, 257}, kContiguous, Draw::logits)),
          softmax_problem(out("y", {2, 90000}), in("x", {2, 90000}, kContiguous, Draw::logits))};
}

Problems softmax_backward_small() {
  Problems all;
  std::size_t turn = 0;
  for (const std::int64_t C : widths())
    for (const std::int64_t rows : {1, 3, 18})
      for (const Mode mode : {Mode::write, Mode::add}) {
        all.push_back(softmax_backward_problem(
            into("dx", {rows, C}, mode, kRowLayouts[turn % 5]),
            in("dy", {rows, C}, turn % 3 ? kContiguous : Layout::repeated_rows),
            in("y", {rows, C}, kRowLayouts[(turn / 2) % 5])));
        all.push_back(softmax_backward_problem(into("dx", {rows, C}, mode),
                                               in("dy", {rows, C}, kRowLayouts[turn % 5]),
                                               in("y", {rows, C})));
        ++turn;
      }
  for (const std::int64_t C : {1, 5, 16, 33, 70})
    all.push_back(softmax_backward_problem(into("dx", {40, C}, Mode::write),
                                           in("dy", {40, C}, kContiguous, Draw::special),
                                           in("y", {40, C})));
  all.push_back(
      softmax_backward_problem(into("dx", {4, 9}, Mode::skip), in("dy", {4, 9}), in("y", {4, 9})));
  all.push_back(softmax_backward_problem(into("dx", {4, 9}, Mode::write), in("dy", {4, 9}),
                                         in("y", {4, 9}, Layout::repeated_rows)));
  return all;
}
Problems softmax_backward_large() {
  return {softmax_backward_problem(into("dx", {600, 257}, Mode::add), in("dy", {600, 257}),
                                   in("y", {600, 257})),
          softmax_backward_problem(into("dx", {2, 90000}, Mode::write), in("dy", {2, 90000}),
                                   in("y", {2, 90000}))};
}

Problems layernorm_small() {
  Problems all;
  std::size_t turn = 0;
  for (const std::int64_t C : widths()) {
    if (C == 0) continue;   // a row of nothing has no mean
    for (const std::int64_t rows : {1, 3, 18})
      for (const bool bias : {false, true}) {
        all.push_back(layernorm_problem(in("x", {rows, C}, kRowLayouts[turn % 5]),
                                        kRowLayouts[(turn / 2) % 5], bias, 1e-5));
        all.push_back(layernorm_problem(in("x", {rows, C}, kContiguous, Draw::positive),
                                        kContiguous, bias, 1e-3,
                                        turn % 4 ? kContiguous : Layout::stepped));
        ++turn;
      }
    all.push_back(
        layernorm_problem(in("x", {2, 3, C}, Layout::permuted), Layout::permuted, true, 1e-5));
    all.push_back(
        layernorm_problem(in("x", {3, C}, Layout::repeated_rows), kContiguous, true, 1e-5));
  }
  for (const std::int64_t C : {1, 5, 16, 33, 70})
    all.push_back(
        layernorm_problem(in("x", {40, C}, kContiguous, Draw::special), kContiguous, true, 1e-5));
  all.push_back(layernorm_problem(in("x", {0, 5}), kContiguous, true, 1e-5));
  return all;
}
Problems layernorm_large() {
  return {layernorm_problem(in("x", {700, 257}), kContiguous, true, 1e-5)};
}

Problems layernorm_backward_small() {
  Problems all;
  std::size_t turn = 0;
  for (const std::int64_t C : widths()) {
    if (C == 0) continue;
    for (const std::int64_t rows : {1, 3, 18, 70})
      for (int i = 0; i < 3; ++i, ++turn)
        all.push_back(layernorm_backward_problem({rows, C}, kModes[turn % 3], kModes[turn / 3 % 3],
                                                 kModes[turn / 9 % 3], kRowLayouts[turn % 5],
                                                 kRowLayouts[turn / 5 % 5]));
    all.push_back(layernorm_backward_problem({2, 3, C}, Mode::add, Mode::add, Mode::add,
                                             Layout::permuted, kContiguous));
    all.push_back(layernorm_backward_problem({3, C}, Mode::write, Mode::write, Mode::write,
                                             Layout::repeated_rows, Layout::repeated_rows));
  }
  all.push_back(layernorm_backward_problem({0, 5}, Mode::write, Mode::write, Mode::write,
                                           kContiguous, kContiguous));
  all.push_back(layernorm_backward_problem({0, 5}, Mode::add, Mode::add, Mode::add, kContiguous,
                                           kContiguous));
  for (const Mode mode : {Mode::write, Mode::add})   // so many rows that their sum is cut
    all.push_back(layernorm_backward_problem({600, 35}, Mode::skip, mode, mode, kContiguous,
                                             kContiguous));
  return all;
}
Problems layernorm_backward_large() {
  return {layernorm_backward_problem({900, 257}, Mode::write, Mode::add, Mode::add, kContiguous,
                                     kContiguous)};
}

Problems rmsnorm_small() {
  Problems all;
  std::size_t turn = 0;
  for (const std::int64_t C : widths()) {
    if (C == 0) continue;
    for (const std::int64_t rows : {1, 3, 18})
      for (const bool weight : {false, true}) {
        all.push_back(rmsnorm_problem(in("x", {rows, C}, kRowLayouts[turn % 5]),
                                      kRowLayouts[(turn / 2) % 5], weight, 1e-5));
        ++turn;
      }
    all.push_back(
        rmsnorm_problem(in("x", {2, 3, C}, Layout::permuted), Layout::permuted, true, 1e-6));
    all.push_back(
        rmsnorm_problem(in("x", {3, C}, Layout::repeated_rows), kContiguous, false, 1e-6));
  }
  for (const std::int64_t C : {1, 5, 16, 33, 70})
    all.push_back(
        rmsnorm_problem(in("x", {40, C}, kContiguous, Draw::special), kContiguous, true, 1e-5));
  all.push_back(rmsnorm_problem(in("x", {0, 5}), kContiguous, true, 1e-5));
  return all;
}
Problems rmsnorm_large() { return {rmsnorm_problem(in("x", {700, 257}), kContiguous, true, 1e-5)}; }

Problems rmsnorm_backward_small() {
  Problems all;
  std::size_t turn = 0;
  for (const std::int64_t C : widths()) {
    if (C == 0) continue;
    for (const std::int64_t rows : {1, 3, 18, 70})
      for (const bool weight : {false, true}) {
        all.push_back(rmsnorm_backward_problem({rows, C}, kModes[turn % 3], kModes[turn / 3 % 3],
                                               weight, kRowLayouts[turn % 5]));
        all.push_back(rmsnorm_backward_problem({rows, C}, kModes[(turn + 1) % 3],
                                               kModes[turn / 2 % 3], weight,
                                               kRowLayouts[turn / 5 % 5]));
        ++turn;
      }
  }
  all.push_back(rmsnorm_backward_problem({0, 5}, Mode::write, Mode::write, true, kContiguous));
  return all;
}
Problems rmsnorm_backward_large() {
  return {rmsnorm_backward_problem({900, 257}, Mode::add, Mode::write, true, kContiguous)};
}

Problems cross_entropy_small() {
  Problems all;
  std::size_t turn = 0;
  for (const std::int64_t V : widths()) {
    if (V == 0) continue;   // no target could be in range
    for (const std::int64_t n : {1, 3, 18})
      for (int i = 0; i < 3; ++i, ++turn)
        all.push_back(cross_entropy_problem(
            in("logits", {n, V}, kRowLayouts[turn % 5], i ? Draw::logits : Draw::bell),
            turn % 4 ? kContiguous : Layout::stepped));
  }
  for (const std::int64_t V : {1, 5, 16, 33, 70})
    all.push_back(
        cross_entropy_problem(in("logits", {40, V}, kContiguous, Draw::special), kContiguous));
  all.push_back(cross_entropy_problem(in("logits", {0, 5}), kContiguous));
  all.push_back(cross_entropy_problem(in("logits", {4, 5}, Layout::repeated_rows), kContiguous));
  all.push_back(
      cross_entropy_problem(in("logits", {2, 5000}, kContiguous, Draw::logits), kContiguous));
  // Logits so far apart that only with the largest of them no exponential overflows.
  for (const std::int64_t V : {16, 70, 257, 300})
    all.push_back(
        cross_entropy_problem(in("logits", {40, V}, kContiguous, Draw::wide), kContiguous));
  return all;
}
Problems cross_entropy_large() {
  return {cross_entropy_problem(in("logits", {600, 301}, kContiguous, Draw::logits), kContiguous)};
}

Problems cross_entropy_backward_small() {
  Problems all;
  std::size_t turn = 0;
  for (const std::int64_t V : widths()) {
    if (V == 0) continue;
    for (const std::int64_t n : {1, 3, 18})
      for (const Mode mode : {Mode::write, Mode::add}) {
        all.push_back(cross_entropy_backward_problem(
            in("logits", {n, V}, kRowLayouts[turn % 5], Draw::logits), mode,
            kRowLayouts[turn / 2 % 5]));
        all.push_back(
            cross_entropy_backward_problem(in("logits", {n, V}), mode, kRowLayouts[turn % 5]));
        ++turn;
      }
  }
  all.push_back(cross_entropy_backward_problem(in("logits", {3, 7}), Mode::skip, kContiguous));
  all.push_back(cross_entropy_backward_problem(in("logits", {0, 7}), Mode::write, kContiguous));
  return all;
}
Problems cross_entropy_backward_large() {
  return {cross_entropy_backward_problem(in("logits", {600, 301}, kContiguous, Draw::logits),
                                         Mode::add, kContiguous)};
}

}  // namespace glass::test
