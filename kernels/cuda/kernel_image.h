// The GPU kernels in the form that the driver takes, PTX: made by nvcc when the program was built,
// else by NVRTC, the compiler's library, when the program runs.
#pragma once
#include <string>

namespace glass::cuda {

constexpr int kLeastCapability = 80;   // Ampere: what the kernels ask of a GPU

// PTX for a GPU of this compute capability, 90 for 9.0. Where there is none: "" and one sentence
// why.
std::string kernel_image(int capability, std::string& why);

// The same, whatever was built in: compiled by NVRTC now, or found where an earlier run kept it.
std::string image_by_nvrtc(int capability, std::string& why);

// Whether there is one, as far as can be said without compiling; if not, one sentence why.
bool can_have_image(std::string& why);

}   // namespace glass::cuda
