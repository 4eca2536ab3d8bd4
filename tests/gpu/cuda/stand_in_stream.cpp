// Streams of the stand-in for libcuda.so.1: copies, launches and graphs. Nothing happens on one
// before somebody waits for it.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "tests/gpu/cuda/ptx/group.h"
#include "tests/gpu/cuda/stand_in.h"

namespace {

using namespace glass::test;

void add(ptx::Bytes& to, const ptx::Bytes& more) {
  to.moved += more.moved;
  to.touched += more.touched;
}
void add_use(Use& to, const ptx::Traffic& traffic) {
  ++to.launches;
  add(to.read, traffic.read);
  add(to.written, traffic.written);
}

int run_kernel(const Function& f, const std::vector<std::byte>& args, ptx::Grid grid,
               unsigned dynamic_bytes) {
  StandIn& g = gpu();
  ++g.launches;
  if (g.idle) return kSuccess;
  const auto start = std::chrono::steady_clock::now();
  std::vector<ptx::Range> ranges = g.memory.ranges();
  for (const auto& [begin, end] : f.module->global_ranges) ranges.push_back({begin, end});
  std::sort(ranges.begin(), ranges.end(),
            [](const ptx::Range& a, const ptx::Range& b) { return a.begin < b.begin; });
  ptx::Rules rules;
  rules.early_copies = setting("early-copies", 0) > 0;
  rules.backwards = setting("backwards", 0) > 0;
  std::optional<ptx::Traffic> traffic;
  if (g.counts && !ranges.empty())
    rules.traffic = &traffic.emplace(g.memory.ranges().front().begin, g.memory.ranges().back().end);
  try {
    ptx::Group group(*f.kernel, args.data(), grid, dynamic_bytes, ranges, rules);
    for (ptx::Grid at{0, 0, 0}; at.z < grid.z; ++at.z)
      for (at.y = 0; at.y < grid.y; ++at.y)
        for (at.x = 0; at.x < grid.x; ++at.x) group.run(at);
    g.instructions += group.instructions();
    if (traffic) add_use(g.uses[f.kernel->name], *traffic);
  } catch (const ptx::Fault& fault) { return fail_for_good(kIllegalAddress, fault.what()); }
  g.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return kSuccess;
}

// What the program gives with CU_LAUNCH_PARAM_BUFFER_POINTER and _SIZE.
int read_arguments(const ptx::Kernel& k, void** arguments, void** extra,
                   std::vector<std::byte>& to) {
  if (arguments || !extra || extra[0] != reinterpret_cast<void*>(1) ||
      extra[2] != reinterpret_cast<void*>(2) || extra[4])
    return fail(kInvalidValue, "kernel " + k.name + ": arguments must come with their size");
  const std::size_t bytes = *static_cast<std::size_t*>(extra[3]);
  if (bytes != k.parameter_bytes)
    return fail(kInvalidValue, "kernel " + k.name + " takes " + std::to_string(k.parameter_bytes) +
                                   " bytes of arguments, not " + std::to_string(bytes));
  const std::byte* first = static_cast<const std::byte*>(extra[1]);
  to.assign(first, first + bytes);
  return kSuccess;
}

// Onto the stream, or into the graph that it records.
int enqueue(void* stream, Work work) {
  Stream& s = *static_cast<Stream*>(stream);
  if (s.recording) {
    s.recording->push_back(std::move(work));
  } else {
    s.waiting.push_back(std::move(work));
    ++gpu().waiting;
  }
  return kSuccess;
}

}   // namespace

GLASS_EXPORT int cuMemcpyHtoDAsync_v2(Address to, const void* from, std::size_t bytes,
                                      void* stream) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  if (const int code = need_context()) return code;
  return enqueue(stream, [=] {
    if (!gpu().memory.holds(to, bytes))
      return fail_for_good(kInvalidValue, "a copy to memory that the GPU has not given");
    std::memcpy(reinterpret_cast<void*>(to), from, bytes);
    return int{kSuccess};
  });
}
GLASS_EXPORT int cuMemcpyDtoHAsync_v2(void* to, Address from, std::size_t bytes, void* stream) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  if (const int code = need_context()) return code;
  return enqueue(stream, [=] {
    if (!gpu().memory.holds(from, bytes))
      return fail_for_good(kInvalidValue, "a copy from memory that the GPU has not given");
    std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
    return int{kSuccess};
  });
}
GLASS_EXPORT int cuStreamCreate(void** stream, unsigned) {
  *stream = new Stream;
  gpu().idle = setting("idle", 0) > 0;
  gpu().counts = setting("statistics", 0) > 0;
  if (gpu().idle) gpu().memory.watch_nothing();
  ++gpu().streams;
  return need_context();
}
GLASS_EXPORT int cuStreamSynchronize(void* stream) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  if (const int code = need_nothing_recording("cuStreamSynchronize")) return code;
  auto& work = static_cast<Stream*>(stream)->waiting;
  if (work.empty()) return kSuccess;
  gpu().memory.open(true);
  int code = kSuccess;
  while (!work.empty() && code == kSuccess) {
    code = work.front()();
    work.pop_front();
    --gpu().waiting;
  }
  gpu().memory.open(false);
  return code;
}
GLASS_EXPORT int cuStreamDestroy_v2(void* stream) {
  Stream* s = static_cast<Stream*>(stream);
  const bool idle = s->waiting.empty();
  gpu().waiting -= static_cast<int>(s->waiting.size());
  delete s;
  --gpu().streams;
  return idle ? gpu().failed : fail(kInvalidValue, "a stream is given back while work waits on it");
}

