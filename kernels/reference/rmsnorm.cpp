// rmsnorm: y = xhat w with xhat = x rstd and rstd = 1 / sqrt(mean(x^2) + eps) of the row. Without w, y = xhat.
#include "kernels/formulas.h"
#include "kernels/reference/loops.h"
#include "kernels/reference/reference.h"

namespace glass {
using namespace reference;

void ReferenceBackend::rmsnorm(View y, View rstd, View x, View w, double eps) {
  if (any_bf16(y, x, w)) {
    Doubles d;
    return rmsnorm(d.out(y), d.out(rstd), d.in(x), d.in(w), eps);
  }
  const std::int64_t C = size(x, -1), R = rows(x);
  require(same_shape(y, x), "rmsnorm", "y and x must have one shape");
  require(count(rstd) == R && (!w.data || count(w) == C), "rmsnorm", "w must be (C), rstd (..,1)");
  require_type("rmsnorm", x, y, rstd, w);
  with_type("rmsnorm", x.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t r = 0; r < R; ++r) {
      const Row<T> X = row<T>(x, r), Y = row<T>(y, r);
      double squares = 0;
      for (std::int64_t c = 0; c < C; ++c)
        squares += static_cast<double>(X[c]) * static_cast<double>(X[c]);
      const double s = 1 / std::sqrt(squares / static_cast<double>(C) + eps);
      for (std::int64_t c = 0; c < C; ++c) {
        const double weight = w.data ? static_cast<double>(at<T>(w, c)) : 1.0;
        Y[c] = static_cast<T>(X[c] * s * weight);
      }
      at<T>(rstd, r) = static_cast<T>(s);
    }
  });
}

// With g = dy w: dx = rstd (g - xhat mean(g xhat)), dw = sum over rows of dy xhat.
void ReferenceBackend::rmsnorm_backward(Into dx, Into dw, View dy, View x, View w, View rstd) {
  if (any_bf16(dx.view, dw.view, dy, x, w)) {
    Doubles d;
    return rmsnorm_backward(d.into(dx), d.into(dw), d.in(dy), d.in(x), d.in(w), d.in(rstd));
  }
  const std::int64_t C = size(x, -1), R = rows(x);
  require(same_shape(dy, x) && (!wanted(dx) || same_shape(dx.view, x)), "rmsnorm_backward",
          "dx, dy and x must have one shape");
  require(count(rstd) == R && (!w.data || count(w) == C) && (!wanted(dw) || count(dw.view) == C),
          "rmsnorm_backward", "w and dw must be (C), rstd (..,1)");
  require_type("rmsnorm_backward", x, dx.view, dw.view, dy, w, rstd);
  with_type("rmsnorm_backward", x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto xhat = [&](std::int64_t r, std::int64_t c) {
      return static_cast<double>(row<T>(x, r)[c]) * static_cast<double>(at<T>(rstd, r));
    };
    if (wanted(dx)) {
      for (std::int64_t r = 0; r < R; ++r) {
        const Row<T> dX = row<T>(dx.view, r), dY = row<T>(dy, r);
        const auto g = [&](std::int64_t c) {
          return dY[c] * (w.data ? static_cast<double>(at<T>(w, c)) : 1.0);
        };
        double sum_gx = 0;
        for (std::int64_t c = 0; c < C; ++c) sum_gx += g(c) * xhat(r, c);
        const double s = at<T>(rstd, r);
        for (std::int64_t c = 0; c < C; ++c)
          put(dx, dX[c],
              formulas::rmsnorm_dx(g(c), xhat(r, c), s, sum_gx / static_cast<double>(C)));
      }
    }
    for (std::int64_t c = 0; wanted(dw) && c < C; ++c) {
      double sum = 0;
      for (std::int64_t r = 0; r < R; ++r) sum += row<T>(dy, r)[c] * xhat(r, c);
      put(dw, at<T>(dw.view, c), sum);
    }
  });
}

}  // namespace glass
