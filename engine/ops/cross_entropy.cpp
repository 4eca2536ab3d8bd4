// cross_entropy(logits, target) = -log softmax(logits)[target] = lse - logits[target],  lse = log sum exp(logits)
//
// Backward: dlogits_j = dloss (softmax(logits)_j - [j is the target]). Saved: the logits and lse, one number a row.
// Rows whose target is `ignore` have loss 0 and derivative 0, and do not count in the mean.
#include <vector>

#include "engine/ops/cases.h"
#include "engine/ops/cross_entropy.h"

namespace glass {
namespace {

struct CrossEntropyEach final : Node {
  Tensor logits, lse, targets;
  std::int64_t ignore;
  CrossEntropyEach(Tensor rows, Tensor log_sum, Tensor target_ids, std::int64_t ignored)
      : Node("cross_entropy_each"), logits(std::move(rows)), lse(std::move(log_sum)), targets(std::move(target_ids)),
        ignore(ignored) {}
  void backward(const Tensor& dy, Slots dx) override {
    if (!dx[0]) return;
    const Tensor dloss = reshape(dy, {dy.numel()});
    dy.backend().cross_entropy_backward(rows_into(dx[0].into(), logits.dim(1)), dloss.view(), logits.view(), lse.view(),
                                        targets.view(), ignore);
  }
};

struct CrossEntropyMean final : Node {
  Tensor logits, lse, targets, count;
  std::int64_t ignore;
  CrossEntropyMean(Tensor rows, Tensor log_sum, Tensor target_ids, Tensor counted, std::int64_t ignored)
      : Node("cross_entropy"), logits(std::move(rows)), lse(std::move(log_sum)), targets(std::move(target_ids)),
        count(std::move(counted)), ignore(ignored) {}
  void backward(const Tensor& dy, Slots dx) override {
    if (!dx[0]) return;
    const Tensor dloss = repeated(dy / count, targets.shape());
    dy.backend().cross_entropy_backward(rows_into(dx[0].into(), logits.dim(1)), dloss.view(), logits.view(), lse.view(),
                                        targets.view(), ignore);
  }
};

}  // namespace

Into rows_into(Into whole, std::int64_t columns) {
  std::int64_t n = 1;
  for (int i = 0; i < whole.view.rank; ++i) n *= whole.view.shape[i];
  View& v = whole.view;
  v.rank = 2;
  v.shape[0] = columns == 0 ? 0 : n / columns, v.stride[0] = columns;
  v.shape[1] = columns, v.stride[1] = 1;
  return whole;
}

void require_targets(const char* op, const Tensor& x, const Tensor& targets, Where at) {
  require_together(op, at, {x});
  if (!targets || targets.dtype() != DType::i32) shape_error(op, "targets should be i32", at, {x});
  if (x.rank() < 1 || targets.shape() != x.shape().prefix(x.rank() - 1)) {
    shape_error(op, "targets " + str(targets.shape()) + " do not fit " + str(x.shape()) + ": one for each row", at, {x});
  }
}

Tensor flat_targets(const Tensor& targets) {
  const Tensor packed = contiguous(targets);
  return packed.window({targets.numel()}, {1}, packed.offset());
}

Tensor count_targets(const Tensor& targets, std::int64_t ignore, DType type) {
  const Tensor ids = Tensor::empty(targets.device(), targets.shape(), type);
  ids.backend().copy(to(ids), targets.view());
  const Tensor ignored = Tensor::full(targets.device(), {1}, static_cast<double>(ignore), type);
  const Tensor is_ignored = empty_like(ids);
  ids.backend().zip(Binary::equal, to(is_ignored), ids.view(), repeated(ignored, ids.shape()).view());
  return static_cast<double>(targets.numel()) - sum(is_ignored);
}

RowLosses row_losses(const Tensor& logits, const Tensor& targets, std::int64_t ignore) {
  const Shape n{targets.numel()};
  RowLosses rows{statistics(logits, n), statistics(logits, n)};
  logits.backend().cross_entropy(rows.loss.view(), rows.lse.view(), logits.view(), targets.view(), ignore);
  return rows;
}

Tensor cross_entropy_each(const Tensor& logits, const Tensor& targets, std::int64_t ignore, Where at) {
  require_targets("cross_entropy_each", logits, targets, at);
  const Tensor rows = as_rows(packed_rows(logits)), ids = flat_targets(targets);
  const RowLosses each = row_losses(rows, ids, ignore);
  const Tensor y = each.loss.window(targets.shape(), row_major(targets.shape()), 0);
  return record<CrossEntropyEach>(y, at, {logits}, rows, each.lse, ids, ignore);
}

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, std::int64_t ignore, Where at) {
  require_targets("cross_entropy", logits, targets, at);
  const Tensor rows = as_rows(packed_rows(logits)), ids = flat_targets(targets);
  const RowLosses each = row_losses(rows, ids, ignore);
  const Tensor count = count_targets(ids, ignore, statistics_type(logits));
  return record<CrossEntropyMean>(sum(each.loss) / count, at, {logits}, rows, each.lse, ids, count, ignore);
}

