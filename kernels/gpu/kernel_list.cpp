#include "kernels/gpu/kernel_list.h"

#include <cstring>

namespace glass {
namespace gpu {
const Kernel* Kernel::first = nullptr;

Kernel::Kernel(const char* name_, std::size_t args_bytes_, unsigned threads_,
               void (*run_)(const void*), std::size_t block_bytes_)
    : name(name_),
      args_bytes(args_bytes_),
      threads(threads_),
      run(run_),
      block_bytes(block_bytes_),
      next(first) {
  first = this;
}

const Kernel* find_kernel(const char* name) {
  for (const Kernel* k = kernels(); k; k = k->next)
    if (std::strcmp(k->name, name) == 0) return k;
  return nullptr;
}

}   // namespace gpu
}   // namespace glass
