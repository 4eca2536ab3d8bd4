#include "tools/device_peak.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace glass {
namespace {

// From the makers' data sheets. NVIDIA's numbers for consumer chips are those with sums in f32; an
// Apple GPU multiplies bf16 at the rate of f32 up to the M4. Where one name is part of another, the
// longer one comes first.
// clang-format off
const Chip kChips[] = {
    //  name            bf16      f32     GB/s
    {"B200",          2250,     75,    8000},
    {"GH200",          989,     67,    4000},
    {"H200",           989,     67,    4800},
    {"H100 PCIe",      756,     51,    2000},
    {"H100 NVL",       835,     60,    3900},
    {"H100",           989,     67,    3350},
    {"A100-SXM4-80GB", 312,     19.5,  2039},
    {"A100 80GB PCIe", 312,     19.5,  1935},
    {"A100",           312,     19.5,  1555},
    {"A10G",            70,     31.2,   600},
    {"L40S",           362,     91.6,   864},
    {"L4",             121,     30.3,   300},
    {"RTX 5090",       209.5,  104.8,  1792},
    {"RTX 4090",       165.2,   82.6,  1008},
    {"RTX 3090",        71,     35.6,   936},
    {"M4 Max",          18.4,   18.4,   546},
    {"M3 Max",          14.1,   14.1,   400},
    {"M2 Max",          13.6,   13.6,   400},
    {"M2 Pro",           6.8,    6.8,   200},
    {"M1 Max",          10.4,   10.4,   400},
    {"M1 Pro",           5.2,    5.2,   200},
    {"Apple M1",         2.6,    2.6,    68},
};
// clang-format on

double product_gflops(Backend& backend, DType dtype, std::int64_t size) {
  const BenchCase product = product_cases(size, size, size, dtype).front();
  Operands operands(backend);
  const Timing time = time_it(product.prepare(operands), [&] { backend.wait(); });
  return product.flops / time.ms * 1e-6;
}

double copy_gbps(Backend& backend, std::int64_t size) {
  Operands operands(backend);
  const View from = operands.numbers({size, size}), to = operands.numbers({size, size});
  const Timing time = time_it([&] { backend.copy({to, false}, from); }, [&] { backend.wait(); });
  return 2 * 4 * std::pow(static_cast<double>(size), 2) / time.ms * 1e-6;
}

}   // namespace

const Chip* known_chip(std::string_view device) {
  const auto found = std::find_if(std::begin(kChips), std::end(kChips), [&](const Chip& chip) {
    return device.find(chip.name) != std::string_view::npos;
  });
  return found == std::end(kChips) ? nullptr : found;
}

bool is_gpu(const Machine& machine) {
  return machine.device == "cuda" || machine.device == "metal";
}

Peak device_peak(Backend& backend, DType dtype, std::int64_t size) {
  Peak peak;
  peak.device = backend.name();
  peak.product_size = size;
  peak.product_gflops = product_gflops(backend, dtype, size);
  peak.copy_gbps = copy_gbps(backend, size);
  const Chip* chip = known_chip(peak.device);
  peak.published = chip != nullptr;
  if (chip) {
    peak.bf16_gflops = 1e3 * chip->bf16_tflops;
    peak.gflops = dtype == DType::bf16 ? peak.bf16_gflops : 1e3 * chip->f32_tflops;
    peak.read_gbps = chip->gbps;
  } else {
    peak.gflops = peak.product_gflops;
    peak.read_gbps = peak.copy_gbps;
  }
  return peak;
}

Peak peak_of(const Machine& machine) {
  if (is_gpu(machine)) return device_peak(*machine.backend, machine.dtype);
  return with_type(measure_peak(isa_of(machine), machine.threads), machine.dtype);
}

}   // namespace glass
