#include "kernels/metal/metal_device.h"

#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "kernels/device_memory.h"
#include "kernels/gpu/kernel_list.h"
#include "kernels/gpu/kernel_text.h"

namespace glass::metal {
namespace {

// Numbers of Apple's headers.
constexpr unsigned long kFamilyApple7 = 1007;      // MTLGPUFamilyApple7: M1 and later
constexpr unsigned long kFamilyMetal3 = 5001;      // MTLGPUFamilyMetal3: macOS 13 and later
constexpr unsigned long kLanguage = (3ul << 16);   // MTLLanguageVersion3_0
constexpr unsigned long kReadAndWrite = 3;         // MTLResourceUsageRead | MTLResourceUsageWrite
constexpr unsigned long kWarp = 32;
constexpr unsigned long kMostArgumentBytes = 4096;   // what setBytes takes
// So many launches are handed over at once: the GPU begins while the processor goes on collecting.
constexpr unsigned kLaunchesPerBatch = 64;

struct Size {   // MTLSize
  unsigned long width, height, depth;
};

// The GPU, and a sentence where it cannot be used.
Ref open_gpu(const ObjectiveC& objc, std::string& why_not) {
  Ref gpu(objc, objc.default_gpu());
  if (!gpu) why_not = "this computer has no GPU that Metal knows";
  else if (!gpu.send<bool>("supportsFamily:", kFamilyMetal3))
    why_not = "the GPU needs Metal 3, which macOS has from version 13 on";
  else if (!gpu.send<bool>("supportsFamily:", kFamilyApple7))
    why_not = "the kernels need an M1 or a later GPU of Apple";
  return gpu;
}

// How much of the computer's memory the GPU should take.
constexpr const char* kRecommended = "recommendedMaxWorkingSetSize";

std::string megabytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MB"; }

std::string gigabytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GB", static_cast<double>(bytes) * 1e-9);
  return text;
}

}   // namespace

std::string describe_metal_device(std::string& why) {
  try {
    const ObjectiveC objc;
    const Pool pool(objc);
    const Ref gpu = open_gpu(objc, why);
    if (!why.empty()) return "";
    return objc.text(gpu.send<Id>("name")) + ", " +
           gigabytes(gpu.send<std::uint64_t>(kRecommended)) + " of the memory, through Metal";
  } catch (const std::runtime_error& error) { why = error.what(); }
  return "";
}

struct MetalDevice::Entry {
  explicit Entry(MetalDevice& device) : lock(device.mutex_), pool(device.objc_) {}
  std::lock_guard<std::mutex> lock;
  Pool pool;
};

MetalDevice::MetalDevice() {
  const Entry entry(*this);
  std::string why_not;
  gpu_ = open_gpu(objc_, why_not);
  if (!why_not.empty()) throw std::runtime_error(why_not);
  name_ = "metal " + objc_.text(gpu_.send<Id>("name"));
  queue_ = Ref(objc_, gpu_.send<Id>("newCommandQueue"));
  library_ = compile();
  memory_ = std::make_unique<Memory>(objc_, gpu_.id());
}

MetalDevice::~MetalDevice() {
  const Entry entry(*this);
  try {
    wait_for_all();
  } catch (const std::exception&) {}   // what went wrong has no one left to be told to
}

// Infinities and NaNs mean something in the kernels, so the compiler may not assume that there are
// none.
Ref MetalDevice::compile() const {
  const Ref options(objc_, objc_.send<Id>(objc_.class_named("MTLCompileOptions"), "new"));
  options.send("setFastMathEnabled:", false);
  options.send("setLanguageVersion:", kLanguage);
  Id error = nullptr;
  Ref library(objc_, gpu_.send<Id>("newLibraryWithSource:options:error:",
                                   objc_.string(gpu::kernel_text()), options.id(), &error));
  if (!library)
    throw std::runtime_error("metal: the compiler of macOS refuses the kernels:\n" +
                             objc_.description(error));
  return library;
}

