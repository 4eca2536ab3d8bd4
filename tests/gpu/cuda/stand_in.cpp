// A library that looks like libcuda.so.1 to a program, on a machine without a GPU. It takes the
// same PTX and runs it (ptx/), and it is stricter than a driver: nothing happens on a stream before
// somebody waits for it, the host cannot touch the GPU's memory, arguments must have the size that
// the kernel takes, a launch the threads that it was compiled for. What goes wrong is said in a
// sentence, which the program gets from cuGetErrorString; after a kernel has failed, everything
// fails, as it does on a GPU.
//
//   GLASS_STAND_IN=driver=12.4,capability=80,gigabytes=2,gpus=2,depth=4,early-copies,backwards,no-graphs,idle,statistics
#include "tests/gpu/cuda/stand_in.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>

namespace {

using namespace glass::test;

struct Module {
  std::shared_ptr<const ptx::Module> ptx;
  std::vector<std::unique_ptr<Function>> functions;
};
thread_local bool has_context = false;

// Each text is read once.
std::shared_ptr<const ptx::Module> loaded(const std::string& image) {
  static std::map<std::string, std::shared_ptr<const ptx::Module>> known;
  std::shared_ptr<const ptx::Module>& module = known[image];
  if (!module) module = ptx::load(image);
  return module;
}

// 12040 for CUDA 12.4.
int driver_version() {
  const double version = setting("driver", 13.0);
  const int major = static_cast<int>(version);
  return 1000 * major + 10 * static_cast<int>(std::lround(10 * (version - major)));
}

// CUDA 11.0 came with version 7.0 of PTX, 12.0 with 8.0, and so on. Who names no driver has one
// that takes all.
bool is_younger_than_driver(const std::string& image) {
  if (setting("driver", 0) == 0) return false;
  const std::size_t at = image.find("\n.version ");
  const double stated = at == std::string::npos ? 0 : std::atof(image.c_str() + at + 10);
  return std::lround(10 * stated) > (driver_version() - 4000) / 100 + driver_version() % 100 / 10;
}

// On stderr: how much was run, and what each kernel moved.
void tell_statistics() {
  const StandIn& g = gpu();
  std::fprintf(stderr, "%llu launches, %llu of them in graphs",
               static_cast<unsigned long long>(g.launches),
               static_cast<unsigned long long>(g.replayed));
  const double million = static_cast<double>(g.instructions) * 1e-6;
  if (!g.idle)
    std::fprintf(stderr, "; %.0f million instructions of threads, %.0f million a second", million,
                 million / g.seconds);
  std::fputc('\n', stderr);
  if (g.uses.empty()) return;
  // Read and written: as many bytes as requests ask for, and as many as there are.
  std::fprintf(stderr, "%-24s %8s %12s %9s %12s %9s  MB\n", "kernel", "launches", "read", "touched",
               "written", "touched");
  const auto mb = [](std::uint64_t bytes) { return static_cast<double>(bytes) * 1e-6; };
  for (const auto& [name, use] : g.uses)
    std::fprintf(stderr, "%-24s %8llu %12.3f %9.3f %12.3f %9.3f\n", name.c_str(),
                 static_cast<unsigned long long>(use.launches), mb(use.read.moved),
                 mb(use.read.touched), mb(use.written.moved), mb(use.written.touched));
}

}   // namespace

namespace glass::test {

StandIn& gpu() {
  static StandIn* const only = new StandIn;   // lives as long as anybody may call
  return *only;
}

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
unsigned most_in_depth() { return static_cast<unsigned>(setting("depth", 65535)); }
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
int need_nothing_recording(const char* call) {
  if (gpu().recording > 0)
    return fail(kNotWhileRecording, std::string(call) + " while a stream records");
  return need_context();
}

}   // namespace glass::test

GLASS_EXPORT int cuInit(unsigned) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return fail(kNoDevice, "the stand-in for a GPU needs a processor with AVX2");
#endif
  return kSuccess;
}
GLASS_EXPORT int cuDriverGetVersion(int* version) { return *version = driver_version(), kSuccess; }
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
  *value = attribute == 75   ? capability / 10
           : attribute == 76 ? capability % 10
           : attribute == 7  ? static_cast<int>(most_in_depth())
                             : 0;
  return attribute == 75 || attribute == 76 || attribute == 7
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
  if (gpu().counts) tell_statistics();
  return --gpu().contexts, kSuccess;
}
GLASS_EXPORT int cuCtxSetCurrent(void* context) {
  has_context = context != nullptr;
  return gpu().failed;
}

GLASS_EXPORT int cuModuleLoadDataEx(void** module, const void* image, unsigned, int*, void**) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  if (const int code = need_context()) return code;
  if (is_younger_than_driver(static_cast<const char*>(image)))
    return fail(kUnsupportedVersion, "the PTX is of a version that came after this driver");
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
  if (const int code = need_nothing_recording("cuMemAlloc")) return code;
  if (bytes == 0) return fail(kInvalidValue, "cuMemAlloc of nothing");
  *address = gpu().memory.allocate(bytes, memory_bytes());
  return *address ? kSuccess : fail(kOutOfMemory, "out of memory");
}
GLASS_EXPORT int cuMemFree_v2(Address address) {
  const std::lock_guard<std::mutex> lock(gpu().mutex);
  if (gpu().waiting > 0 && gpu().failed == kSuccess)
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

// ---- for tests ----

// How many things the program has not given back.
GLASS_EXPORT int glass_stand_in_live() {
  const StandIn& g = gpu();
  return g.contexts + g.modules + g.streams + g.graphs + g.host_blocks +
         static_cast<int>(g.memory.blocks());
}
// Whoever has broken a GPU gets another.
GLASS_EXPORT void glass_stand_in_repair() {
  gpu().failed = kSuccess;
  gpu().message.clear();
}
// Kernels that were started, and how many of them by a graph.
GLASS_EXPORT void glass_stand_in_launches(std::uint64_t* all, std::uint64_t* replayed) {
  *all = gpu().launches;
  *replayed = gpu().replayed;
}
