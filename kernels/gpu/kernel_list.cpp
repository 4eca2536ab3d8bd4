#include "kernels/gpu/kernel_list.h"

#include <string_view>
#include <unordered_map>

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
  static const auto* const by_name = [] {   // all are there before main
    auto* all = new std::unordered_map<std::string_view, const Kernel*>;
    for (const Kernel* k = kernels(); k; k = k->next) (*all)[k->name] = k;
    return all;
  }();
  const auto found = by_name->find(name);
  return found == by_name->end() ? nullptr : found->second;
}

}   // namespace gpu
}   // namespace glass
