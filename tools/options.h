// The options that many commands share, written once.
#pragma once
#include <span>

#include "tools/command.h"

namespace glass {

std::span<const Option> shared_options(Shared which);

}   // namespace glass
