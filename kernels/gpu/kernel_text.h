// The kernels of this folder as one text, for the compilers that makers of GPUs bring along: NVRTC
// and Metal read it when the program runs.
#pragma once
#include <string_view>

namespace glass {
namespace gpu {

// Not ended by a zero.
std::string_view kernel_text();

}   // namespace gpu
}   // namespace glass
