// An Apple GPU as a Device (kernels/gpu/device.h). The kernels are compiled when the program runs,
// by the compiler that is part of macOS, from the text that the program carries
// (kernels/gpu/kernel_text.h).
//
// Work is collected before it is handed over: a command buffer takes launches and copies in the
// order in which they are to run, and Metal begins with it when it is committed. The processor
// stands still where it wants to see a number, and where more is uploaded than can wait in line.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels/gpu/device.h"
#include "kernels/metal/memory.h"
#include "kernels/metal/objective_c.h"

namespace glass::metal {

// One line for people about the GPU of this computer; or "" and why none can be used, one sentence.
std::string describe_metal_device(std::string& why);

class MetalDevice final : public gpu::Device {
 public:
  MetalDevice();   // throws std::runtime_error with that sentence, or what the compiler says
                   // of the kernels
  ~MetalDevice() override;

  const char* name() const override { return name_.c_str(); }
  std::byte* allocate(std::size_t bytes) override;
  void release(std::byte*, std::size_t bytes) noexcept override;
  void upload(std::byte* to, const void* host, std::size_t bytes) override;
  void download(void* host, const std::byte* from, std::size_t bytes) override;
  void launch(const gpu::Kernel&, const void* args, gpu::Grid) override;
  void wait() override;

 private:
  struct Entry;   // one thread at a time, and a pool for its temporaries

  Ref compile() const;
  Id pipeline_of(const gpu::Kernel&);
  void write(const Memory::Place& target, const void* host, std::size_t bytes);
  void write_later(const Memory::Place& target, const void* host, std::size_t bytes);
  enum class Encoder : std::uint8_t { none, launches, copies };
  void open_encoder(Encoder);
  void end_encoder();
  void count_command();
  void commit_batch();
  void wait_for_all();
  [[noreturn]] void refuse_memory(std::size_t bytes) const;

  ObjectiveC objc_;
  std::mutex mutex_;
  Ref gpu_, queue_, library_;
  std::string name_;
  std::unordered_map<const gpu::Kernel*, Ref> pipelines_;   // compiled kernels, ready to be started
  std::unique_ptr<Memory> memory_;
  std::byte* staging_ = nullptr;   // a buffer for what is uploaded while the GPU is at work
  std::size_t staging_used_ = 0;
  Ref commands_, encoder_;   // the batch that is being collected, and what takes its commands
  Encoder takes_ = Encoder::none;
  unsigned commands_in_batch_ = 0;
  std::size_t buffers_announced_ = 0;   // to the encoder of launches
  std::vector<Ref> committed_;          // batches that have not been waited for
};

}   // namespace glass::metal
