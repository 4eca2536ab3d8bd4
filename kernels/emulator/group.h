// A group of GPU threads on the CPU: what the kernel language calls, and who runs it.
//
// Every thread of the group is a fiber. One runs until it reaches a barrier, an operation of its
// warp, or its end; then the next one does. So a thread runs as far ahead of the others as the
// rules allow, which is when a missing barrier shows; and nothing happens at the same time, so
// every run is the same run.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/emulator/fiber.h"
#include "kernels/gpu/device.h"
#include "kernels/gpu/kernel_list.h"

namespace glass::emulator {

// Which thread is running?
struct Where {
  unsigned id, size;
  gpu::Grid group;
};
Where here();

void barrier(const char* file, int line);

// When all 32 lanes of the warp are here, exchange(values) is called once with the addresses of
// their values. nullptr exchanges nothing: a barrier of the warp.
using Exchange = void (*)(void** values);
void warp(Exchange exchange, void* value, const char* file, int line);

// The next `bytes` of the group's memory: every thread asks in the same order and gets the same. It
// holds NaN at first.
void* shared(std::size_t bytes, const char* name);

// A copy that goes on while its thread does: `count` of 8 numbers, the rest of them 0.
struct Copy {
  void* to;
  const void* from;
  unsigned count;
};
// False: it is to be made at once (Options::early_copies). Copies belong to the batch that
// copy_commit closes; next_arrival gives, one at a time, those of all batches but the last ones.
bool copy_later(const Copy&, const char* file, int line);
void copy_commit();
bool next_arrival(unsigned batches_in_flight, Copy&);

// How the lanes of a warp hold a tile: as Apple's do, or as NVIDIA's.
bool apple_tiles();

// Where the running thread stands when it touches memory, for whoever watches: two threads of a
// group need a barrier between them, two groups of a launch have none.
struct Standing {
  const gpu::Kernel* kernel;
  std::uint32_t launch, group, thread;
  std::uint32_t barriers, warp_barriers;   // passed so far
  bool in_group_memory;
  bool in_no_array;    // the group's memory, but nobody asked for it
  bool in_arguments;   // what the kernel was given
};
// False on the host, and where the address is the thread's own.
bool standing(Standing& here, std::uintptr_t address);
// The launch ends with this mistake once the running thread stands still: who watches memory cannot
// throw.
void stop_with(const std::string& mistake);

// The running thread ends wherever it stands, and the launch with this mistake: for who catches an
// access to memory that is not there, in the middle of a kernel.
[[noreturn]] void leave_with(const std::string& mistake);

// In which order threads run where the rules leave it open.
enum class Order { forward, reverse, shuffle };

struct Options {
  Order order = Order::forward;
  unsigned seed = 1;
  std::size_t shared_bytes = 32768;   // what Apple's GPUs have; NVIDIA's have more
  bool apple_tiles = false;
  bool early_copies = false;   // copies arrive at once, otherwise when somebody waits for them
  unsigned most_in_depth = 65535;   // groups of a launch along the third axis
};

struct Counters {
  std::uint64_t threads = 0, switches = 0, barriers = 0, warp_operations = 0;
};

// Runs the groups [first, last) of a launch, one after the other. A mistake that only a GPU program
// can make (threads at different barriers, a warp that is not complete, too much shared memory)
// throws std::logic_error with file and line. Groups are counted along x first. They know nothing
// of each other, so several threads of the system may run some each.
Counters run_groups(const gpu::Kernel&, const void* args, gpu::Grid, const Options&,
                    std::uint64_t first, std::uint64_t last);
inline std::uint64_t groups_of(gpu::Grid grid) { return std::uint64_t{grid.x} * grid.y * grid.z; }
// All of them.
inline Counters run(const gpu::Kernel& kernel, const void* args, gpu::Grid grid,
                    const Options& options) {
  return run_groups(kernel, args, grid, options, 0, groups_of(grid));
}

}   // namespace glass::emulator
