// What `glass micro` and `glass bench micro` share.
#pragma once
#include "model/microgpt.h"
#include "tools/arguments.h"

namespace glass {

// Of the operand NAMES; without it, the names in the binary.
MicroNames open_names(const Arguments& args);

}  // namespace glass
