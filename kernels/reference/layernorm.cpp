// layernorm: y = xhat w + b with xhat = (x - mean) rstd, where mean and rstd = 1 / sqrt(variance + eps) belong to a row.
#include "kernels/formulas.h"
#include "kernels/reference/loops.h"
#include "kernels/reference/reference.h"

namespace glass {
using namespace reference;

void ReferenceBackend::layernorm(View y, View mean, View rstd, View x, View w, View b, double eps) {
  if (any_bf16(y, x, w, b)) {
    Doubles d;
    return layernorm(d.out(y), d.out(mean), d.out(rstd), d.in(x), d.in(w), d.in(b), eps);
  }
  const std::int64_t C = size(x, -1), R = rows(x);
  require(same_shape(y, x), "layernorm", "y and x must have one shape");
  require(count(mean) == R && count(rstd) == R, "layernorm", "mean and rstd must be (..,1)");
  require(count(w) == C && (!b.data || count(b) == C), "layernorm", "w and b must be (C)");
  require_type("layernorm", x, y, mean, rstd, w, b);
  with_type("layernorm", x.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t r = 0; r < R; ++r) {
      const Row<T> X = row<T>(x, r), Y = row<T>(y, r);
      double sum = 0, squares = 0;
      for (std::int64_t c = 0; c < C; ++c) sum += X[c];
      const double m = sum / static_cast<double>(C);
      for (std::int64_t c = 0; c < C; ++c) squares += (X[c] - m) * (X[c] - m);
      const double s = 1 / std::sqrt(squares / static_cast<double>(C) + eps);
      for (std::int64_t c = 0; c < C; ++c) {
        const double shift = b.data ? static_cast<double>(at<T>(b, c)) : 0.0;
        Y[c] = static_cast<T>(formulas::normalized(static_cast<double>(X[c]), m, s) * at<T>(w, c) +
                              shift);
      }
      at<T>(mean, r) = static_cast<T>(m);
      at<T>(rstd, r) = static_cast<T>(s);
    }
  });
}

// dw = sum over rows of dy xhat, db = sum over rows of dy. With g = dy w:
// dx = rstd (g - mean(g) - xhat mean(g xhat)): the two means are what moving x does to the row's mean and rstd.
void ReferenceBackend::layernorm_backward(Into dx, Into dw, Into db, View dy, View x, View w,
                                          View mean, View rstd) {
  if (any_bf16(dx.view, dw.view, db.view, dy, x, w)) {
    Doubles d;
    return layernorm_backward(d.into(dx), d.into(dw), d.into(db), d.in(dy), d.in(x), d.in(w), d.in(mean), d.in(rstd));
  }
  const std::int64_t C = size(x, -1), R = rows(x);
  require(same_shape(dy, x) && (!wanted(dx) || same_shape(dx.view, x)), "layernorm_backward",
          "dx, dy and x must have one shape");
  require(count(mean) == R && count(rstd) == R && count(w) == C, "layernorm_backward",
          "w must be (C), mean and rstd (..,1)");
  require((!wanted(dw) || count(dw.view) == C) && (!wanted(db) || count(db.view) == C),
          "layernorm_backward", "dw and db must be (C)");
  require_type("layernorm_backward", x, dx.view, dw.view, db.view, dy, w, mean, rstd);
  with_type("layernorm_backward", x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto xhat = [&](std::int64_t r, std::int64_t c) -> double {
      return formulas::normalized<double>(row<T>(x, r)[c], at<T>(mean, r), at<T>(rstd, r));
    };
    if (wanted(dx)) {
      for (std::int64_t r = 0; r < R; ++r) {
        const Row<T> dX = row<T>(dx.view, r), dY = row<T>(dy, r);
        const auto g = [&](std::int64_t c) {
          return static_cast<double>(dY[c]) * static_cast<double>(at<T>(w, c));
        };
        double sum_g = 0, sum_gx = 0;
        for (std::int64_t c = 0; c < C; ++c) sum_g += g(c), sum_gx += g(c) * xhat(r, c);
        const double n = static_cast<double>(C), s = at<T>(rstd, r);
        for (std::int64_t c = 0; c < C; ++c)
          put(dx, dX[c], formulas::layernorm_dx(g(c), xhat(r, c), s, sum_g / n, sum_gx / n));
      }
    }
    for (std::int64_t c = 0; c < C; ++c) {
      double sum_dw = 0, sum_db = 0;
      for (std::int64_t r = 0; r < R; ++r) {
        const double d = row<T>(dy, r)[c];
        sum_dw += d * xhat(r, c), sum_db += d;
      }
      if (wanted(dw)) put(dw, at<T>(dw.view, c), sum_dw);
      if (wanted(db)) put(db, at<T>(db.view, c), sum_db);
    }
  });
}

}  // namespace glass
