// How far two ways to compute one model are apart, in what a user sees of it: its logits.
#pragma once
#include <cstdint>

#include "model/checkpoint.h"
#include "model/config.h"
#include "tools/machine.h"

namespace glass {

struct LogitChange {
  double most = 0;     // of |difference|, over all positions and tokens
  double spread = 0;   // the standard deviation of the logits, to compare it with
  std::int64_t positions = 0, other_choices = 0;   // where another token becomes the likeliest
};

// The same weights with another activation, on a text that the model itself writes.
LogitChange change_by_activation(const GPTConfig& config, const Checkpoint& checkpoint,
                                 Activation other, const Machine& machine);

}   // namespace glass
