// fold: many elements become one. The axes where y has size 1 disappear into it; rank is kept.
#include <limits>

#include "kernels/formulas.h"
#include "kernels/reference/loops.h"
#include "kernels/reference/reference.h"

namespace glass {
using namespace reference;

void ReferenceBackend::fold(Fold f, Into y, View x) {
  if (any_bf16(y.view, x)) {
    Doubles d;
    return fold(f, d.into(y), d.in(x));
  }
  if (!wanted(y)) return;
  require(y.view.rank == x.rank, "fold", "y and x must have one rank");
  require_type("fold", y.view, x);
  // What one element of y sees of x: all of every axis that disappears, one element of the others.
  View seen = x;
  for (int i = 0; i < x.rank; ++i) {
    require(y.view.shape[i] == x.shape[i] || y.view.shape[i] == 1, "fold",
            "y must have x's sizes or 1");
    if (y.view.shape[i] == x.shape[i]) seen.shape[i] = 1;
  }
  with_type("fold", x.dtype, [&](auto zero) {
    using T = decltype(zero);
    for_each(y.view, [&](const Index& i) {
      seen.data = x.data;
      if (count(x) > 0) {
        Index first = {};
        for (int axis = 0; axis < x.rank; ++axis)
          first[axis] = seen.shape[axis] == 1 && x.shape[axis] > 1 ? i[axis] : 0;
        seen.data = reinterpret_cast<std::byte*>(&at<T>(x, first));
      }
      double total = f == Fold::sum ? 0.0 : -std::numeric_limits<double>::infinity();
      for_each(seen, [&](const Index& j) {
        const double value = at<T>(seen, j);
        total = f == Fold::sum ? total + value : formulas::max(total, value);
      });
      put(y, at<T>(y.view, i), total);
    });
  });
}

}  // namespace glass
