// What training an autoencoder and looking at it have in common.
#pragma once
#include <string>

#include "tools/interp/interp.h"

namespace glass {

// Where it is kept: what --out names, or else beside the checkpoint.
std::string sae_file(const Arguments& args, const Opened& opened);

}   // namespace glass
