// Metal, as far as kernels/metal uses it. Nothing runs before somebody waits for it, and then it
// sees what useResource named and nothing else: a program that is only lucky on a real GPU fails
// here.
#include "tests/gpu/metal/stand_in/gpu.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace glass::stand_in {
namespace {

constexpr unsigned long kWarp = 32, kMostThreads = 1024, kMostArgumentBytes = 4096;
constexpr unsigned long kReading = 1, kWriting = 2, kMetal3 = 3ul << 16;

struct Gpu final : Object {
  Gpu() : Object("MTLDevice") {}
};

std::string count(unsigned long n) { return std::to_string(n); }

Id compile(String* text, Options* options, Id* error) {
  const CompileOptions chosen = options ? options->values : CompileOptions();
  if (chosen.language < kMetal3) mistake("addresses of buffers inside of arguments need Metal 3.0");
  try {
    const Program program(text->text, chosen);
    return new Library(program);
  } catch (const std::runtime_error& refusal) {
    if (error) *error = autorelease(new Error(refusal.what()));
    return nullptr;
  }
}

// Whether the encoder still takes commands.
bool takes(Encoder* e, const char* command) {
  if (e->ended) mistake(std::string(command) + " after endEncoding");
  return !e->ended;
}

void set_args(Encoder* e, const void* args, unsigned long bytes, unsigned long index) {
  if (!takes(e, "setBytes")) return;
  if (index != 0)
    return mistake("setBytes: the kernels have one argument, number 0, not " + count(index));
  if (bytes == 0 || bytes > kMostArgumentBytes)
    return mistake("setBytes takes 1 to 4096 bytes, not " + count(bytes));
  const std::byte* first = static_cast<const std::byte*>(args);
  e->args.assign(first, first + bytes);
}

void use(Encoder* e, Buffer* buffer, unsigned long usage) {
  if (!takes(e, "useResource")) return;
  retain(buffer);
  Command c;
  c.buffer = buffer;
  c.usage = usage;
  e->commands.push_back(std::move(c));
}

void dispatch(Encoder* e, Size grid, Size threads) {
  if (!takes(e, "dispatchThreadgroups")) return;
  if (!e->pipeline) return mistake("dispatchThreadgroups without a pipeline");
  if (e->args.empty()) return mistake("dispatchThreadgroups without arguments");
  const unsigned long wanted = threads.width * threads.height * threads.depth,
                      most = e->pipeline->function->entry->most_threads;
  if (wanted == 0 || wanted > most || wanted % kWarp != 0)
    return mistake("dispatchThreadgroups: groups of " + count(wanted) +
                   " threads, where the kernel has at most " + count(most) + ", in warps of 32");
  if (grid.width == 0 || grid.height == 0 || grid.depth == 0)
    return mistake("dispatchThreadgroups: no groups at all");
  retain(e->pipeline);
  Command c;
  c.pipeline = e->pipeline;
  c.args = e->args;
  c.grid = grid;
  c.threads = threads;
  e->commands.push_back(std::move(c));
}

// What is copied is what stands there when its turn comes, not what stands there now.
void copy(Encoder* e, Command::Copy copy) {
  if (!takes(e, "copyFromBuffer")) return;
  if (copy.from_offset % 4 != 0 || copy.to_offset % 4 != 0 || copy.bytes % 4 != 0)
    return mistake("copyFromBuffer begins and ends at multiples of 4 bytes");
  if (copy.bytes == 0 || copy.from_offset + copy.bytes > copy.from->bytes ||
      copy.to_offset + copy.bytes > copy.to->bytes)
    return mistake("copyFromBuffer: " + count(copy.bytes) + " bytes are not inside of the buffers");
  retain(copy.from);
  retain(copy.to);
  Command c;
  c.copy = copy;
  e->commands.push_back(std::move(c));
}

void run_copy(const Command::Copy& c) {
  std::memmove(c.to->pages->processor() + c.to_offset, c.from->pages->processor() + c.from_offset,
               c.bytes);
}

void commit(Batch* b) {
  if (b->open) mistake("commit while an encoder is open");
  if (b->committed) return mistake("commit of a command buffer that was committed");
  b->committed = true;
  retain(b);   // by the queue, until it is over
  b->queue->committed.push_back(b);
}

// A queue runs command buffers in the order in which they were committed.
void wait_for(Batch* b) {
  if (!b->committed)
    return mistake("waiting for a command buffer that was not committed: it would be for ever");
  std::vector<Batch*>& line = b->queue->committed;
  while (!b->over) {
    Batch* const first = line.front();
    line.erase(line.begin());
    first->run();
    release(first);
  }
}

Encoder* begin_encoder(Batch* b, const char* class_name) {
  if (b->open) mistake("a second encoder while one is open");
  if (b->committed) mistake("an encoder for a command buffer that was committed");
  b->open = new Encoder(b, class_name);
  autorelease(b->open);
  return b->open;
}

void end_encoding(Encoder* e) {
  if (!takes(e, "endEncoding")) return;
  e->ended = true;
  e->batch->open = nullptr;
  e->batch->encoders.push_back(std::move(e->commands));
}

Id new_buffer(unsigned long bytes) {
  const bool fits = bytes > 0 && books().buffer_bytes + bytes <= books().memory_bytes;
  return fits ? new Buffer(bytes) : nullptr;
}

void define_gpu() {
  method("MTLDevice", "name",
         [](Id, Selector) { return autorelease(new String("stand-in for an Apple GPU")); });
  method("MTLDevice", "supportsFamily:", [](Id, Selector, unsigned long family) {
    return family >= 5000 ? family <= books().family_metal : family <= books().family_apple;
  });
  method("MTLDevice", "recommendedMaxWorkingSetSize",
         [](Id, Selector) -> std::uint64_t { return books().memory_bytes; });
  method("MTLDevice", "maxBufferLength",
         [](Id, Selector) -> unsigned long { return books().memory_bytes / 2; });
  method("MTLDevice", "newCommandQueue", [](Id, Selector) -> Id { return new Queue; });
  method("MTLDevice", "newBufferWithLength:options:",
         [](Id, Selector, unsigned long bytes, unsigned long) { return new_buffer(bytes); });
  method("MTLDevice", "newLibraryWithSource:options:error:",
         [](Id, Selector, String* text, Options* options, Id* error) {
           return compile(text, options, error);
         });
  method("MTLDevice", "newComputePipelineStateWithFunction:error:",
         [](Id, Selector, KernelFunction* f, Id*) -> Id { return new Pipeline(f); });
  method("MTLBuffer", "contents",
         [](Buffer* b, Selector) -> void* { return b->pages->processor(); });
  method("MTLBuffer", "gpuAddress",
         [](Buffer* b, Selector) { return reinterpret_cast<std::uint64_t>(b->pages->kernels()); });
}

void define_programs() {
  method("MTLCompileOptions class", "new", [](Id, Selector) -> Id { return new Options; });
  method("MTLCompileOptions", "setFastMathEnabled:", [](Options* o, Selector, bool fast) {
    o->values.fast_math = fast;
  });
  method("MTLCompileOptions", "setLanguageVersion:",
         [](Options* o, Selector, unsigned long version) { o->values.language = version; });
  method("MTLLibrary", "newFunctionWithName:", [](Library* l, Selector, String* name) -> Id {
    const Entry* entry = l->program.find(name->text);
    return entry ? new KernelFunction(l, entry) : nullptr;
  });
  method("MTLComputePipelineState", "threadExecutionWidth", [](Id, Selector) { return kWarp; });
  method("MTLComputePipelineState", "maxTotalThreadsPerThreadgroup", [](Pipeline* p, Selector) {
    return std::min<unsigned long>(p->function->entry->most_threads, kMostThreads);
  });
}

void define_work() {
  method("MTLCommandQueue", "commandBuffer",
         [](Queue* q, Selector) { return autorelease(new Batch(q)); });
  method("MTLCommandBuffer", "computeCommandEncoder",
         [](Batch* b, Selector) { return begin_encoder(b, "MTLComputeCommandEncoder"); });
  method("MTLCommandBuffer", "blitCommandEncoder",
         [](Batch* b, Selector) { return begin_encoder(b, "MTLBlitCommandEncoder"); });
  method("MTLBlitCommandEncoder", "copyFromBuffer:sourceOffset:toBuffer:destinationOffset:size:",
         [](Encoder* e, Selector, Buffer* from, unsigned long from_offset, Buffer* to,
            unsigned long to_offset, unsigned long bytes) {
           copy(e, {from, to, from_offset, to_offset, bytes});
         });
  method("MTLBlitCommandEncoder", "endEncoding", [](Encoder* e, Selector) { end_encoding(e); });
  method("MTLCommandBuffer", "commit", [](Batch* b, Selector) { commit(b); });
  method("MTLCommandBuffer", "waitUntilCompleted", [](Batch* b, Selector) { wait_for(b); });
  method("MTLCommandBuffer", "error", [](Batch* b, Selector) -> Id {
    return b->error.empty() ? nullptr : autorelease(new Error(b->error));
  });
  const char* const encoder = "MTLComputeCommandEncoder";
  method(encoder, "setComputePipelineState:", [](Encoder* e, Selector, Pipeline* p) {
    if (takes(e, "setComputePipelineState")) e->pipeline = p;
  });
  method(encoder, "setBytes:length:atIndex:",
         [](Encoder* e, Selector, const void* args, unsigned long bytes, unsigned long index) {
           set_args(e, args, bytes, index);
         });
  method(encoder, "useResource:usage:", [](Encoder* e, Selector, Buffer* b, unsigned long usage) {
    use(e, b, usage);
  });
  method(encoder, "dispatchThreadgroups:threadsPerThreadgroup:",
         [](Encoder* e, Selector, Size grid, Size threads) { dispatch(e, grid, threads); });
  method(encoder, "endEncoding", [](Encoder* e, Selector) { end_encoding(e); });
}

}   // namespace

