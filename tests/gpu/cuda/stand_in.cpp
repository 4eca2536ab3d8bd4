// A library that looks like libcuda.so.1 to a program, on a machine without a GPU. It takes the
// same PTX and runs it (ptx/), and it is stricter than a driver: nothing happens on a stream before
// somebody waits for it, the host cannot touch the GPU's memory, arguments must have the size that
// the kernel takes, a launch the threads that it was compiled for. What goes wrong is said in a
// sentence, which the program gets from cuGetErrorString; after a kernel has failed, everything
// fails, as it does on a GPU.
//
//   GLASS_STAND_IN=capability=80,gigabytes=2,early-copies,backwards,statistics
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/gpu/cuda/device_memory.h"
#include "tests/gpu/cuda/ptx/group.h"
#include "tests/gpu/cuda/ptx/kernel.h"

namespace {

using namespace glass::test;
using Address = unsigned long long;

enum Code : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNoDevice = 101,
  kInvalidImage = 200,
  kInvalidContext = 201,
  kNotFound = 500,
  kIllegalAddress = 700
};

struct Function {
  const ptx::Kernel* kernel;
  const ptx::Module* module;
  int most_dynamic_bytes;
};
struct Module {
  std::shared_ptr<const ptx::Module> ptx;
  std::vector<std::unique_ptr<Function>> functions;
};
struct Stream {
  std::deque<std::function<int()>> waiting;
};

constexpr int kOrdinarySharedBytes = 48 << 10, kMostSharedBytes = 227 << 10;

struct Gpu {
  std::mutex mutex;
  DeviceMemory memory;
  int contexts = 0, modules = 0, streams = 0, host_blocks = 0;
  int failed = kSuccess;   // a kernel did, and now everything does
  std::string message;
  std::uint64_t instructions = 0, launches = 0;
  double seconds = 0;
};
Gpu& gpu() {
  static Gpu* const only = new Gpu;   // lives as long as anybody may call
  return *only;
}
thread_local bool has_context = false;

// The value of "name=7" in GLASS_STAND_IN, 1 for "name" alone, else `otherwise`.
double setting(const std::string& name, double otherwise) {
  const char* all = std::getenv("GLASS_STAND_IN");
  const std::string text = "," + std::string(all ? all : "") + ",";
  const std::size_t at = text.find("," + name);
  if (at == std::string::npos) return otherwise;
  const std::size_t after = at + 1 + name.size();
  return text[after] == '='   ? std::atof(text.c_str() + after + 1)
         : text[after] == ',' ? 1
                              : otherwise;
}
std::size_t memory_bytes() { return static_cast<std::size_t>(setting("gigabytes", 4) * 1e9); }

int fail(int code, const std::string& message) {
  gpu().message = message;
  return code;
}
int fail_for_good(int code, const std::string& message) {
  gpu().failed = code;
  return fail(code, message);
}
int need_context() {
  if (!has_context) return fail(kInvalidContext, "this thread has no current context");
  return gpu().failed;
}

// Each text is read once.
std::shared_ptr<const ptx::Module> loaded(const std::string& image) {
  static std::map<std::string, std::shared_ptr<const ptx::Module>> known;
  std::shared_ptr<const ptx::Module>& module = known[image];
  if (!module) module = ptx::load(image);
  return module;
}

int run_kernel(const Function& f, const std::vector<std::byte>& args, ptx::Grid grid,
               unsigned dynamic_bytes) {
  Gpu& g = gpu();
  const auto start = std::chrono::steady_clock::now();
  std::vector<ptx::Range> ranges = g.memory.ranges();
  for (const auto& [begin, end] : f.module->global_ranges) ranges.push_back({begin, end});
  std::sort(ranges.begin(), ranges.end(),
            [](const ptx::Range& a, const ptx::Range& b) { return a.begin < b.begin; });
  const ptx::Rules rules = {setting("early-copies", 0) > 0, setting("backwards", 0) > 0};
  try {
    ptx::Group group(*f.kernel, args.data(), grid, dynamic_bytes, ranges, rules);
    for (ptx::Grid at{0, 0, 0}; at.z < grid.z; ++at.z)
      for (at.y = 0; at.y < grid.y; ++at.y)
        for (at.x = 0; at.x < grid.x; ++at.x) group.run(at);
    g.instructions += group.instructions();
  } catch (const ptx::Fault& fault) { return fail_for_good(kIllegalAddress, fault.what()); }
  ++g.launches;
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

}   // namespace

#define GLASS_EXPORT extern "C" __attribute__((visibility("default")))

