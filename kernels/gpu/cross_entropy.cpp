// Starts the kernels of cross_entropy.h.
#include "kernels/gpu/cross_entropy.h"

#include <limits>

#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/operands.h"

namespace glass {
using namespace gpu;

namespace {

// A (n) operand, contiguous or not; (n,1) and the like count too.
Array per_row(const char* op, const View& v, std::int64_t rows) {
  require(count(v) == rows, op, "loss, lse, dloss and targets must be (n)");
  Array a = {};
  const Walk w = walk(op, {{&a, v}});
  require(w.rank == 1, op, "loss, lse, dloss and targets must be (n)");
  return a;
}

CrossEntropyArgs arguments(const char* op, const View& logits, const View& lse, const View& targets,
                           std::int64_t ignore) {
  require_floats(op, {&logits, &lse});
  require(logits.rank == 2, op, "logits must be (n,V)");
  require(targets.dtype == DType::i32, op, "targets must be i32");
  CrossEntropyArgs p = {};
  p.rows = static_cast<uint>(logits.shape[0]);
  p.V = static_cast<uint>(logits.shape[1]);
  p.logits = array_of(op, logits);
  p.lse = per_row(op, lse, p.rows);
  p.targets = per_row(op, targets, p.rows);
  p.ignores =
      ignore >= std::numeric_limits<int>::min() && ignore <= std::numeric_limits<int>::max();
  p.ignore = p.ignores ? static_cast<int>(ignore) : 0;
  return p;
}

}   // namespace

void GpuBackend::cross_entropy(View loss, View lse, View logits, View targets,
                               std::int64_t ignore) {
  CrossEntropyArgs p = arguments("cross_entropy", logits, lse, targets, ignore);
  require_floats("cross_entropy", {&loss});
  p.loss = per_row("cross_entropy", loss, p.rows);
  p.fault = fault(kBadTarget);
  launch("cross_entropy", p, {p.rows});
  check_faults_at_once();
}

void GpuBackend::cross_entropy_backward(Into dlogits, View dloss, View logits, View lse,
                                        View targets, std::int64_t ignore) {
  if (!dlogits.view.data) return;
  CrossEntropyArgs p = arguments("cross_entropy_backward", logits, lse, targets, ignore);
  require_floats("cross_entropy_backward", {&dloss, &dlogits.view});
  require(dlogits.view.rank == 2 && dlogits.view.shape[0] == logits.shape[0] &&
              dlogits.view.shape[1] == logits.shape[1],
          "cross_entropy_backward", "dlogits must be (n,V)");
  p.dloss = per_row("cross_entropy_backward", dloss, p.rows);
  p.dlogits = array_of("cross_entropy_backward", dlogits.view);
  p.add = dlogits.add;
  p.fault = fault(kBadTarget);
  launch("cross_entropy_backward", p, {p.rows});
  check_faults_at_once();
}

}   // namespace glass