Buffer::Buffer(std::size_t n) : Object("MTLBuffer"), bytes(n), pages(std::make_unique<Pages>(n)) {
  std::memset(pages->processor(), 0xff, n);   // nobody promised zeros
  remember(this, pages->kernels(), n);
  books().buffer_bytes += n;
}
void Buffer::last_reference_went() {
  pages.reset();
  books().buffer_bytes -= bytes;
}

KernelFunction::KernelFunction(Library* l, const Entry* e)
    : Object("MTLFunction"), library(l), entry(e) {
  retain(l);
}
Pipeline::Pipeline(KernelFunction* f) : Object("MTLComputePipelineState"), function(f) {
  retain(f);
}
Batch::Batch(Queue* q) : Object("MTLCommandBuffer"), queue(q) { retain(q); }
Encoder::Encoder(Batch* b, const char* class_name) : Object(class_name), batch(b) { retain(b); }

void Encoder::last_reference_went() {
  if (!ended) {
    mistake("an encoder went away before endEncoding, where Metal ends the program");
    batch->open = nullptr;
  }
  release(batch);
}

void Batch::last_reference_went() {
  if (!committed && !encoders.empty()) mistake("a command buffer with work was never committed");
  for (std::vector<Command>& commands : encoders)
    for (Command& c : commands) {
      release(c.pipeline);
      release(c.buffer);
      release(c.copy.from);
      release(c.copy.to);
    }
  release(queue);
}

void Batch::run() {
  over = true;
  for (const std::vector<Command>& commands : encoders) {
    try {
      for (const Command& c : commands) {
        if (c.buffer) c.buffer->pages->allow(c.usage & kReading, c.usage & kWriting);
        if (c.pipeline && error.empty()) run_launch(c);
        if (c.copy.from && error.empty()) run_copy(c.copy);
      }
    } catch (const std::logic_error& mistaken) { error = mistaken.what(); }
    for (const Command& c : commands)
      if (c.buffer) c.buffer->pages->allow(false, false);
  }
}

void define_metal() {
  define_gpu();
  define_programs();
  define_work();
}

}   // namespace glass::stand_in

extern "C" __attribute__((visibility("default"))) glass::stand_in::Id
MTLCreateSystemDefaultDevice() {
  using namespace glass::stand_in;
  define_classes();
  return books().has_gpu ? new Gpu : nullptr;
}
