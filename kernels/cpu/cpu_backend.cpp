#include "kernels/cpu/cpu_backend.h"

#include <stdexcept>

namespace glass {

// Defined by kernels/cpu/isa/cpu.cpp, once per instruction set.
namespace scalar {
Backend* make_cpu(int threads);
}
namespace avx2 {
Backend* make_cpu(int threads);
}
namespace avx512 {
Backend* make_cpu(int threads);
}
namespace neon {
Backend* make_cpu(int threads);
}

namespace {

struct Built {
  const char* name;
  bool usable;
  Backend* (*make)(int threads);
};

#ifdef GLASS_HAS_avx2
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif
#ifdef GLASS_HAS_avx512
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

// Best first.
std::vector<Built> built() {
  return {
#ifdef GLASS_HAS_avx512
      {"avx512", has_avx512(), avx512::make_cpu},
#endif
#ifdef GLASS_HAS_avx2
      {"avx2", has_avx2(), avx2::make_cpu},
#endif
#ifdef GLASS_HAS_neon
      {"neon", true, neon::make_cpu},
#endif
      {"scalar", true, scalar::make_cpu},
  };
}

}   // namespace

std::vector<CpuIsa> cpu_isas() {
  std::vector<CpuIsa> isas;
  for (const Built& b : built()) isas.push_back({b.name, b.usable});
  return isas;
}

std::unique_ptr<Backend> make_cpu_backend(const std::string& isa, int threads) {
  std::string usable;
  bool known = false;
  for (const Built& b : built()) {
    known = known || isa == b.name;
    if (!b.usable) continue;
    if (isa == "auto" || isa == b.name) return std::unique_ptr<Backend>(b.make(threads));
    usable += (usable.empty() ? "" : ", ") + std::string(b.name);
  }
  throw std::invalid_argument(
      known ? "this machine cannot run the instruction set " + isa + "; it can run " + usable
            : "there is no instruction set '" + isa + "' here; choose auto, " + usable);
}

}   // namespace glass
