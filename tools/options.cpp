// The tables lie one behind the other, so that "fewer shared options" is simply a later start.
#include "tools/options.h"

namespace glass {
namespace {

// A debug build computes on one thread unless asked: who steps through a kernel wants to meet it once.
#ifdef GLASS_DEBUG_BUILD
constexpr std::string_view kThreads = "1";
#else
constexpr std::string_view kThreads = "0";
#endif

// Checkpoints say numbers in JSON, where whole ones are exact up to here.
constexpr double kLargestSeed = 9007199254740992;   // 2^53

// clang-format off
const Option kShared[] = {
    {.name = "device",  .type = Type::choice, .fallback = "auto", .choices = "auto|cpu|reference|emulator|cuda|metal",
     .means = "mps=metal cuda:0=cuda", .help = "what computes; reference is the slow, obvious definition of right, cuda is an NVIDIA GPU, metal one of Apple, emulator runs GPU kernels thread by thread",
     .group = "Where it runs"},
    {.name = "isa",     .type = Type::choice, .fallback = "auto", .choices = "auto|scalar|avx2|avx512|neon",
     .help = "instruction set of the cpu device; auto takes the widest this machine has", .group = "Where it runs"},
    {.name = "threads", .type = Type::integer, .value = "N", .fallback = kThreads, .min = 0, .max = 1024,
     .help = "threads to compute with; 0: one for each physical core. The results are the same for any number", .group = "Where it runs"},
    {.name = "dtype",   .type = Type::choice, .fallback = "f32", .choices = "f32|bf16|f64",
     .means = "float32=f32 float64=f64 float16=bf16 bfloat16=bf16",
     .help = "numbers to compute in; bf16 for the factors of matrix products, the rest in f32; f64 takes the reference device", .group = "Where it runs"},
    {.name = "seed",    .type = Type::integer, .value = "N", .fallback = "1337", .min = 0, .max = kLargestSeed,
     .help = "where the random numbers start; the same seed gives the same results", .group = "Where it runs"},
    {.name = "json",    .type = Type::flag, .help = "print one JSON object instead of text", .group = "Output"},
    {.name = "help",    .type = Type::flag, .help = "show this and stop", .also = "h", .group = "Output"},
};
// clang-format on

}   // namespace

std::span<const Option> shared_options(Shared which) {
  const std::span<const Option> all = kShared;
  switch (which) {
    case Shared::compute:
      return all;
    case Shared::output:
      return all.last(2);
    case Shared::none:
      return all.last(1);
  }
  return all;
}

}   // namespace glass