namespace composed {

// The target's logit is picked out by multiplying with a row that has a one there. Ignored rows have no one.
static Tensor one_hot(const Tensor& logits, const Tensor& targets, std::int64_t ignore) {
  const std::vector<double> id = targets.to_host();
  const std::size_t V = static_cast<std::size_t>(logits.dim(-1));
  std::vector<double> ones(id.size() * V, 0);
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (id[i] != static_cast<double>(ignore)) ones[i * V + static_cast<std::size_t>(id[i])] = 1;
  }
  return Tensor::from(logits.device(), ones, logits.shape(), logits.dtype());
}

Tensor cross_entropy_each(const Tensor& logits, const Tensor& targets, std::int64_t ignore) {
  const Tensor top = max(logits.detach(), -1, Keep::yes);
  const Tensor lse = log(sum(exp(logits - top), -1, Keep::yes)) + top;
  return sum((lse - logits) * one_hot(logits, targets, ignore), -1);
}

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, std::int64_t ignore) {
  return sum(composed::cross_entropy_each(logits, targets, ignore)) / count_targets(flat_targets(targets), ignore, logits.dtype());
}

}  // namespace composed

using LossOp = Tensor (*)(const Tensor&, const Tensor&, std::int64_t, Where);
using LossTwin = Tensor (*)(const Tensor&, const Tensor&, std::int64_t);

// logits (..,V) and a target for each of at least `fewest` rows
static Family losses(LossOp op, LossTwin twin, std::int64_t fewest) {
  return [=](OpDice& dice) {
    Shape logits = dice.shape(1);
    const std::int64_t V = logits[-1] = std::max<std::int64_t>(logits[-1], 1);
    for (int i = 0; i + 1 < logits.rank; ++i) logits[i] = std::max(logits[i], fewest);
    const std::int64_t ignore = V > 1 ? dice.pick("ignore", {-1, 0, 7}) : dice.pick("ignore", {-1, 7});
    const auto targets = draw_ids(dice, logits.prefix(logits.rank - 1), V, ignore);
    return OpCall{{logits}, [=](Tensors in) { return op(in[0], targets(in[0].device()), ignore, Where::here()); },
                [=](Tensors in) { return twin(in[0], targets(in[0].device()), ignore); }, V == 1};
  };
}

std::vector<OpCases> cross_entropy_cases() {
  const OpRange wide{-4, 4};
  return {
      {.op = "cross_entropy_each(logits, targets, ignore)",
       .draw = losses(cross_entropy_each, composed::cross_entropy_each, 0),
       .ranges = {wide},
       .twin = "composed::cross_entropy_each(logits, targets, ignore)",
       .compares_rows = true},
      {.op = "cross_entropy(logits, targets, ignore)",
       .draw = losses(cross_entropy, composed::cross_entropy, 1),   // no rows have no mean
       .ranges = {wide},
       .twin = "composed::cross_entropy(logits, targets, ignore)",
       .compares_rows = true},
  };
}

}  // namespace glass
