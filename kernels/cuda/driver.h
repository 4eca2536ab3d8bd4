// The driver of NVIDIA GPUs, libcuda.so.1, as far as it is used here. It is opened when somebody
// asks for a GPU; neither the toolkit's headers nor its libraries take part in a build.
#pragma once
#include <cstddef>
#include <string>

namespace glass::cuda {

using Gpu = int;                      // its number
using Address = unsigned long long;   // in the memory of a GPU
struct ContextOfDriver;
struct ModuleOfDriver;
struct FunctionOfDriver;
struct StreamOfDriver;
struct GraphOfDriver;
struct RunnableGraphOfDriver;
using Context = ContextOfDriver*;
using Module = ModuleOfDriver*;
using Function = FunctionOfDriver*;
using Stream = StreamOfDriver*;
using Graph = GraphOfDriver*;                   // kernels and their order
using RunnableGraph = RunnableGraphOfDriver*;   // the same, ready to be started

// clang-format off
// X(name, the end of its name in the library, arguments). All return a code, 0 if all is well.
#define GLASS_CUDA_DRIVER(X)                                                                        \
  X(cuInit, "", (unsigned flags))                                                                   \
  X(cuDriverGetVersion, "", (int* version))                                                         \
  X(cuGetErrorString, "", (int code, const char** text))                                            \
  X(cuDeviceGetCount, "", (int* count))                                                             \
  X(cuDeviceGet, "", (Gpu* gpu, int number))                                                        \
  X(cuDeviceGetName, "", (char* name, int length, Gpu gpu))                                         \
  X(cuDeviceTotalMem, "_v2", (std::size_t* bytes, Gpu gpu))                                         \
  X(cuDeviceGetAttribute, "", (int* value, int attribute, Gpu gpu))                                 \
  X(cuDevicePrimaryCtxRetain, "", (Context* context, Gpu gpu))                                      \
  X(cuDevicePrimaryCtxRelease, "_v2", (Gpu gpu))                                                    \
  X(cuCtxSetCurrent, "", (Context context))                                                         \
  X(cuModuleLoadDataEx, "", (Module* module, const void* image, unsigned count, int* options, void** values)) \
  X(cuModuleUnload, "", (Module module))                                                            \
  X(cuModuleGetFunction, "", (Function* function, Module module, const char* name))                 \
  X(cuFuncSetAttribute, "", (Function function, int attribute, int value))                          \
  X(cuMemGetInfo, "_v2", (std::size_t* free, std::size_t* total))                                   \
  X(cuMemAlloc, "_v2", (Address* address, std::size_t bytes))                                       \
  X(cuMemFree, "_v2", (Address address))                                                            \
  X(cuMemAllocHost, "_v2", (void** memory, std::size_t bytes))                                      \
  X(cuMemFreeHost, "", (void* memory))                                                              \
  X(cuMemcpyHtoDAsync, "_v2", (Address to, const void* from, std::size_t bytes, Stream stream))     \
  X(cuMemcpyDtoHAsync, "_v2", (void* to, Address from, std::size_t bytes, Stream stream))           \
  X(cuStreamCreate, "", (Stream* stream, unsigned flags))                                           \
  X(cuStreamDestroy, "_v2", (Stream stream))                                                        \
  X(cuStreamSynchronize, "", (Stream stream))                                                       \
  X(cuLaunchKernel, "", (Function function, unsigned groups_x, unsigned groups_y, unsigned groups_z, \
                         unsigned threads_x, unsigned threads_y, unsigned threads_z,                \
                         unsigned shared_bytes, Stream stream, void** arguments, void** extra))    \
  X(cuStreamBeginCapture, "_v2", (Stream stream, int mode))                                         \
  X(cuStreamEndCapture, "", (Stream stream, Graph* graph))                                          \
  X(cuGraphInstantiateWithFlags, "", (RunnableGraph* runnable, Graph graph, unsigned long long flags)) \
  X(cuGraphLaunch, "", (RunnableGraph graph, Stream stream))                                        \
  X(cuGraphExecDestroy, "", (RunnableGraph graph))                                                  \
  X(cuGraphDestroy, "", (Graph graph))
// clang-format on

// The numbers of the driver's interface that are used here.
enum Code : int { kSuccess = 0, kOutOfMemory = 2 };
// Of a GPU.
enum Attribute : int { kMostGroupsInDepth = 7, kCapabilityMajor = 75, kCapabilityMinor = 76 };
enum FunctionAttribute : int { kMostDynamicSharedBytes = 8 };

struct Driver {
#define GLASS_MEMBER(name, suffix, arguments) int(*name) arguments = nullptr;
  GLASS_CUDA_DRIVER(GLASS_MEMBER)
#undef GLASS_MEMBER
  int version = 0;   // 12040 for CUDA 12.4
  int gpus = 0;      // how many it has

  // What a code means, in the driver's words.
  std::string meaning(int code) const;
};

// The driver, opened once; or nullptr and one sentence why there is none that has a GPU.
// GLASS_CUDA_DRIVER in the environment names another library than libcuda.so.1.
const Driver* find_driver(std::string& why);

struct GpuInfo {
  std::string name;
  std::size_t bytes = 0;
  int capability = 0;          // 90 for compute capability 9.0
  int most_in_depth = 65535;   // groups of a launch along the third axis
};
GpuInfo gpu_info(const Driver&, Gpu);

}   // namespace glass::cuda
