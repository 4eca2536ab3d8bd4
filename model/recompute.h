// Trading time for memory: a block keeps its input only, and backward runs it again to get back
// what it needs. Random numbers are functions of place and step, so the second run drops what the
// first one dropped.
#pragma once
#include "model/layers.h"

namespace glass {

// block(pass, x), remembering x alone. `index`: which block, for names and random numbers.
Tensor recomputed(Pass& pass, const Block& block, int index, const Tensor& x);

}   // namespace glass
