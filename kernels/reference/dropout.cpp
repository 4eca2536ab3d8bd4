// dropout: each element becomes 0 with probability p, and x / (1 - p) otherwise, so that the expectation stays.
// Nothing is stored: backward draws the same numbers again.
#include "kernels/reference/loops.h"
#include "kernels/reference/reference.h"

namespace glass {
using namespace reference;

void ReferenceBackend::dropout(Into y, View x, double p, RandomKey key) {
  if (any_bf16(y.view, x)) {
    Doubles d;
    return dropout(d.into(y), d.in(x), p, key);
  }
  if (!wanted(y)) return;
  require(same_shape(y.view, x), "dropout", "y and x must have one shape");
  require(p >= 0 && p < 1, "dropout", "p must be in [0, 1)");
  require_type("dropout", y.view, x);
  with_type("dropout", x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const double scale = static_cast<T>(1 / (1 - p));
    std::int64_t n = 0;
    for_each(x, [&](const Index& i) {
      const std::uint32_t drawn = philox(key, static_cast<std::uint32_t>(n / 4)).x[n % 4];
      put(y, at<T>(y.view, i), drawn >= drop_threshold(p) ? at<T>(x, i) * scale : 0.0);
      ++n;
    });
  });
}

}  // namespace glass
