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
// So many commands are handed over at once: the GPU begins while the processor goes on collecting.
constexpr unsigned kCommandsPerBatch = 64;
constexpr std::size_t kStagingBytes = std::size_t{1} << 20;
constexpr std::size_t kWord = 4;   // copies of Metal begin and end at multiples of it

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
  staging_ = memory_->allocate(kStagingBytes);
  if (!staging_) refuse_memory(kStagingBytes);
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

// The processor may write at once only where nothing that was started before can still look there.
void MetalDevice::upload(std::byte* to, const void* host, std::size_t bytes) {
  if (bytes == 0) return;
  const Entry entry(*this);
  const Memory::Place target = memory_->place_of(to, bytes);
  const bool idle = !commands_ && committed_.empty();
  const bool can_be_copied = target.offset % kWord == 0 && bytes % kWord == 0;
  if (idle || !can_be_copied || bytes > kStagingBytes) write(target, host, bytes);
  else write_later(target, host, bytes);
}

void MetalDevice::write(const Memory::Place& target, const void* host, std::size_t bytes) {
  wait_for_all();
  std::memcpy(target.contents, host, bytes);
}

// The bytes stand beside until their turn comes, and the GPU copies them. Where the staging memory
// ends, everything is waited for, and it begins again.
void MetalDevice::write_later(const Memory::Place& target, const void* host, std::size_t bytes) {
  if (staging_used_ + bytes > kStagingBytes) wait_for_all();
  const Memory::Place staged = memory_->place_of(staging_ + staging_used_, bytes);
  staging_used_ += bytes;
  std::memcpy(staged.contents, host, bytes);
  open_encoder(Encoder::copies);
  encoder_.send("copyFromBuffer:sourceOffset:toBuffer:destinationOffset:size:", staged.buffer,
                staged.offset, target.buffer, target.offset, static_cast<unsigned long>(bytes));
  count_command();
}

void MetalDevice::download(void* host, const std::byte* from, std::size_t bytes) {
  if (bytes == 0) return;
  const Entry entry(*this);
  wait_for_all();
  std::memcpy(host, memory_->place_of(from, bytes).contents, bytes);
}

void MetalDevice::launch(const gpu::Kernel& kernel, const void* args, gpu::Grid grid) {
  const Entry entry(*this);
  const Id pipeline = pipeline_of(kernel);
  open_encoder(Encoder::launches);
  for (; buffers_announced_ < memory_->buffers(); ++buffers_announced_)
    encoder_.send("useResource:usage:", memory_->buffer(buffers_announced_), kReadAndWrite);
  encoder_.send("setComputePipelineState:", pipeline);
  encoder_.send("setBytes:length:atIndex:", args, static_cast<unsigned long>(kernel.args_bytes),
                0ul);
  encoder_.send("dispatchThreadgroups:threadsPerThreadgroup:", Size{grid.x, grid.y, grid.z},
                Size{kernel.threads, 1, 1});
  count_command();
}

void MetalDevice::wait() {
  const Entry entry(*this);
  wait_for_all();
}

// One encoder takes commands at a time. It runs them one after the other, each with what the one
// before it wrote, and behind what the encoders before it took.
void MetalDevice::open_encoder(Encoder wanted) {
  if (takes_ == wanted) return;
  end_encoder();
  if (!commands_) commands_ = Ref::retained(objc_, queue_.send<Id>("commandBuffer"));
  const char* const name =
      wanted == Encoder::launches ? "computeCommandEncoder" : "blitCommandEncoder";
  encoder_ = Ref::retained(objc_, commands_.send<Id>(name));
  takes_ = wanted;
  buffers_announced_ = 0;
}

void MetalDevice::end_encoder() {
  if (takes_ == Encoder::none) return;
  encoder_.send("endEncoding");
  encoder_.reset();
  takes_ = Encoder::none;
}

void MetalDevice::count_command() {
  if (++commands_in_batch_ == kCommandsPerBatch) commit_batch();
}

void MetalDevice::commit_batch() {
  end_encoder();
  commands_.send("commit");
  committed_.push_back(std::move(commands_));
  commands_in_batch_ = 0;
}

// A queue runs what was committed in order, so the last batch is over when all are.
void MetalDevice::wait_for_all() {
  if (commands_) commit_batch();
  staging_used_ = 0;
  if (committed_.empty()) return;
  committed_.back().send("waitUntilCompleted");
  const std::vector<Ref> over = std::move(committed_);
  committed_.clear();
  for (const Ref& batch : over)
    if (const Id error = batch.send<Id>("error"))
      throw std::runtime_error("metal: the GPU stopped: " + objc_.description(error));
}

}   // namespace glass::metal
