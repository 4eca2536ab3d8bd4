// What cross_entropy and head_loss share: losses of rows of logits, and how many of them count.
#pragma once
#include "engine/ops/op.h"

namespace glass {

void require_targets(const char* op, const Tensor& x, const Tensor& targets, Where at);
Tensor flat_targets(const Tensor& targets);                                     // (..) -> (n)
Tensor count_targets(const Tensor& targets, std::int64_t ignore, DType type);   // how many are not `ignore` -> ()

struct RowLosses { Tensor loss, lse; };                                         // (n) each
RowLosses row_losses(const Tensor& logits, const Tensor& targets, std::int64_t ignore);   // (n,V) (n)

Into rows_into(Into whole, std::int64_t columns);                               // a contiguous output as (n, columns)

// head_loss with at most so many logits alive at a time.
Tensor head_loss_in_chunks(const Tensor& x, const Tensor& w, const Tensor& targets, std::int64_t ignore, Where at,
                           std::int64_t chunk_elements);

}  // namespace glass
