// What happens to parameters after backward: the norm of all gradients, and a step of AdamW.
#include "kernels/formulas.h"
#include "kernels/reference/loops.h"
#include "kernels/reference/reference.h"

namespace glass {
using namespace reference;

namespace {

double number(const View& v, std::int64_t i) {
  return v.dtype == DType::f64 ? at<double>(v, i) : static_cast<double>(at<float>(v, i));
}

}  // namespace

void ReferenceBackend::global_norm(View norm, const View* grads, int n) {
  double squares = 0;
  for (int g = 0; g < n; ++g) {
    require_type("global_norm", norm, grads[g]);
    for (std::int64_t i = 0; i < count(grads[g]); ++i)
      squares += number(grads[g], i) * number(grads[g], i);
  }
  with_type("global_norm", norm.dtype, [&](auto zero) {
    using T = decltype(zero);
    at<T>(norm, 0) = static_cast<T>(std::sqrt(squares));
  });
}

void ReferenceBackend::adamw(const AdamWItem* items, int n, View numbers, View norm, View skipped) {
  require(count(numbers) >= kAdamWNumbers, "adamw", "numbers must hold every AdamWNumber");
  const double total = norm.data ? number(norm, 0) : 0.0;
  const bool skip = !std::isfinite(total);
  if (skipped.data) at<std::int32_t>(skipped, 0) = skip;
  if (skip) return;

  const double max_norm = number(numbers, kMaxNorm);
  const double clip = norm.data && max_norm > 0 ? formulas::clip_factor(total, max_norm) : 1.0;
  for (int i = 0; i < n; ++i) {
    const AdamWItem& item = items[i];
    require_type("adamw", item.param, item.grad, item.m, item.v, numbers);
    require(!item.shadow.data || (item.shadow.dtype == DType::bf16 && same_shape(item.param, item.shadow)), "adamw",
            "the shadow must be bf16, and have param's shape");
    require(same_shape(item.param, item.grad) && same_shape(item.param, item.m) &&
                same_shape(item.param, item.v),
            "adamw", "param, grad, m and v must have one shape");
    const formulas::AdamWNumbers<double> step = {number(numbers, kLearningRate),
                                                 number(numbers, kBeta1),
                                                 number(numbers, kBeta2),
                                                 number(numbers, kEps),
                                                 number(numbers, kCorrection1),
                                                 number(numbers, kCorrection2),
                                                 item.decay,
                                                 clip};
    with_type("adamw", item.param.dtype, [&](auto zero) {
      using T = decltype(zero);
      for (std::int64_t e = 0; e < count(item.param); ++e) {
        T &p = at<T>(item.param, e), &m = at<T>(item.m, e), &v = at<T>(item.v, e);
        const auto next = formulas::adamw_step<double>({p, m, v}, at<T>(item.grad, e), step);
        p = static_cast<T>(next.p), m = static_cast<T>(next.m), v = static_cast<T>(next.v);
        if (item.shadow.data) at<bf16>(item.shadow, e) = rounded(static_cast<double>(p));
      }
    });
  }
}

}  // namespace glass
