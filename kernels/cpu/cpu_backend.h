// The CPU backends of this program: one for each instruction set it was built with, chosen at run
// time.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.h"

namespace glass {

struct CpuIsa {
  const char* name;   // scalar, avx2, avx512, neon
  bool usable;        // this machine can run it
};

// What was built, best first. The last one, scalar, runs everywhere.
std::vector<CpuIsa> cpu_isas();

// isa: one of the names above, or "auto" for the first that is usable. threads 0: one per physical
// core. An unknown or unusable name throws std::invalid_argument, whose message lists the others.
std::unique_ptr<Backend> make_cpu_backend(const std::string& isa, int threads);

}   // namespace glass
