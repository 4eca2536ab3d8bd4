// Where to steer to, as `glass interp steer` and a page that writes say it.
#pragma once
#include "interp/change/steering.h"
#include "tools/interp/interp.h"

namespace glass {

extern const Command kInterpSteer;

// The direction that --towards with --away means, or --feature, and --at.
SteeringVector direction_asked(const Arguments& args, const Microscope& microscope);

}   // namespace glass
