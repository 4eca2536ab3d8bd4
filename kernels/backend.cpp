// The one function of Backend that is not pure: defined here, so that its table of functions exists once.
#include "kernels/backend.h"

namespace glass {

Backend::~Backend() = default;

}  // namespace glass
