// Every kernel by name: how large its arguments are and how many threads make a group. The
// emulator's translation of kernels/gpu registers them, and since it is part of every program, the
// host sides of CUDA and Metal read the same list.
#pragma once
#include <cstddef>

namespace glass {
namespace gpu {

struct Kernel {
  const char* name;
  std::size_t args_bytes;
  unsigned threads;
  void (*run)(const void* args);   // one thread of the emulator
  std::size_t block_bytes;         // of the group's memory, for the launch on an NVIDIA GPU to ask for
  const Kernel* next;
  static const Kernel* first;

  Kernel(const char* name, std::size_t args_bytes, unsigned threads, void (*run)(const void*),
         std::size_t block_bytes = 0);
};

// nullptr where there is no such kernel.
const Kernel* find_kernel(const char* name);
// The first of a list that `next` links. Defined beside the kernels, so that whoever asks for one
// links them all.
const Kernel* kernels();

}   // namespace gpu
}   // namespace glass