GLASS_EXPORT int cuInit(unsigned) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return fail(kNoDevice, "the stand-in for a GPU needs a processor with AVX2");
#endif
  return kSuccess;
}
GLASS_EXPORT int cuDriverGetVersion(int* version) { return *version = 13000, kSuccess; }
GLASS_EXPORT int cuGetErrorString(int, const char** text) {
  return *text = gpu().message.c_str(), kSuccess;
}
GLASS_EXPORT int cuDeviceGetCount(int* count) {
  return *count = static_cast<int>(setting("gpus", 1)), kSuccess;
}
GLASS_EXPORT int cuDeviceGet(int* device, int number) {
  return *device = number, number == 0 ? kSuccess : fail(kNoDevice, "there is one GPU");
}
GLASS_EXPORT int cuDeviceGetName(char* name, int length, int) {
  std::snprintf(name, static_cast<std::size_t>(length), "a stand-in for a GPU");
  return kSuccess;
}
GLASS_EXPORT int cuDeviceTotalMem_v2(std::size_t* bytes, int) {
  return *bytes = memory_bytes(), kSuccess;
}
GLASS_EXPORT int cuDeviceGetAttribute(int* value, int attribute, int) {
  const int capability = static_cast<int>(setting("capability", 90));
  *value = attribute == 75 ? capability / 10 : attribute == 76 ? capability % 10 : 0;
  return attribute == 75 || attribute == 76
             ? kSuccess
             : fail(kInvalidValue, "an attribute that is not known here");
}
GLASS_EXPORT int cuDevicePrimaryCtxRetain(void** context, int) {
  static int only;
  *context = &only;
  ++gpu().contexts;
  return gpu().failed;
}
GLASS_EXPORT int cuDevicePrimaryCtxRelease_v2(int) {
  const Gpu& g = gpu();
  const double million = static_cast<double>(g.instructions) * 1e-6;
  if (setting("statistics", 0) > 0)
    std::fprintf(stderr,
                 "%llu launches, %.0f million instructions of threads, %.0f million a second\n",
                 static_cast<unsigned long long>(g.launches), million, million / g.seconds);
  return --gpu().contexts, kSuccess;
}
GLASS_EXPORT int cuCtxSetCurrent(void* context) {
  has_context = context != nullptr;
  return gpu().failed;
}

GLASS_EXPORT int cuModuleLoadDataEx(void** module, const void* image, unsigned, int*, void**) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  if (const int code = need_context()) return code;
  try {
    auto made = std::make_unique<Module>();
    made->ptx = loaded(static_cast<const char*>(image));
    *module = made.release();
    ++gpu().modules;
    return kSuccess;
  } catch (const ptx::Unreadable& error) { return fail(kInvalidImage, error.what()); }
}
GLASS_EXPORT int cuModuleUnload(void* module) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  delete static_cast<Module*>(module);
  --gpu().modules;
  return gpu().failed;
}
GLASS_EXPORT int cuModuleGetFunction(void** function, void* module, const char* name) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  if (const int code = need_context()) return code;
  Module& m = *static_cast<Module*>(module);
  const auto found = m.ptx->kernels.find(name);
  if (found == m.ptx->kernels.end())
    return fail(kNotFound, std::string("the module has no kernel ") + name);
  m.functions.push_back(std::make_unique<Function>(Function{&found->second, m.ptx.get(), 0}));
  *function = m.functions.back().get();
  return kSuccess;
}
GLASS_EXPORT int cuFuncSetAttribute(void* function, int attribute, int value) {
  constexpr int kMostDynamicBytes = 8;
  if (attribute != kMostDynamicBytes || value < 0 || value > kMostSharedBytes)
    return fail(kInvalidValue,
                "a group has at most " + std::to_string(kMostSharedBytes) + " bytes of memory");
  static_cast<Function*>(function)->most_dynamic_bytes = value;
  return gpu().failed;
}

GLASS_EXPORT int cuMemGetInfo_v2(std::size_t* left, std::size_t* all) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  *all = memory_bytes();
  *left = *all - gpu().memory.used();
  return need_context();
}
GLASS_EXPORT int cuMemAlloc_v2(Address* address, std::size_t bytes) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  if (const int code = need_context()) return code;
  if (bytes == 0) return fail(kInvalidValue, "cuMemAlloc of nothing");
  *address = gpu().memory.allocate(bytes, memory_bytes());
  return *address ? kSuccess : fail(kOutOfMemory, "out of memory");
}
int waiting = 0;   // copies and launches of all streams
GLASS_EXPORT int cuMemFree_v2(Address address) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  if (waiting > 0 && gpu().failed == kSuccess)
    return fail_for_good(kInvalidValue, "memory is given back while work waits that may use it");
  if (!gpu().memory.release(address))
    return fail(kInvalidValue, "cuMemFree of what cuMemAlloc did not give");
  return gpu().failed;
}
GLASS_EXPORT int cuMemAllocHost_v2(void** memory, std::size_t bytes) {
  *memory = std::malloc(bytes);
  ++gpu().host_blocks;
  return need_context();
}
GLASS_EXPORT int cuMemFreeHost(void* memory) {
  std::free(memory);
  --gpu().host_blocks;
  return gpu().failed;
}

namespace {
int enqueue(void* stream, std::function<int()> work) {
  static_cast<Stream*>(stream)->waiting.push_back(std::move(work));
  ++waiting;
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
  ++gpu().streams;
  return need_context();
}
GLASS_EXPORT int cuStreamSynchronize(void* stream) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  if (const int code = need_context()) return code;
  auto& work = static_cast<Stream*>(stream)->waiting;
  if (work.empty()) return kSuccess;
  gpu().memory.open(true);
  int code = kSuccess;
  while (!work.empty() && code == kSuccess) {
    code = work.front()();
    work.pop_front();
    --waiting;
  }
  gpu().memory.open(false);
  return code;
}
GLASS_EXPORT int cuStreamDestroy_v2(void* stream) {
  Stream* s = static_cast<Stream*>(stream);
  const bool idle = s->waiting.empty();
  waiting -= static_cast<int>(s->waiting.size());
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
      groups_y > 65535 || groups_z > 65535)
    return fail(kInvalidValue,
                "kernel " + k.name + ": a launch has 1 to 2147483647 x 65535 x 65535 groups");
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

// ---- for tests ----

// How many things the program has not given back.
GLASS_EXPORT int glass_stand_in_live() {
  const Gpu& g = gpu();
  return g.contexts + g.modules + g.streams + g.host_blocks + static_cast<int>(g.memory.blocks());
}
// Whoever has broken a GPU gets another.
GLASS_EXPORT void glass_stand_in_repair() {
  gpu().failed = kSuccess;
  gpu().message.clear();
}
