// glass bench steps: one matrix product on a GPU by four kernels, from the obvious one to matrix
// units (kernels/gpu/matmul_steps.h).
#include <vector>

#include "engine/base/text.h"
#include "tools/bench.h"
#include "tools/terminal.h"

#ifdef GLASS_HAS_emulator
#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/matmul_steps.h"
#endif

namespace glass {
namespace {

struct Row {
  std::string kernel;
  Timing time;
  double gflops;
};

#ifdef GLASS_HAS_emulator
std::vector<Row> measure_steps(Backend& backend, std::int64_t size) {
  auto* const gpu = dynamic_cast<GpuBackend*>(&backend);
  if (!gpu) throw UsageError("these kernels are of GPUs: choose --device emulator, cuda or metal");
  Operands operands(backend);
  const View c = operands.numbers({size, size}), a = operands.numbers({size, size}, DType::bf16),
             b = operands.numbers({size, size}, DType::bf16);
  std::vector<Row> rows;
  for (int step = 1; step <= gpu::kMatmulSteps; ++step) {
    const Timing time = time_it([&] { gpu::start_matmul_step(gpu->device(), step, c, a, b); },
                                [&] { gpu->wait(); });
    const double n = static_cast<double>(size);
    rows.push_back({gpu::name_of_matmul_step(step), time, 2 * n * n * n / (time.ms * 1e6)});
  }
  return rows;
}
#else
std::vector<Row> measure_steps(Backend&, std::int64_t) {
  throw UsageError("this program was built without GPUs");
}
#endif

void print_text(const std::vector<Row>& rows, const std::string& device, std::int64_t size) {
  print(ink(Ink::bold,
            format("C = A B, %lld x %lld in bf16, on ", static_cast<long long>(size),
                   static_cast<long long>(size)) +
                device,
            stdout) +
        "\n");
  print(ink(Ink::dim,
            format("  %-22s %10s %10s %14s\n", "kernel", "ms", "GFLOP/s", "times as fast"),
            stdout));
  for (const Row& row : rows)
    print(format("  %-22s %10.3f %10.1f %14.1f\n", row.kernel.c_str(), row.time.ms, row.gflops,
                 rows.front().time.ms / row.time.ms));
}

void print_json(const std::vector<Row>& rows, const std::string& device, std::int64_t size) {
  Json json;
  json.object().field("device", device).field("size", size).key("rows").array();
  for (const Row& row : rows) {
    json.object().field("name", row.kernel).field("ms", row.time.ms).field("gflops", row.gflops);
    json.field("times_as_fast", rows.front().time.ms / row.time.ms).end();
  }
  print(json.end().end().text() + "\n");
}

ExitCode run(const Arguments& args) {
  const Machine machine = open_machine(args);
  const std::int64_t size = args.integer("size");
  const std::vector<Row> rows = measure_steps(*machine.backend, size);
  if (args.flag("json")) print_json(rows, machine.device, size);
  else print_text(rows, machine.device, size);
  return ExitCode::ok;
}

// clang-format off
const Option kOptions[] = {
    {.name = "size", .type = Type::integer, .value = "N", .fallback = "128", .min = 1, .max = 32768, .help = "matrices of N by N; a GPU has enough to do from 4096 on", .group = "What to measure"},
};
const Example kExamples[] = {
    {"glass bench steps --device emulator", "what each step brings, thread by thread on this processor"},
    {"glass bench steps --device cuda --size 4096", "on an NVIDIA GPU"},
};
// clang-format on

}   // namespace

extern const Command kBenchSteps = {
    .name = "steps",
    .summary = "one matrix product by four GPU kernels",
    .about =
        "From the obvious kernel to matrix units; kernels/README.md says why each step is faster.",
    .examples = kExamples,
    .options = kOptions,
    .run = run};

}   // namespace glass
