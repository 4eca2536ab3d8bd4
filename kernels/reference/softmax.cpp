// softmax(x)_c = exp(x_c) / sum over j of exp(x_j), over the last axis.
#include <limits>

#include "kernels/formulas.h"
#include "kernels/reference/loops.h"
#include "kernels/reference/reference.h"

namespace glass {
using namespace reference;

void ReferenceBackend::softmax(View y, View x) {
  if (any_bf16(y, x)) {
    Doubles d;
    return softmax(d.out(y), d.in(x));
  }
  require(same_shape(y, x), "softmax", "y and x must have one shape");
  require_type("softmax", y, x);
  const std::int64_t C = size(x, -1);
  with_type("softmax", x.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t r = 0; r < rows(x); ++r) {
      const Row<T> X = row<T>(x, r), Y = row<T>(y, r);
      // We subtract the row maximum first: exp(89) overflows f32, and softmax does not change.
      double top = -std::numeric_limits<double>::infinity(), sum = 0;
      for (std::int64_t c = 0; c < C; ++c) top = formulas::max(top, static_cast<double>(X[c]));
      const bool masked =
          std::isinf(top) && top < 0;   // every element is -inf: nothing to choose from
      for (std::int64_t c = 0; c < C; ++c) sum += masked ? 0.0 : std::exp(X[c] - top);
      for (std::int64_t c = 0; c < C; ++c)
        Y[c] = static_cast<T>(masked ? 0.0 : std::exp(X[c] - top) / sum);
    }
  });
}

// dx = y (dy - sum over the row of dy y)
void ReferenceBackend::softmax_backward(Into dx, View dy, View y) {
  if (any_bf16(dx.view, dy, y)) {
    Doubles d;
    return softmax_backward(d.into(dx), d.in(dy), d.in(y));
  }
  if (!wanted(dx)) return;
  require(same_shape(dx.view, y) && same_shape(dy, y), "softmax_backward",
          "dx, dy and y must have one shape");
  require_type("softmax_backward", dx.view, dy, y);
  const std::int64_t C = size(y, -1);
  with_type("softmax_backward", y.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t r = 0; r < rows(y); ++r) {
      const Row<T> dX = row<T>(dx.view, r), dY = row<T>(dy, r), Y = row<T>(y, r);
      double dot = 0;
      for (std::int64_t c = 0; c < C; ++c)
        dot += static_cast<double>(dY[c]) * static_cast<double>(Y[c]);
      for (std::int64_t c = 0; c < C; ++c) {
        const double d = dY[c], p = Y[c];
        put(dx, dX[c], formulas::softmax_dx(d, p, dot));
      }
    }
  });
}

}  // namespace glass
