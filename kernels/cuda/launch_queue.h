// Launches on their way to a GPU. A driver takes some microseconds to start a kernel and hardly
// more to start a recorded sequence of kernels (a graph). A training step starts the same kernels
// with the same arguments as the step before. So launches wait here until a sequence is whole, and
// one that comes again and again is recorded and from then on replayed.
//
// A replay does what single launches would have done: a sequence is known again by all that a
// driver is told of it, byte for byte. Nobody above has to know about it, and a step that is unlike
// the others, because somebody looks into it or its batch is smaller, is simply started kernel by
// kernel.
#pragma once
#include <string>
#include <unordered_map>

#include "kernels/cuda/driver.h"
#include "kernels/gpu/device.h"

namespace glass::cuda {

struct Launch {
  Function function;
  const char* name;   // for people
  gpu::Grid grid;
  unsigned threads, shared_bytes, args_bytes;
};

class LaunchQueue {
 public:
  // Launches in a sequence: the GPU begins when the first is whole, and a graph should be worth it.
  static constexpr int kMost = 32, kLeast = 4;
  static constexpr int kSeenBefore = 2;   // so often is a sequence started kernel by kernel
  static constexpr std::size_t kMostKnown = 1024;   // sequences, of some kilobytes each

  // GLASS_CUDA_GRAPHS=0 in the environment: every kernel is started by itself.
  LaunchQueue(const Driver&, Stream);
  ~LaunchQueue();
  LaunchQueue(const LaunchQueue&) = delete;
  LaunchQueue& operator=(const LaunchQueue&) = delete;

  void add(const Launch&, const void* args);
  // Hands all that waits to the driver. Throws std::runtime_error if it does not take a kernel;
  // what comes behind that one is dropped.
  void start();

 private:
  struct Sequence {
    int seen = 0;
    RunnableGraph graph = nullptr;
  };
  RunnableGraph graph_of(const std::string& launches);
  RunnableGraph record(const std::string& launches);
  void start_each(const std::string& launches);
  void forget();

  const Driver& driver_;
  Stream stream_;
  bool records_;
  int count_ = 0;          // launches that wait,
  std::string waiting_;    // and what they are: a Launch and its arguments, and the next
  std::string starting_;   // what waited; kept for its room
  std::unordered_map<std::string, Sequence> known_;   // by what waited
};

}   // namespace glass::cuda
