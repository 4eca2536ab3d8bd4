// Cases of attention and rope.
//
// The gates of attention follow the pattern p: a score is off by a few u of S = scale sum |q||k|, which the exponential
// makes a relative error of p; then come sums over keys or queries of magnitudes. Where matrix units multiply bf16, p and
// its derivative are rounded to bf16 in between (Values::pattern_error).
#include <algorithm>
#include <cmath>

#include "tests/kernels/tables.h"

namespace glass::test {
namespace {

constexpr Layout kContiguous = Layout::contiguous;

struct Sizes {
  std::int64_t B, H, Hk, Tq, Tk, D;
};

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// What a gate needs of one query and one key.
struct Seen {
  double p;           // the weight of the pattern before dropout
  double error;       // its relative error, in units of u
  std::int64_t key;   // its row number in k and v
  double kept;        // 1 / (1 - dropout), whether dropped or not
};

// Calls body(row number, what it sees) for each query.
template <class Body>
void for_each_query(const Sizes& n, const Attention& a, const std::vector<double>& q,
                    const std::vector<double>& k, const Body& body) {
  for (std::int64_t row = 0; row < n.B * n.H * n.Tq; ++row) {
    const std::int64_t i = row % n.Tq, h = row / n.Tq % n.H, b = row / n.Tq / n.H,
                       position = a.q_offset + i;
    std::vector<Seen> seen;
    double top = -INFINITY, sum = 0;
    for (std::int64_t j = 0; j < n.Tk; ++j) {
      if (j > position || (a.window > 0 && j <= position - a.window)) continue;
      const std::int64_t key = (b * n.Hk + h / (n.H / n.Hk)) * n.Tk + j;
      double s = 0, magnitude = 0;
      for (std::int64_t d = 0; d < n.D; ++d) {
        const double term = a.scale * q[at(row * n.D + d)] * k[at(key * n.D + d)];
        s += term, magnitude += std::fabs(term);
      }
      top = std::max(top, s);
      seen.push_back({s, magnitude, key, 1 / (1 - a.dropout)});
    }
    double mean = 0;
    for (Seen& x : seen) sum += std::exp(x.p - top);
    for (Seen& x : seen) {
      const double away = top - x.p;
      const bool blind = std::isinf(top) && top < 0;   // all scores are -inf
      x.p = blind ? 0 : std::exp(x.p - top) / sum;
      x.error = x.p == 0 ? 0 : 3 * x.error + 2 * away + 10;
      mean += x.p * x.error;
    }
    for (Seen& x : seen) x.error += mean;
    body(row, seen);
  }
}

std::string attention_text(const Attention& a) {
  return "offset=" + std::to_string(a.q_offset) + " window=" + std::to_string(a.window) +
         " dropout=" + std::to_string(a.dropout) + " scale=" + std::to_string(a.scale);
}

Problem attention_problem(Sizes n, Attention a, Layout lq, Layout lk, Layout ly = kContiguous,
                          Draw kind = Draw::bell) {
  const Shape q = {n.B, n.H, n.Tq, n.D}, k = {n.B, n.Hk, n.Tk, n.D};
  return {"attention",
          attention_text(a),
          {out("y", q, ly), out("lse", {n.B, n.H, n.Tq}), in("q", q, lq, kind),
           in("k", k, lk, kind), in("v", k, lk)},
          [a](Backend& b, const Args& x) { b.attention(x[0], x[1], x[2], x[3], x[4], a); },
          [n, a](const Values& v, int output) {
            std::vector<double> gate(v[output].size());
            for_each_query(n, a, v[2], v[3], [&](std::int64_t row, const std::vector<Seen>& seen) {
              double mean = 0;
              for (const Seen& s : seen) {
                mean += s.p * s.error;
                for (std::int64_t d = 0; output == 0 && d < n.D; ++d)
                  gate[at(row * n.D + d)] +=
                      kU * s.p * s.kept * std::fabs(v[4][at(s.key * n.D + d)]) *
                      (s.error + v.pattern_error + 8);
              }
              if (output == 1 && !seen.empty())
                gate[at(row)] = kU * (mean + 2 * std::fabs(v[1][at(row)]) + 8);
            });
            return gate;
          }};
}

// y and lse are inputs of backward: as the forward would have written them.
void prepare_attention(Values& v, Sizes n, const Attention& a, int y, int lse, int q, int k,
                       int v_) {
  for_each_query(n, a, v[q], v[k], [&](std::int64_t row, const std::vector<Seen>& seen) {
    double sum = 0, top = -INFINITY;
    std::vector<double> scores;
    for (const Seen& s : seen) {
      double score = 0;
      for (std::int64_t d = 0; d < n.D; ++d)
        score += a.scale * v[q][at(row * n.D + d)] * v[k][at(s.key * n.D + d)];
      scores.push_back(score), top = std::max(top, score);
    }
    for (const double s : scores) sum += std::exp(s - top);
    v[lse][at(row)] = seen.empty() ? -INFINITY : top + std::log(sum);
    for (std::int64_t d = 0; d < n.D; ++d) {
      double total = 0;
      for (const Seen& s : seen) {
        const std::int64_t number = row * n.Tk + s.key % n.Tk;
        const bool kept =
            a.dropout == 0 || philox(a.key, static_cast<std::uint32_t>(number / 4)).x[number % 4] >=
                                  drop_threshold(a.dropout);
        total += kept ? s.p * s.kept * v[v_][at(s.key * n.D + d)] : 0;
      }
      v[y][at(row * n.D + d)] = total;
    }
  });
}

Problem attention_backward_problem(Sizes n, Attention a, const Mode (&modes)[3], Layout lq,
                                   Layout lk) {
  const Shape q = {n.B, n.H, n.Tq, n.D}, k = {n.B, n.Hk, n.Tk, n.D};
  return {"attention_backward",
          attention_text(a),
          {into("dq", q, modes[0], lq), into("dk", k, modes[1], lk), into("dv", k, modes[2], lk),
           in("dy", q, lq), in("y", q), in("lse", {n.B, n.H, n.Tq}), in("q", q, lq), in("k", k, lk),
           in("v", k, lk)},
          [a](Backend& b, const Args& x) {
            b.attention_backward(x.into(0), x.into(1), x.into(2), x[3], x[4], x[5], x[6], x[7],
                                 x[8], a);
          },
          [n, a](const Values& v, int output) {
            std::vector<double> gate(v[output].size());
            for_each_query(n, a, v[6], v[7], [&](std::int64_t row, const std::vector<Seen>& seen) {
              // dp = dy . v, and the row's mean of p dp, which kernels read off y: y's own rounding adds to it.
              double mean = 0;
              std::vector<double> dp;
              for (const Seen& s : seen) {
                double dot = 0;
                for (std::int64_t d = 0; d < n.D; ++d)
                  dot += std::fabs(v[3][at(row * n.D + d)] * v[8][at(s.key * n.D + d)]);
                dp.push_back(dot * s.kept), mean += s.p * dot * s.kept;
              }
              for (std::size_t i = 0; i < seen.size(); ++i) {
                const Seen& s = seen[i];
                const double error =
                    s.error + v.pattern_error + 2 * std::fabs(v[5][at(row)]) + 12;
                const double ds = kU * std::fabs(a.scale) * s.p * (dp[i] + mean) * error;
                for (std::int64_t d = 0; d < n.D; ++d) {
                  if (output == 0)
                    gate[at(row * n.D + d)] += ds * std::fabs(v[7][at(s.key * n.D + d)]);
                  if (output == 1)
                    gate[at(s.key * n.D + d)] += ds * std::fabs(v[6][at(row * n.D + d)]);
                  if (output == 2)
                    gate[at(s.key * n.D + d)] +=
                        kU * s.p * s.kept * std::fabs(v[3][at(row * n.D + d)]) * error;
                }
              }
            });
            return gate;
          },
          [n, a](Values& v) { prepare_attention(v, n, a, 4, 5, 6, 7, 8); }};
}

// The shapes and options that both directions are tried on: body(sizes, options, turn).
template <class Body> void for_each_attention(const Body& body) {
  std::size_t turn = 0;
  const auto go = [&](Sizes n, std::int64_t offset, std::int64_t window, double dropout) {
    const double scale = 1 / std::sqrt(static_cast<double>(std::max<std::int64_t>(n.D, 1)));
    body(n,
         Attention{scale, offset, window, dropout,
                   RandomKey{99, static_cast<std::uint32_t>(turn), 5, 2}},
         turn);
    ++turn;
  };
  for (std::int64_t T = 1; T <= 33; ++T) {
    go({1, 2, 2, T, T, 8}, 0, 0, 0);
    go({2, 2, 1, T, T, 5}, 0, 0, turn % 2 ? 0.25 : 0);
    go({1, 1, 1, 1, T, 16}, T - 1, 0, 0);   // one new query against a cache
    go({1, 3, 1, 4, T + 4, 7}, T, 1 + static_cast<std::int64_t>(turn % 6), 0);
  }
  for (std::int64_t D = 1; D <= 33; ++D) {
    go({1, 2, 1, 6, 6, D}, 0, 0, 0);
    go({2, 1, 1, 3, 9, D}, 6, 4, turn % 2 ? 0.1 : 0);
  }
  for (const std::int64_t D : {40, 64, 65, 80, 128})
    for (const std::int64_t T : {1, 15, 40}) {
      go({1, 2, 2, T, T, D}, 0, 0, 0);
      go({1, 2, 1, T, T, D}, 0, 9, 0.3);
    }
  for (const std::int64_t T : {63, 64, 65, 100, 130})
    for (const std::int64_t window : {0, 1, 17, 64})
      go({1, 2, 1, T, T, 12}, 0, window, turn % 3 ? 0 : 0.2);
  for (const std::int64_t offset : {0, 1, 10, 40}) {
    go({1, 4, 2, 5, 20, 8}, offset, 0, 0);      // fewer keys than positions, also beyond the end
    go({2, 4, 4, 70, 40, 8}, offset, 3, 0.5);   // windows that have left all keys behind
    go({1, 2, 2, 3, 3, 8}, offset, 2, 0);
  }
  for (const std::int64_t Tk : {2, 17, 300, 513})   // one query against many keys
    for (const std::int64_t D : {3, 16, 72})
      go({1, 4, 2, 1, Tk, D}, Tk - 1, Tk == 300 ? 37 : 0, 0);
  go({0, 2, 2, 3, 3, 4}, 0, 0, 0);
  go({1, 2, 2, 3, 0, 4}, 0, 0, 0);   // no keys at all
  go({1, 2, 2, 0, 3, 4}, 0, 0, 0);
}

constexpr Layout kLayouts[] = {Layout::contiguous, Layout::permuted, Layout::padded,
                               Layout::transposed, Layout::stepped};

Problem rope_problem(Operand y, Operand x, double base, std::int64_t position, bool inverse) {
  const std::int64_t D = x.shape.back();
  return {"rope",
          "base=" + std::to_string(base) + " position=" + std::to_string(position) +
              (inverse ? " inverse" : ""),
          {std::move(y), std::move(x)},
          [=](Backend& b, const Args& a) { b.rope(a.into(0), a[1], base, position, inverse); },
          [=](const Values& v, int) {
            // Sines and cosines as good as their f32 type, at any position: 2 ulps; then two products and a sum.
            std::vector<double> gate(v[0].size());
            for (std::size_t i = 0; i < gate.size(); ++i) {
              const std::size_t d = i % at(D), half = at(D / 2),
                                other = d < half ? i + half : i - half;
              gate[i] = 5 * kU * (std::fabs(v[1][i]) + std::fabs(v[1][other]));
            }
            return gate;
          }};
}

}  // namespace

Problems attention_small() {
  Problems all;
  for_each_attention([&](Sizes n, const Attention& a, std::size_t turn) {
    all.push_back(attention_problem(n, a, kLayouts[turn % 5], kLayouts[turn / 2 % 5],
                                    kLayouts[turn / 3 % 4]));
    all.push_back(attention_problem(n, a, kContiguous, kContiguous));
    if (turn % 10 == 0)
      all.push_back(attention_problem(n, a, kContiguous, kContiguous, kContiguous, Draw::special));
  });
  return all;
}
Problems attention_large() {
  return {attention_problem({2, 3, 3, 150, 150, 33}, {0.2, 0, 0, 0.1, {7, 1, 2, 3}}, kContiguous,
                            kContiguous),
          attention_problem({1, 4, 2, 260, 260, 64}, {0.125, 0, 50, 0, {7, 1, 2, 3}},
                            Layout::permuted, Layout::permuted),
          attention_problem({1, 8, 8, 1, 900, 64}, {0.125, 899, 0, 0, {7, 1, 2, 3}}, kContiguous,
                            kContiguous)};
}

Problems attention_backward_small() {
  Problems all;
  constexpr Mode kModes[][3] = {
      {Mode::write, Mode::write, Mode::write}, {Mode::add, Mode::write, Mode::add},
      {Mode::write, Mode::add, Mode::write},   {Mode::skip, Mode::add, Mode::add},
      {Mode::add, Mode::skip, Mode::write},    {Mode::add, Mode::add, Mode::skip}};
  for_each_attention([&](Sizes n, const Attention& a, std::size_t turn) {
    all.push_back(attention_backward_problem(n, a, kModes[turn % 6], kLayouts[turn % 5],
                                             kLayouts[turn / 2 % 5]));
    all.push_back(attention_backward_problem(n, a, kModes[turn / 2 % 6], kContiguous, kContiguous));
  });
  return all;
}
Problems attention_backward_large() {
  return {
      attention_backward_problem({2, 3, 3, 150, 150, 33}, {0.2, 0, 0, 0.1, {7, 1, 2, 3}},
                                 {Mode::write, Mode::write, Mode::write}, kContiguous, kContiguous),
      attention_backward_problem({1, 4, 2, 260, 260, 64}, {0.125, 0, 50, 0, {7, 1, 2, 3}},
                                 {Mode::add, Mode::add, Mode::add}, Layout::permuted,
                                 Layout::permuted),
      attention_backward_problem({1, 1, 1, 300, 300, 32}, {0.2, 0, 0, 0, {7, 1, 2, 3}},
                                 {Mode::write, Mode::write, Mode::write}, kContiguous,
                                 kContiguous)};
}

Problems rope_small() {
  Problems all;
  std::size_t turn = 0;
  const auto add = [&](Shape shape, double base, std::int64_t position) {
    for (const bool inverse : {false, true})
      for (const Mode mode : {Mode::write, Mode::add}) {
        all.push_back(rope_problem(into("y", shape, mode, kLayouts[turn % 5]),
                                   in("x", shape, kLayouts[turn / 5 % 5]), base, position,
                                   inverse));
        ++turn;
      }
  };
  for (std::int64_t half = 1; half <= 33; ++half) {
    add({1, 2, 3, 2 * half}, 10000, 0);
    add({2, 1, 5, 2 * half}, 10000, 100 * half);
  }
  for (const std::int64_t T : {1, 2, 17, 64}) {
    add({2, 3, T, 16}, 10000, 0);
    add({1, 2, T, 64}, 500000, 4000);
    add({1, 2, T, 128}, 10000, 100000);
  }
  add({1, 2, 0, 8}, 10000, 0);
  all.push_back(
      rope_problem(into("y", {1, 1, 3, 4}, Mode::skip), in("x", {1, 1, 3, 4}), 10000, 0, false));
  all.push_back(rope_problem(into("y", {1, 1, 9, 4}, Mode::write),
                             in("x", {1, 1, 9, 4}, Layout::repeated_rows), 10000, 0, false));
  return all;
}
Problems rope_large() {
  return {rope_problem(into("y", {3, 4, 200, 64}, Mode::write),
                       in("x", {3, 4, 200, 64}, Layout::permuted), 10000, 3, false)};
}

}  // namespace glass::test
