// What the kernel `helpers` of kernels.cpp is given.
#pragma once
#include "kernels/gpu/language/gpu.h"

namespace glass {
namespace gpu {

struct HelperArgs {
  GLOBAL float* out;   // 256 for each group
};

}   // namespace gpu
}   // namespace glass
