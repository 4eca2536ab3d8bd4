// What the stand-in for libcuda.so.1 (stand_in.cpp) knows of itself: one GPU, its memory, and the
// streams on which work waits.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/gpu/cuda/device_memory.h"
#include "tests/gpu/cuda/ptx/kernel.h"
#include "tests/gpu/cuda/ptx/traffic.h"

#define GLASS_EXPORT extern "C" __attribute__((visibility("default")))

namespace glass::test {

using Address = unsigned long long;

enum Code : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNoDevice = 101,
  kInvalidImage = 200,
  kInvalidContext = 201,
  kUnsupportedVersion = 222,
  kNotFound = 500,
  kIllegalAddress = 700,
  kNotWhileRecording = 900
};

// Memory of a group: what every kernel gets, and what one gets that asked.
constexpr int kOrdinarySharedBytes = 48 << 10, kMostSharedBytes = 227 << 10;

struct Function {
  const ptx::Kernel* kernel;
  const ptx::Module* module;
  int most_dynamic_bytes;
};

using Work = std::function<int()>;
using Graph = std::vector<Work>;
struct RunnableGraph {
  Graph work;
  int waiting = 0;   // how often it is on a stream
};
struct Stream {
  std::deque<Work> waiting;
  std::unique_ptr<Graph> recording;   // between cuStreamBeginCapture and its end
};

struct Use {   // of a kernel
  std::uint64_t launches = 0;
  ptx::Bytes read, written;
};

struct StandIn {
  std::mutex mutex;
  DeviceMemory memory;
  int contexts = 0, modules = 0, streams = 0, graphs = 0, host_blocks = 0;
  int waiting = 0;         // copies and launches of all streams
  int recording = 0;       // streams that record
  bool idle = false;       // kernels take no time and do nothing
  bool counts = false;     // what is told at the end
  int failed = kSuccess;   // a kernel did, and now everything does
  std::string message;
  std::uint64_t instructions = 0, launches = 0, replayed = 0;
  double seconds = 0;
  std::map<std::string, Use> uses;   // of each kernel
};
StandIn& gpu();

// The value of "name=7" in GLASS_STAND_IN, 1 for "name" alone, else `otherwise`.
double setting(const std::string& name, double otherwise);
std::size_t memory_bytes();
unsigned most_in_depth();   // groups of a launch along the third axis

int fail(int code, const std::string& message);
int fail_for_good(int code, const std::string& message);
// Success where this thread has a context and nothing has failed for good.
int need_context();
// The same, and no stream records: such a call would be missing in every replay.
int need_nothing_recording(const char* call);

}   // namespace glass::test
