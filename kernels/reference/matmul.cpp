// matmul: c = a b over the last two axes. linear: y = x w^T + bias, where w is (out, in) as in every GPT checkpoint.
#include "kernels/reference/loops.h"
#include "kernels/reference/reference.h"

namespace glass {
using namespace reference;

void ReferenceBackend::matmul(Into c, View a, View b) {
  if (any_bf16(c.view, a, b)) {
    Doubles d;
    return matmul(d.into(c), d.in(a), d.in(b));
  }
  if (!wanted(c)) return;
  const int rank = c.view.rank;
  require(rank >= 2 && a.rank == rank && b.rank == rank, "matmul",
          "c, a and b must have one rank of at least 2");
  for (int i = 0; i < rank - 2; ++i)
    require(a.shape[i] == c.view.shape[i] && b.shape[i] == c.view.shape[i], "matmul",
            "leading sizes differ");
  const std::int64_t M = size(a, -2), K = size(a, -1), N = size(b, -1);
  require(size(b, -2) == K, "matmul", "inner sizes differ");
  require(size(c.view, -2) == M && size(c.view, -1) == N, "matmul", "c must be (..,M,N)");
  require_type("matmul", c.view, a, b);
  with_type("matmul", a.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t batch = 0; batch < count(c.view, rank - 2); ++batch) {
      const Matrix<T> A = matrix<T>(a, batch), B = matrix<T>(b, batch),
                      C = matrix<T>(c.view, batch);
      for (std::int64_t i = 0; i < M; ++i) {
        for (std::int64_t j = 0; j < N; ++j) {
          double sum = 0;
          for (std::int64_t k = 0; k < K; ++k)
            sum += static_cast<double>(A(i, k)) * static_cast<double>(B(k, j));
          put(c, C(i, j), sum);
        }
      }
    }
  });
}

void ReferenceBackend::linear(View y, View x, View w, View bias) {
  if (any_bf16(y, x, w, bias)) {
    Doubles d;
    return linear(d.out(y), d.in(x), d.in(w), d.in(bias));
  }
  const std::int64_t K = size(x, -1), N = size(y, -1);
  require(w.rank == 2 && w.shape[0] == N && w.shape[1] == K, "linear",
          "w must be (N,K) for x (..,K) and y (..,N)");
  require(rows(x) == rows(y), "linear", "x and y must have the same rows");
  require(!bias.data || (bias.rank == 1 && bias.shape[0] == N), "linear", "bias must be (N)");
  require_type("linear", y, x, w, bias);
  with_type("linear", x.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t r = 0; r < rows(y); ++r) {
      const Row<T> X = row<T>(x, r), Y = row<T>(y, r);
      for (std::int64_t n = 0; n < N; ++n) {
        const Row<T> W = row<T>(w, n);
        double sum = bias.data ? static_cast<double>(at<T>(bias, n)) : 0.0;
        for (std::int64_t k = 0; k < K; ++k)
          sum += static_cast<double>(X[k]) * static_cast<double>(W[k]);
        Y[n] = static_cast<T>(sum);
      }
    }
  });
}

void ReferenceBackend::linear_packed(View y, View x, PackedWeight w, View bias) {
  if (any_bf16(y, x, bias)) {
    Doubles d;
    return linear_packed(d.out(y), d.in(x), w, d.in(bias));
  }
  require(x.rank == 2 && y.rank == 2 && x.shape[0] == y.shape[0], "linear_packed", "x must be (M,K), y (M,N)");
  require(x.shape[1] == w.K && y.shape[1] == w.N, "linear_packed", "w must be (N,K) for x (M,K) and y (M,N)");
  require(!bias.data || (bias.rank == 1 && bias.shape[0] == w.N), "linear_packed", "bias must be (N)");
  require_type("linear_packed", y, x, bias);
  with_type("linear_packed", x.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t r = 0; r < rows(y); ++r) {
      const Row<T> X = row<T>(x, r), Y = row<T>(y, r);
      for (std::int64_t n = 0; n < w.N; ++n) {
        double sum = bias.data ? static_cast<double>(at<T>(bias, n)) : 0.0;
        for (std::int64_t k = 0; k < w.K; ++k)
          sum += static_cast<double>(X[k]) * static_cast<double>(packed_number(w, n, k));
        Y[n] = static_cast<T>(sum);
      }
    }
  });
}

}  // namespace glass
