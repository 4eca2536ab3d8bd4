// Trading time for memory: a block keeps its input only, and backward runs it again to get back
// what it needs. Random numbers are functions of place and step, so the second run drops what the
// first one dropped.
#pragma once
#include <memory>

#include "model/layers.h"

namespace glass {

// block(pass, x), remembering x alone. `index`: which block, for names and random numbers. `again`:
// the tape that the second runs of all blocks share.
Tensor recomputed(Pass& pass, const Block& block, int index, const Tensor& x,
                  const std::shared_ptr<Tape>& again);

}   // namespace glass
