// Cross-entropy of a row of logits: loss = lse - logits[target], with lse = log(sum over the row of exp(logits)).
// A row whose target is `ignore` has loss 0 and gradient 0.
#include <limits>

#include "kernels/formulas.h"
#include "kernels/reference/loops.h"
#include "kernels/reference/reference.h"

namespace glass {
using namespace reference;

namespace {

void require_targets(const char* op, const View& logits, const View& targets, std::int64_t ignore) {
  require(logits.rank == 2, op, "logits must be (n,V)");
  require(targets.dtype == DType::i32 && count(targets) == logits.shape[0], op,
          "targets must be (n) of i32");
  for (std::int64_t r = 0; r < count(targets); ++r) {
    const std::int64_t target = at<std::int32_t>(targets, r);
    if (target != ignore && (target < 0 || target >= logits.shape[1]))
      throw std::invalid_argument(
          std::string("reference: ") + op + ": target " + std::to_string(target) + " of row " +
          std::to_string(r) + " is outside of a vocabulary of " + std::to_string(logits.shape[1]));
  }
}

}  // namespace

void ReferenceBackend::cross_entropy(View loss, View lse, View logits, View targets,
                                     std::int64_t ignore) {
  if (any_bf16(logits)) {
    Doubles d;
    return cross_entropy(d.out(loss), d.out(lse), d.in(logits), targets, ignore);
  }
  require_targets("cross_entropy", logits, targets, ignore);
  require(count(loss) == logits.shape[0] && count(lse) == logits.shape[0], "cross_entropy",
          "loss and lse must be (n)");
  require_type("cross_entropy", logits, loss, lse);
  const std::int64_t V = logits.shape[1];
  with_type("cross_entropy", logits.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t r = 0; r < logits.shape[0]; ++r) {
      const Row<T> X = row<T>(logits, r);
      double top = -std::numeric_limits<double>::infinity(), sum = 0;
      for (std::int64_t v = 0; v < V; ++v) top = formulas::max(top, static_cast<double>(X[v]));
      for (std::int64_t v = 0; v < V; ++v) sum += std::exp(X[v] - top);
      const double total = std::isinf(top) && top < 0 ? top : top + std::log(sum);
      const std::int64_t target = at<std::int32_t>(targets, r);
      at<T>(lse, r) = static_cast<T>(total);
      at<T>(loss, r) = static_cast<T>(target == ignore ? 0.0 : total - X[target]);
    }
  });
}

// dlogits = dloss (softmax(logits) - onehot(target))
void ReferenceBackend::cross_entropy_backward(Into dlogits, View dloss, View logits, View lse,
                                              View targets, std::int64_t ignore) {
  if (any_bf16(dlogits.view, logits)) {
    Doubles d;
    return cross_entropy_backward(d.into(dlogits), d.in(dloss), d.in(logits), d.in(lse), targets, ignore);
  }
  if (!wanted(dlogits)) return;
  require_targets("cross_entropy_backward", logits, targets, ignore);
  require(same_shape(dlogits.view, logits), "cross_entropy_backward", "dlogits must be (n,V)");
  require(count(dloss) == logits.shape[0] && count(lse) == logits.shape[0],
          "cross_entropy_backward", "dloss and lse must be (n)");
  require_type("cross_entropy_backward", logits, dlogits.view, dloss, lse);
  with_type("cross_entropy_backward", logits.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t r = 0; r < logits.shape[0]; ++r) {
      const Row<T> X = row<T>(logits, r), dX = row<T>(dlogits.view, r);
      const std::int64_t target = at<std::int32_t>(targets, r);
      for (std::int64_t v = 0; v < logits.shape[1]; ++v) {
        const double p = std::exp(X[v] - static_cast<double>(at<T>(lse, r)));
        put(dlogits, dX[v],
            target == ignore ? 0.0 : at<T>(dloss, r) * (p - (v == target ? 1.0 : 0.0)));
      }
    }
  });
}

}  // namespace glass
