// Cases of the kernels that sum products or move rows: fold, matmul, linear, gather, scatter_add.
//
// A sum of K products in f32 may be off by 4 u sum |a||b|: with random signs, adding one after the other (as a blocked
// product does for each of its elements) was measured to stay below 2.8. Where the sum itself is large, so are the
// partial sums, each of which is rounded: K such errors of random sign add sqrt(K) u |sum|. Equal terms make equal
// errors, whose sum may reach the worst case, K u.
#include <algorithm>
#include <cmath>

#include "tests/kernels/tables.h"

namespace glass::test {
namespace {

double sum_gate(std::int64_t terms) {
  return kU * static_cast<double>(std::min<std::int64_t>(terms, 4));
}

// gate[i] holds the sum of magnitudes of result i; turns it into what is allowed.
void allow_sums(std::vector<double>& gate, const std::vector<double>& result, std::int64_t terms,
                bool equal_terms = false) {
  const double K = static_cast<double>(terms);
  for (std::size_t i = 0; i < gate.size(); ++i)
    gate[i] = equal_terms ? K * kU * gate[i]
                          : sum_gate(terms) * gate[i] +
                                (terms > 4 ? std::sqrt(K) * kU * std::fabs(result[i]) : 0);
}

// |a||b| summed as the product sums it: a (batch,M,K), b (batch,K,N).
std::vector<double> magnitudes(const std::vector<double>& a, const std::vector<double>& b,
                               std::int64_t batch, std::int64_t M, std::int64_t N, std::int64_t K) {
  std::vector<double> c(static_cast<std::size_t>(batch * M * N));
  for (std::int64_t t = 0; t < batch; ++t)
    for (std::int64_t i = 0; i < M; ++i)
      for (std::int64_t k = 0; k < K; ++k) {
        const double left = std::fabs(a[static_cast<std::size_t>((t * M + i) * K + k)]);
        for (std::int64_t j = 0; j < N; ++j)
          c[static_cast<std::size_t>((t * M + i) * N + j)] +=
              left * std::fabs(b[static_cast<std::size_t>((t * K + k) * N + j)]);
      }
  return c;
}

Problem fold_problem(Fold f, Operand y, Operand x) {
  const Shape from = x.shape, to = y.shape;
  const bool equal_terms = repeats(x.layout);
  Problem p = {"fold",
               f == Fold::sum ? "sum" : "max",
               {std::move(y), std::move(x)},
               [f](Backend& b, const Args& a) { b.fold(f, a.into(0), a[1]); }};
  if (f == Fold::sum)
    p.gate = [from, to, equal_terms](const Values& v, int) {
      std::vector<double> gate(v[0].size());
      for (std::size_t n = 0; n < v[1].size(); ++n) {
        std::size_t rest = n, at = 0, stride = 1;
        for (std::size_t i = from.size(); i-- > 0;) {
          const std::size_t size = static_cast<std::size_t>(from[i]);
          if (to[i] != 1) at += rest % size * stride;
          rest /= size, stride *= static_cast<std::size_t>(to[i]);
        }
        gate[at] += std::fabs(v[1][n]);
      }
      allow_sums(gate, v[0], count(from), equal_terms);
      return gate;
    };
  return p;
}

Problem matmul_problem(Operand c, Operand a_, Operand b_) {
  const std::size_t rank = c.shape.size();
  const std::int64_t M = c.shape[rank - 2], N = c.shape[rank - 1], K = a_.shape[rank - 1];
  const std::int64_t batch = count(Shape(c.shape.begin(), c.shape.end() - 2));
  const bool equal_terms = repeats(a_.layout) && repeats(b_.layout);
  return {"matmul",
          "",
          {std::move(c), std::move(a_), std::move(b_)},
          [](Backend& b, const Args& a) { b.matmul(a.into(0), a[1], a[2]); },
          [=](const Values& v, int) {
            std::vector<double> gate = magnitudes(v[1], v[2], batch, M, N, K);
            allow_sums(gate, v[0], K, equal_terms);
            return gate;
          }};
}

Problem linear_problem(Operand y, Operand x, Operand w, Operand bias) {
  const std::int64_t K = w.shape[1], N = w.shape[0];
  const bool with_bias = bias.role != Role::none;
  return {"linear",
          "",
          {std::move(y), std::move(x), std::move(w), std::move(bias)},
          [](Backend& b, const Args& a) { b.linear(a[0], a[1], a[2], a[3]); },
          [=](const Values& v, int) {
            std::vector<double> transposed(v[2].size());
            for (std::int64_t n = 0; n < N; ++n)
              for (std::int64_t k = 0; k < K; ++k)
                transposed[static_cast<std::size_t>(k * N + n)] =
                    v[2][static_cast<std::size_t>(n * K + k)];
            std::vector<double> gate =
                magnitudes(v[1], transposed, 1,
                           K > 0 ? static_cast<std::int64_t>(v[1].size()) / K
                                 : static_cast<std::int64_t>(v[0].size()) / N,
                           N, K);
            allow_sums(gate, v[0], K);
            for (std::size_t i = 0; with_bias && i < gate.size(); ++i)
              gate[i] += kU * std::fabs(v[3][i % static_cast<std::size_t>(N)]);
            return gate;
          }};
}

Problem gather_problem(Operand y, Operand table, Operand rows) {
  return {"gather",
          "V=" + std::to_string(table.shape[0]),
          {std::move(y), std::move(table), std::move(rows)},
          [](Backend& b, const Args& a) { b.gather(a[0], a[1], a[2]); }};
}

Problem scatter_add_problem(Operand table, Operand rows, Operand y) {
  Problem p = {"scatter_add",
               "V=" + std::to_string(table.shape[0]),
               {std::move(table), std::move(rows), std::move(y)},
               [](Backend& b, const Args& a) { b.scatter_add(a.into(0), a[1], a[2]); }};
  p.exact_add = true;   // rows are added one after the other, in the order of i, on every machine
  return p;
}

constexpr Layout kContiguous = Layout::contiguous;

}  // namespace

Problems fold_small() {
  Problems all;
  const std::vector<Shape> shapes = {{},
                                     {1},
                                     {2},
                                     {7},
                                     {16},
                                     {17},
                                     {33},
                                     {300},
                                     {3, 5},
                                     {17, 16},
                                     {16, 17},
                                     {33, 8},
                                     {2, 65},
                                     {130, 3},
                                     {1, 9},
                                     {9, 1},
                                     {2, 3, 4},
                                     {4, 9, 17},
                                     {5, 1, 33},
                                     {16, 3, 2},
                                     {2, 3, 4, 5},
                                     {3, 2, 9, 16},
                                     {2, 2, 3, 2, 5},
                                     {1, 3, 2, 17, 2}};
  constexpr Layout kFrom[] = {
      Layout::contiguous,    Layout::transposed,       Layout::padded,
      Layout::stepped,       Layout::permuted,         Layout::narrowed,
      Layout::repeated_rows, Layout::repeated_columns, Layout::repeated_inside};
  constexpr Layout kTo[] = {Layout::contiguous, Layout::contiguous, Layout::transposed,
                            Layout::padded};
  std::size_t turn = 0;
  for (const Shape& shape : shapes)
    for (unsigned mask = 0; mask < 1u << shape.size(); ++mask) {   // which axes disappear
      Shape to = shape;
      for (std::size_t i = 0; i < shape.size(); ++i)
        if (mask >> i & 1) to[i] = 1;
      for (const Fold f : {Fold::sum, Fold::max})
        for (const Mode mode : {Mode::write, Mode::add}) {
          all.push_back(
              fold_problem(f, into("y", to, mode, kTo[turn % 4]), in("x", shape, kFrom[turn % 9])));
          all.push_back(
              fold_problem(f, into("y", to, mode), in("x", shape, kFrom[(turn / 3) % 9])));
          ++turn;
        }
    }
  for (const std::int64_t n : tails())
    for (const Fold f : {Fold::sum, Fold::max}) {
      all.push_back(fold_problem(f, into("y", {1}, Mode::write), in("x", {n})));
      all.push_back(fold_problem(f, into("y", {3, 1}, Mode::write), in("x", {3, n})));
      all.push_back(fold_problem(f, into("y", {1, n}, Mode::add), in("x", {5, n})));
    }
  for (const std::int64_t n : {3, 16, 40}) {
    all.push_back(fold_problem(Fold::max, into("y", {20, 1}, Mode::write),
                               in("x", {20, n}, kContiguous, Draw::extreme)));
    all.push_back(fold_problem(Fold::max, into("y", {1, 20}, Mode::write),
                               in("x", {n, 20}, kContiguous, Draw::extreme)));
    all.push_back(fold_problem(Fold::sum, into("y", {20, 1}, Mode::write),
                               in("x", {20, n}, kContiguous, Draw::special)));
    all.push_back(fold_problem(Fold::sum, into("y", {1, 20}, Mode::write),
                               in("x", {n, 20}, kContiguous, Draw::special)));
    all.push_back(fold_problem(Fold::sum, into("y", {1, n}, Mode::skip), in("x", {5, n})));
  }
  all.push_back(fold_problem(Fold::sum, into("y", {1, 4}, Mode::write), in("x", {0, 4})));
  all.push_back(fold_problem(Fold::max, into("y", {1, 4}, Mode::write), in("x", {0, 4})));
  all.push_back(fold_problem(Fold::sum, into("y", {1, 4}, Mode::add), in("x", {0, 4})));
  for (const Mode mode : {Mode::write, Mode::add}) {   // so long that a sum is cut
    all.push_back(fold_problem(Fold::sum, into("y", {3, 1}, mode), in("x", {3, 9000})));
    all.push_back(fold_problem(Fold::sum, into("y", {1, 5}, mode), in("x", {9000, 5})));
    all.push_back(fold_problem(Fold::max, into("y", {1, 5}, mode), in("x", {9000, 5})));
  }
  return all;
}
Problems fold_large() {
  return {
      fold_problem(Fold::sum, into("y", {1}, Mode::write), in("x", {400003})),
      fold_problem(Fold::sum, into("y", {1, 700}, Mode::add), in("x", {500, 700})),
      fold_problem(Fold::sum, into("y", {500, 1}, Mode::write), in("x", {500, 700})),
      fold_problem(Fold::sum, into("y", {1, 1}, Mode::write), in("x", {500, 700}, Layout::padded)),
      fold_problem(Fold::max, into("y", {1, 1, 1}, Mode::write),
                   in("x", {50, 70, 100}, Layout::permuted))};
}

Problems matmul_small() {
  Problems all;
  constexpr Layout kLayouts[] = {Layout::contiguous, Layout::transposed, Layout::padded,
                                 Layout::stepped, Layout::narrowed};
  struct Size {
    std::int64_t M, N, K;
  };
  std::vector<Size> sizes;
  for (std::int64_t n = 0; n <= 33; ++n) {   // every tail of each of the three
    sizes.push_back({n, 17, 9});
    sizes.push_back({7, n, 9});
    sizes.push_back({15, 18, n});
  }
  for (const std::int64_t m : {1, 2, 6, 14, 29})
    for (const std::int64_t n : {1, 16, 32, 35, 97})
      for (const std::int64_t k : {1, 2, 8, 31}) sizes.push_back({m, n, k});
  for (const Size s : {Size{64, 64, 64},
                       {65, 33, 130},
                       {1, 300, 257},
                       {300, 1, 257},
                       {13, 129, 400},
                       {100, 70, 3},
                       {1, 1, 1000},
                       {47, 95, 300}})
    sizes.push_back(s);
  std::size_t turn = 0;
  for (const Size s : sizes)
    for (int i = 0; i < 4; ++i, ++turn) {
      const Layout la = kLayouts[turn % 5],
                   lb = kLayouts[(turn / 2 + static_cast<std::size_t>(i)) % 5];
      const Layout lc = i == 3 ? kLayouts[turn % 3] : kContiguous;
      all.push_back(matmul_problem(into("c", {s.M, s.N}, i % 2 ? Mode::add : Mode::write, lc),
                                   in("a", {s.M, s.K}, la), in("b", {s.K, s.N}, lb)));
    }
  for (const std::int64_t batch : {1, 2, 5})
    for (const Size s : {Size{3, 5, 7}, {16, 16, 16}, {1, 33, 8}, {9, 4, 65}, {17, 40, 12}})
      for (const Mode mode : {Mode::write, Mode::add}) {
        for (const Layout l :
             {Layout::contiguous, Layout::transposed, Layout::padded, Layout::permuted})
          all.push_back(matmul_problem(into("c", {2, batch, s.M, s.N}, mode, l),
                                       in("a", {2, batch, s.M, s.K}, l),
                                       in("b", {2, batch, s.K, s.N}, kContiguous)));
        all.push_back(matmul_problem(into("c", {batch, s.M, s.N}, mode), in("a", {batch, s.M, s.K}),
                                     in("b", {batch, s.K, s.N}, Layout::transposed)));
        all.push_back(matmul_problem(into("c", {batch, 2, 2, s.M, s.N}, mode),
                                     in("a", {batch, 2, 2, s.M, s.K}, Layout::repeated_columns),
                                     in("b", {batch, 2, 2, s.K, s.N}, Layout::repeated_rows)));
      }
  // An infinity or a NaN belongs to its row or column: it must not reach others through the padding of a block.
  for (const Size s :
       {Size{3, 5, 7}, {17, 19, 9}, {29, 35, 13}, {1, 70, 33}, {70, 1, 33}, {33, 33, 100}})
    for (const Layout l : {Layout::contiguous, Layout::transposed, Layout::padded}) {
      all.push_back(matmul_problem(into("c", {s.M, s.N}, Mode::write),
                                   in("a", {s.M, s.K}, l, Draw::special), in("b", {s.K, s.N}, l)));
      all.push_back(matmul_problem(into("c", {s.M, s.N}, Mode::add), in("a", {s.M, s.K}, l),
                                   in("b", {s.K, s.N}, l, Draw::special)));
    }
  all.push_back(matmul_problem(into("c", {4, 5}, Mode::skip), in("a", {4, 3}), in("b", {3, 5})));
  all.push_back(
      matmul_problem(into("c", {0, 3, 4}, Mode::write), in("a", {0, 3, 2}), in("b", {0, 2, 4})));
  return all;
}
Problems matmul_large() {
  return {
      matmul_problem(into("c", {130, 200}, Mode::write), in("a", {130, 310}), in("b", {310, 200})),
      matmul_problem(into("c", {257, 65}, Mode::add), in("a", {257, 700}, Layout::transposed),
                     in("b", {700, 65})),
      matmul_problem(into("c", {2, 700}, Mode::write), in("a", {2, 600}),
                     in("b", {600, 700}, Layout::transposed)),
      matmul_problem(into("c", {12, 64, 64}, Mode::add), in("a", {12, 64, 33}),
                     in("b", {12, 33, 64})),
      // a^T b, as a weight's gradient is: both are read where they lie. Pieces of a, then of b; more
      // than one phase; rows and columns that are no whole tiles; a stride for which a is packed; an
      // infinity that must not leave its row.
      matmul_problem(into("c", {151, 96}, Mode::add), in("a", {151, 500}, Layout::transposed),
                     in("b", {500, 96})),
      matmul_problem(into("c", {97, 160}, Mode::write), in("a", {97, 201}, Layout::transposed),
                     in("b", {201, 160}, Layout::padded)),
      matmul_problem(into("c", {61, 64}, Mode::add), in("a", {61, 1700}, Layout::transposed),
                     in("b", {1700, 64})),
      matmul_problem(into("c", {70, 100}, Mode::write), in("a", {70, 130}, Layout::narrowed),
                     in("b", {130, 100})),
      matmul_problem(into("c", {1024, 32}, Mode::write), in("a", {1024, 40}, Layout::transposed),
                     in("b", {40, 32})),
      matmul_problem(into("c", {71, 64}, Mode::write),
                     in("a", {71, 140}, Layout::transposed, Draw::special), in("b", {140, 64}))};
}

Problems linear_small() {
  Problems all;
  constexpr Layout kLayouts[] = {Layout::contiguous, Layout::padded, Layout::transposed,
                                 Layout::stepped, Layout::narrowed};
  std::size_t turn = 0;
  const auto add = [&](const Shape& leading, std::int64_t K, std::int64_t N) {
    for (const bool with_bias : {false, true}) {
      Shape x = leading, y = leading;
      x.push_back(K), y.push_back(N);
      const Layout lx = kLayouts[turn % 5], lw = kLayouts[(turn / 5) % 5],
                   ly = turn % 4 == 3 ? Layout::padded : kContiguous;
      all.push_back(linear_problem(
          out("y", y, ly), in("x", x, lx), in("w", {N, K}, lw),
          with_bias ? in("bias", {N}, turn % 3 ? kContiguous : Layout::stepped) : none("bias")));
      ++turn;
    }
  };
  for (std::int64_t n = 1; n <= 33; ++n) {
    add({n}, 9, 17);
    add({7}, n, 18);
    add({15}, 11, n);
    add({2, 3}, n, 5);
  }
  for (const std::int64_t rows : {1, 4, 30})
    for (const std::int64_t K : {1, 16, 65, 130})
      for (const std::int64_t N : {1, 8, 33, 96}) add({rows}, K, N);
  for (const std::int64_t N : {3, 17, 40}) {
    all.push_back(linear_problem(out("y", {9, N}), in("x", {9, 21}, kContiguous, Draw::special),
                                 in("w", {N, 21}), none("bias")));
    all.push_back(linear_problem(out("y", {9, N}), in("x", {9, 21}), in("w", {N, 21}),
                                 in("bias", {N}, kContiguous, Draw::special)));
  }
  add({2, 1, 3}, 20, 20);
  add({0}, 4, 5);
  add({3}, 0, 5);
  add({300}, 65, 70);
  add({1}, 512, 600);
  return all;
}
Problems linear_large() {
  return {
      linear_problem(out("y", {260, 190}), in("x", {260, 130}), in("w", {190, 130}),
                     in("bias", {190})),
      linear_problem(out("y", {1, 1500}), in("x", {1, 700}), in("w", {1500, 700}), none("bias"))};
}

Problems gather_small() {
  Problems all;
  constexpr Layout kLayouts[] = {Layout::contiguous, Layout::padded, Layout::transposed,
                                 Layout::stepped};
  std::size_t turn = 0;
  for (const std::int64_t C : widths())
    for (const std::int64_t n : {1, 2, 17})
      for (int i = 0; i < 2; ++i, ++turn)
        all.push_back(gather_problem(out("y", {n, C}, kLayouts[turn % 4]),
                                     in("table", {11, C}, kLayouts[(turn / 4) % 4]),
                                     ids("ids", {n}, 11, i ? Layout::stepped : kContiguous)));
  all.push_back(gather_problem(out("y", {0, 5}), in("table", {3, 5}), ids("ids", {0}, 3)));
  all.push_back(gather_problem(out("y", {2, 3, 5}), in("table", {3, 5}),
                               ids("ids", {2, 3}, 3, Layout::transposed)));
  return all;
}
Problems gather_large() {
  return {gather_problem(out("y", {900, 257}), in("table", {100, 257}), ids("ids", {900}, 100))};
}

Problems scatter_add_small() {
  Problems all;
  constexpr Layout kLayouts[] = {Layout::contiguous, Layout::padded, Layout::transposed,
                                 Layout::stepped};
  std::size_t turn = 0;
  for (const std::int64_t C : widths())
    for (const std::int64_t n : {1, 3, 40})
      for (const Mode mode : {Mode::write, Mode::add}) {
        all.push_back(scatter_add_problem(into("table", {7, C}, mode, kLayouts[turn % 4]),
                                          ids("ids", {n}, 7),
                                          in("y", {n, C}, kLayouts[(turn / 4) % 4])));
        ++turn;
      }
  all.push_back(
      scatter_add_problem(into("table", {7, 4}, Mode::write), ids("ids", {0}, 7), in("y", {0, 4})));
  all.push_back(
      scatter_add_problem(into("table", {7, 4}, Mode::skip), ids("ids", {5}, 7), in("y", {5, 4})));
  all.push_back(scatter_add_problem(into("table", {3, 4}, Mode::add), ids("ids", {2, 5}, 3),
                                    in("y", {2, 5, 4})));
  // Many ids; tables so long that their numbers have two and three bytes; rows longer than a group takes.
  for (const Mode mode : {Mode::write, Mode::add}) {
    all.push_back(scatter_add_problem(into("table", {300, 5}, mode), ids("ids", {1500}, 300),
                                      in("y", {1500, 5})));
    all.push_back(scatter_add_problem(into("table", {3, 2}, mode), ids("ids", {5000}, 3),
                                      in("y", {5000, 2})));
    all.push_back(scatter_add_problem(into("table", {9, 200}, mode), ids("ids", {40}, 9),
                                      in("y", {40, 200})));
  }
  all.push_back(scatter_add_problem(into("table", {66000, 1}, Mode::write), ids("ids", {700}, 66000),
                                    in("y", {700, 1})));
  return all;
}
Problems scatter_add_large() {
  return {scatter_add_problem(into("table", {50, 130}, Mode::add), ids("ids", {3000}, 50),
                              in("y", {3000, 130})),
          scatter_add_problem(into("table", {9000, 33}, Mode::write), ids("ids", {7000}, 9000),
                              in("y", {7000, 33}))};
}

}  // namespace glass::test
