// rope (rotary position embedding): the pair (i, i + D/2) of a head turns by position * base^(-2i/D), so that the product
// of a query and a key depends on the distance between their positions only.
#include "kernels/formulas.h"
#include "kernels/reference/loops.h"
#include "kernels/reference/reference.h"

namespace glass {
using namespace reference;

void ReferenceBackend::rope(Into y, View x, double base, std::int64_t position, bool inverse) {
  if (any_bf16(y.view, x)) {
    Doubles d;
    return rope(d.into(y), d.in(x), base, position, inverse);
  }
  if (!wanted(y)) return;
  require(x.rank >= 2 && same_shape(y.view, x), "rope", "y and x must be (B,H,T,D)");
  require(size(x, -1) % 2 == 0, "rope", "the head size must be even");
  require_type("rope", y.view, x);
  const std::int64_t T_ = size(x, -2), D = size(x, -1), half = D / 2;
  with_type("rope", x.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t r = 0; r < rows(x); ++r) {
      const Row<T> X = row<T>(x, r), Y = row<T>(y.view, r);
      for (std::int64_t i = 0; i < half; ++i) {
        const double frequency =
            std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(D));
        const double angle = static_cast<double>(position + r % T_) * frequency;
        const double c = std::cos(angle), s = inverse ? -std::sin(angle) : std::sin(angle);
        const double first = X[i], second = X[i + half];
        put(y, Y[i], formulas::rope_first(first, second, c, s));
        put(y, Y[i + half], formulas::rope_second(first, second, c, s));
      }
    }
  });
}

}  // namespace glass
