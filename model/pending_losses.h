// Losses that a machine may still be computing: asked for when the last one is queued, not one by
// one, so that a GPU has the next batch to go on with.
#pragma once
#include <vector>

#include "engine/tensor.h"

namespace glass {

class PendingLosses {
 public:
  // A mean over `tokens` of them.
  void add(const Tensor& loss, std::int64_t tokens) {
    losses_.push_back(loss.detach());
    tokens_.push_back(static_cast<double>(tokens));
  }
  // Over all tokens together, added up in the order of the batches. Waits.
  double sum() const {
    std::vector<double> values(losses_.size());
    items(losses_, values);
    double total = 0;
    for (std::size_t i = 0; i < values.size(); ++i) total += values[i] * tokens_[i];
    return total;
  }

 private:
  std::vector<Tensor> losses_;
  std::vector<double> tokens_;
};

}   // namespace glass
