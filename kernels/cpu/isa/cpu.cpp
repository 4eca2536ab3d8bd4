#include "kernels/cpu/isa/cpu.h"

namespace glass::GLASS_ISA {

// The macro's value as text: "avx2".
#define GLASS_TEXT(name) #name
#define GLASS_TEXT_OF(name) GLASS_TEXT(name)

Cpu::Cpu(int threads) : CpuBase(GLASS_TEXT_OF(GLASS_ISA), threads) {}

Backend* make_cpu(int threads);
Backend* make_cpu(int threads) { return new Cpu(threads); }

}   // namespace glass::GLASS_ISA
