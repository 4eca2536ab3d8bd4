// The objects that Metal's methods are about. See gpu.cpp for the rules that they keep.
#pragma once
#include <memory>
#include <set>
#include <vector>

#include "tests/gpu/metal/stand_in/program.h"
#include "tests/gpu/metal/stand_in/runtime.h"

namespace glass::stand_in {

struct Size {   // MTLSize
  unsigned long width, height, depth;
};

// Pages seen at two addresses, one of the processor and one of kernels. The second leads nowhere
// until a kernel runs that may use it; what it may not use ends the kernel.
class Pages {
 public:
  explicit Pages(std::size_t bytes);
  ~Pages();
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  std::byte* processor() const { return processor_; }
  std::byte* kernels() const { return kernels_; }
  bool holds(const std::byte* kernel_address) const;
  void allow(bool reading, bool writing);

 private:
  std::size_t bytes_;
  std::byte *processor_, *kernels_;
};

struct Buffer final : Object {
  std::size_t bytes;
  std::unique_ptr<Pages> pages;
  explicit Buffer(std::size_t bytes);
  void last_reference_went() override;
};

struct Options final : Object {
  CompileOptions values;
  Options() : Object("MTLCompileOptions") {}
};
struct Library final : Object {
  Program program;
  explicit Library(const Program& p) : Object("MTLLibrary"), program(p) {}
};
struct KernelFunction final : Object {
  Library* library;
  const Entry* entry;
  KernelFunction(Library*, const Entry*);
  void last_reference_went() override { release(library); }
};
struct Pipeline final : Object {
  KernelFunction* function;
  explicit Pipeline(KernelFunction*);
  void last_reference_went() override { release(function); }
};

// One launch, one copy, or one buffer that the launches behind it may use.
struct Command {
  struct Copy {
    Buffer *from = nullptr, *to = nullptr;
    unsigned long from_offset = 0, to_offset = 0, bytes = 0;
  } copy;
  Pipeline* pipeline = nullptr;
  std::vector<std::byte> args;
  Size grid = {}, threads = {};
  Buffer* buffer = nullptr;
  unsigned long usage = 0;
};

struct Encoder;
struct Queue final : Object {
  std::vector<struct Batch*> committed;   // and not over
  Queue() : Object("MTLCommandQueue") {}
};
struct Batch final : Object {   // a command buffer
  Queue* queue;
  Encoder* open = nullptr;
  bool committed = false, over = false;
  std::vector<std::vector<Command>> encoders;   // the commands of each
  std::string error;
  explicit Batch(Queue*);
  void last_reference_went() override;
  void run();
};
struct Encoder final : Object {
  Batch* batch;
  std::vector<Command> commands;
  Pipeline* pipeline = nullptr;
  std::vector<std::byte> args;
  bool ended = false;
  Encoder(Batch*, const char* class_name);
  void last_reference_went() override;
};

// Runs one launch on the emulator; throws std::logic_error with what the kernel did wrong.
void run_launch(const Command&);
// Remembers which buffers there are and were, so that a wrong address can be explained.
void remember(const Buffer*, const std::byte* begin, std::size_t bytes);

}   // namespace glass::stand_in
