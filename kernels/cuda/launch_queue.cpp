#include "kernels/cuda/launch_queue.h"

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace glass::cuda {
namespace {

// No byte of a Launch is left to chance, so that bytes can be compared.
static_assert(std::has_unique_object_representations_v<Launch>);

bool graphs_are_wanted() {
  const char* asked = std::getenv("GLASS_CUDA_GRAPHS");
  return !asked || std::strcmp(asked, "0") != 0;
}

int start_one(const Driver& driver, const Launch& launch, const char* args, Stream stream) {
  // The arguments with their size, which the driver holds against what the kernel takes.
  std::size_t bytes = launch.args_bytes;
  void* const kPointer = reinterpret_cast<void*>(1);   // CU_LAUNCH_PARAM_BUFFER_POINTER
  void* const kSize = reinterpret_cast<void*>(2);      // CU_LAUNCH_PARAM_BUFFER_SIZE
  void* extra[] = {kPointer, const_cast<char*>(args), kSize, &bytes, nullptr};
  return driver.cuLaunchKernel(launch.function, launch.grid.x, launch.grid.y, launch.grid.z,
                               launch.threads, 1, 1, launch.shared_bytes, stream, nullptr, extra);
}

}   // namespace

LaunchQueue::LaunchQueue(const Driver& driver, Stream stream)
    : driver_(driver), stream_(stream), records_(graphs_are_wanted()) {}

LaunchQueue::~LaunchQueue() { forget(); }

void LaunchQueue::add(const Launch& launch, const void* args) {
  waiting_.append(reinterpret_cast<const char*>(&launch), sizeof launch);
  waiting_.append(static_cast<const char*>(args), launch.args_bytes);
  if (++count_ == kMost || !records_) start();
}

void LaunchQueue::start() {
  starting_.swap(waiting_);
  waiting_.clear();
  const int count = std::exchange(count_, 0);
  const bool may_be_known = records_ && count >= kLeast;
  const RunnableGraph graph = may_be_known ? graph_of(starting_) : nullptr;
  if (!graph || driver_.cuGraphLaunch(graph, stream_) != kSuccess) start_each(starting_);
}

// nullptr for a sequence that has not come often enough, or that the driver does not record.
RunnableGraph LaunchQueue::graph_of(const std::string& launches) {
  auto found = known_.find(launches);
  if (found == known_.end()) {
    if (known_.size() == kMostKnown) forget();
    found = known_.try_emplace(launches).first;
  }
  Sequence& sequence = found->second;
  if (sequence.seen++ == kSeenBefore) sequence.graph = record(launches);
  return sequence.graph;
}

RunnableGraph LaunchQueue::record(const std::string& launches) {
  constexpr int kOfThisThread = 1;   // CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
  if (driver_.cuStreamBeginCapture(stream_, kOfThisThread) != kSuccess) return nullptr;
  bool taken = true;
  try {
    start_each(launches);
  } catch (const std::runtime_error&) { taken = false; }   // and will be said outside of a graph
  Graph graph = nullptr;
  RunnableGraph runnable = nullptr;
  if (driver_.cuStreamEndCapture(stream_, &graph) == kSuccess && taken &&
      driver_.cuGraphInstantiateWithFlags(&runnable, graph, 0) != kSuccess)
    runnable = nullptr;
  if (graph) driver_.cuGraphDestroy(graph);
  return runnable;
}

void LaunchQueue::start_each(const std::string& launches) {
  for (std::size_t at = 0; at < launches.size();) {
    Launch launch;
    std::memcpy(&launch, launches.data() + at, sizeof launch);
    const char* args = launches.data() + at + sizeof launch;
    if (const int code = start_one(driver_, launch, args, stream_))
      throw std::runtime_error("cuda: kernel " + std::string(launch.name) +
                               " cannot be started: " + driver_.meaning(code));
    at += sizeof launch + launch.args_bytes;
  }
}

void LaunchQueue::forget() {
  driver_.cuStreamSynchronize(stream_);   // no graph may be given back while it runs
  for (const auto& [launches, sequence] : known_)
    if (sequence.graph) driver_.cuGraphExecDestroy(sequence.graph);
  known_.clear();
}

}   // namespace glass::cuda
