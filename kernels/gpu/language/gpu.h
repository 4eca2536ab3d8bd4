// The language that GPU kernels are written in: one text, three compilers.
//
//   nvcc or NVRTC             -> an NVIDIA GPU           gpu_cuda.h
//   Apple's Metal compiler    -> an Apple GPU            gpu_metal.h
//   the compiler of the rest  -> the emulator, in gdb    gpu_emulator.h
//
// It is C++14 without what a GPU cannot do: no lambdas, inheritance, recursion, double, std:: or
// global variables. Every pointer says which memory it points to:
//
//   GLOBAL T*    device memory, seen by every thread
//   SHARED T*    fast memory of one group of threads
//   LOCAL  T&    a variable of this thread
//   CONSTANT T&  what the kernel was given; nobody writes it
//
// A kernel takes one struct of arguments, called p, and is run by groups of threads; a group is
// made of warps of 32:
//
// clang-format off
//   KERNEL(name, Args, threads) { Thread t = this_thread(); ... }
//   SHARED_ARRAY(float, rows, [4][64]);     memory of the group, in a kernel only; nobody has written it yet
//   t.id  t.lane  t.warp  t.size  t.group   who am I: in the group, in my warp, which warp; how many; which group
//   barrier(t)                              everybody of the group gets here before anybody goes on
//   warp_barrier(t)                         the same for a warp
//   warp_sum  warp_max  shuffle_xor         the lanes of a warp exchange values; all 32 take part
//   warp_ballot(t, yes)                     bit i is what lane i said
//   atomic_largest(x, v)                    x = max(x, v) while others do the same
//   load_four(p)  store_four(p, x)          four neighbouring floats at once, from a multiple of 16 bytes on
//   UNROLL for (...)                        a loop with a fixed count, so that arrays become registers
// clang-format on
//
// The host includes the same files to learn what a kernel is given (struct Args), without the
// bodies.
#pragma once

namespace glass {
namespace gpu {
// Blocks are what tiles of matrices are fetched from (tile.h): 64 by 64 numbers in bf16. kStages
// times as many of them are held as are being multiplied.
enum : unsigned { kBlock = 64, kBlockNumbers = kBlock * kBlock, kNvidiaStages = 3 };

// What one request of a thread brings at most: 16 bytes (load_four, store_four).
struct Four {
  float v[4];
};
}   // namespace gpu
}   // namespace glass

#if defined(__METAL_VERSION__)
#include "kernels/gpu/language/gpu_metal.h"
#elif defined(__CUDACC__)
#include "kernels/gpu/language/gpu_cuda.h"
#elif defined(GLASS_EMULATED)
#include "kernels/gpu/language/gpu_emulator.h"
#else
#include "kernels/gpu/language/gpu_host.h"
#endif

#ifdef GLASS_GPU_LANGUAGE
#include "kernels/gpu/language/warp.h"
#endif
#ifndef GLASS_GPU_HOST
#include "kernels/gpu/language/bf16.h"
#endif
#include "kernels/gpu/language/array.h"
