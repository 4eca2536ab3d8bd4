// All kernels of kernels/gpu, compiled for the emulator.
#define GLASS_EMULATED 1
#include "kernels/gpu/all.h"

namespace glass {
namespace gpu {

const Kernel* kernels() { return Kernel::first; }

}   // namespace gpu
}   // namespace glass
