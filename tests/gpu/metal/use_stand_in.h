// A Metal to test with, on a machine without one: from here on this program finds the stand-in
// instead of Apple's.
#pragma once
#include "tests/gpu/metal/stand_in/books.h"

namespace glass::test {

stand_in::Books& use_metal_stand_in();
// Why it cannot compile kernels here; empty where it can.
const char* metal_compiler_missing();

}   // namespace glass::test
