// From --device, --isa, --threads and --dtype to something that computes. Every refusal is a
// UsageError.
#pragma once
#include <memory>
#include <string>

#include "kernels/backends.h"
#include "tools/arguments.h"

namespace glass {

struct Machine {
  std::string device;   // as in --device, but never "auto"
  std::string isa;      // "avx512"; "" where the device has no instruction sets
  int threads = 1;      // as many as really compute; never 0
  DType dtype = DType::f32;
  std::shared_ptr<Backend> backend;   // its name() is the one line to print
};

Machine open_machine(const Arguments& args);

}   // namespace glass