GLASS_EXPORT int cuLaunchKernel(void* function, unsigned groups_x, unsigned groups_y,
                                unsigned groups_z, unsigned threads_x, unsigned threads_y,
                                unsigned threads_z, unsigned shared_bytes, void* stream,
                                void** arguments, void** extra) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  if (const int code = need_context()) return code;
  const Function& f = *static_cast<Function*>(function);
  const ptx::Kernel& k = *f.kernel;
  if (threads_x != k.threads || threads_y != 1 || threads_z != 1)
    return fail(kInvalidValue, "kernel " + k.name + " was compiled for groups of " +
                                   std::to_string(k.threads) + " threads, not " +
                                   std::to_string(threads_x) + " x " + std::to_string(threads_y) +
                                   " x " + std::to_string(threads_z));
  if (groups_x == 0 || groups_y == 0 || groups_z == 0 || groups_x > 2147483647u ||
      groups_y > 65535 || groups_z > most_in_depth())
    return fail(kInvalidValue, "kernel " + k.name + ": a launch has 1 to 2147483647 x 65535 x " +
                                   std::to_string(most_in_depth()) + " groups");
  const int most = f.most_dynamic_bytes ? f.most_dynamic_bytes : kOrdinarySharedBytes;
  if (static_cast<int>(shared_bytes) > most ||
      static_cast<int>(k.shared_bytes_on_gpu + shared_bytes) >
          (f.most_dynamic_bytes ? kMostSharedBytes : kOrdinarySharedBytes))
    return fail(kInvalidValue, "kernel " + k.name + ": " + std::to_string(shared_bytes) +
                                   " bytes of the group's memory are more than were allowed");
  std::vector<std::byte> args;
  if (const int code = read_arguments(k, arguments, extra, args)) return code;
  return enqueue(stream, [=] {
    return run_kernel(f, args, {groups_x, groups_y, groups_z}, shared_bytes);
  });
}

// ---- graphs: work that is recorded instead of done, and done as often as one likes ----

GLASS_EXPORT int cuStreamBeginCapture_v2(void* stream, int) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  if (const int code = need_nothing_recording("cuStreamBeginCapture")) return code;
  static_cast<Stream*>(stream)->recording = std::make_unique<Graph>();
  ++gpu().recording;
  return kSuccess;
}
GLASS_EXPORT int cuStreamEndCapture(void* stream, void** graph) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  Stream& s = *static_cast<Stream*>(stream);
  if (!s.recording)
    return fail(kInvalidValue, "cuStreamEndCapture of a stream that records nothing");
  *graph = s.recording.release();
  --gpu().recording;
  ++gpu().graphs;
  return need_context();
}
GLASS_EXPORT int cuGraphInstantiateWithFlags(void** runnable, void* graph, unsigned long long) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  if (setting("no-graphs", 0) > 0) return fail(kOutOfMemory, "no room for a graph");
  if (const int code = need_nothing_recording("cuGraphInstantiateWithFlags")) return code;
  *runnable = new RunnableGraph{*static_cast<Graph*>(graph)};
  ++gpu().graphs;
  return kSuccess;
}
GLASS_EXPORT int cuGraphLaunch(void* runnable, void* stream) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  if (const int code = need_context()) return code;
  RunnableGraph& graph = *static_cast<RunnableGraph*>(runnable);
  ++graph.waiting;
  return enqueue(stream, [&graph] {
    int code = kSuccess;
    for (const Work& next : graph.work)
      if (code == kSuccess) code = next();
    gpu().replayed += graph.work.size();
    --graph.waiting;
    return code;
  });
}
GLASS_EXPORT int cuGraphExecDestroy(void* runnable) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  RunnableGraph* graph = static_cast<RunnableGraph*>(runnable);
  if (graph->waiting > 0 && gpu().failed == kSuccess)
    return fail_for_good(kInvalidValue, "a graph is given back while it waits to be run");
  delete graph;
  --gpu().graphs;
  return gpu().failed;
}
GLASS_EXPORT int cuGraphDestroy(void* graph) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  delete static_cast<Graph*>(graph);
  --gpu().graphs;
  return gpu().failed;
}
