// What the kernels of race_kernels.cpp are given.
#pragma once
#include "kernels/gpu/language/gpu.h"

namespace glass {
namespace gpu {

struct RaceArgs {
  GLOBAL float* x;   // 256 of them, for groups of 64
  GLOBAL uint* n;
};

}   // namespace gpu
}   // namespace glass