Id MetalDevice::pipeline_of(const gpu::Kernel& kernel) {
  Ref& pipeline = pipelines_[&kernel];
  if (pipeline) return pipeline.id();
  const std::string name = std::string("metal: kernel ") + kernel.name;
  const Ref function(objc_, library_.send<Id>("newFunctionWithName:", objc_.string(kernel.name)));
  if (!function) throw std::logic_error(name + " is not in the library that was compiled");
  Id error = nullptr;
  Ref made(objc_,
           gpu_.send<Id>("newComputePipelineStateWithFunction:error:", function.id(), &error));
  if (!made) throw std::runtime_error(name + " cannot be made ready: " + objc_.description(error));
  if (made.send<unsigned long>("threadExecutionWidth") != kWarp ||
      made.send<unsigned long>("maxTotalThreadsPerThreadgroup") < kernel.threads)
    throw std::runtime_error(name + " needs groups of " + std::to_string(kernel.threads) +
                             " threads in warps of 32, which this GPU does not run");
  if (kernel.args_bytes > kMostArgumentBytes)
    throw std::logic_error(name + " has too many arguments");
  pipeline = std::move(made);
  return pipeline.id();
}

std::byte* MetalDevice::allocate(std::size_t bytes) {
  const Entry entry(*this);
  std::byte* const block = memory_->allocate(bytes);
  if (!block) refuse_memory(bytes);
  return block;
}

void MetalDevice::refuse_memory(std::size_t bytes) const {
  throw OutOfDeviceMemory("metal: out of memory: " + megabytes(bytes) + " more are wanted, " +
                          megabytes(memory_->held_bytes()) + " are taken, and " +
                          objc_.text(gpu_.send<Id>("name")) + " recommends at most " +
                          megabytes(gpu_.send<std::uint64_t>(kRecommended)) +
                          " in all and has at most " +
                          megabytes(gpu_.send<unsigned long>("maxBufferLength")) + " in one piece");
}

void MetalDevice::release(std::byte* block, std::size_t) noexcept {
  const Entry entry(*this);
  memory_->release(block);
}

// The processor writes at once, so everything that was started before has to be over.
void MetalDevice::upload(std::byte* to, const void* host, std::size_t bytes) {
  if (bytes == 0) return;
  const Entry entry(*this);
  wait_for_all();
  std::memcpy(memory_->host_view(to, bytes), host, bytes);
}

void MetalDevice::download(void* host, const std::byte* from, std::size_t bytes) {
  if (bytes == 0) return;
  const Entry entry(*this);
  wait_for_all();
  std::memcpy(host, memory_->host_view(from, bytes), bytes);
}

void MetalDevice::launch(const gpu::Kernel& kernel, const void* args, gpu::Grid grid) {
  const Entry entry(*this);
  const Id pipeline = pipeline_of(kernel);
  if (!encoder_) begin_batch();
  for (; buffers_announced_ < memory_->buffers(); ++buffers_announced_)
    encoder_.send("useResource:usage:", memory_->buffer(buffers_announced_), kReadAndWrite);
  encoder_.send("setComputePipelineState:", pipeline);
  encoder_.send("setBytes:length:atIndex:", args, static_cast<unsigned long>(kernel.args_bytes),
                0ul);
  encoder_.send("dispatchThreadgroups:threadsPerThreadgroup:", Size{grid.x, grid.y, grid.z},
                Size{kernel.threads, 1, 1});
  if (++launches_ == kLaunchesPerBatch) commit_batch();
}

void MetalDevice::wait() {
  const Entry entry(*this);
  wait_for_all();
}

// An encoder of this kind runs its launches one after the other, each with what the one before it
// wrote.
void MetalDevice::begin_batch() {
  commands_ = Ref::retained(objc_, queue_.send<Id>("commandBuffer"));
  encoder_ = Ref::retained(objc_, commands_.send<Id>("computeCommandEncoder"));
  launches_ = 0;
  buffers_announced_ = 0;
}

void MetalDevice::commit_batch() {
  encoder_.send("endEncoding");
  encoder_.reset();
  commands_.send("commit");
  committed_.push_back(std::move(commands_));
}

// A queue runs what was committed in order, so the last batch is over when all are.
void MetalDevice::wait_for_all() {
  if (encoder_) commit_batch();
  if (committed_.empty()) return;
  committed_.back().send("waitUntilCompleted");
  const std::vector<Ref> over = std::move(committed_);
  committed_.clear();
  for (const Ref& batch : over)
    if (const Id error = batch.send<Id>("error"))
      throw std::runtime_error("metal: the GPU stopped: " + objc_.description(error));
}

}   // namespace glass::metal
