// glass bench peak: what this machine can do at best, measured: multiply-adds from registers, and
// bytes from every level of its memory.
#include <vector>

#include "engine/base/text.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/peak.h"
#include "tools/bench.h"
#include "tools/terminal.h"

namespace glass {
namespace {

// With one number of threads.
struct Column {
  std::vector<Peak> peaks;   // one for each instruction set; the first one also says the memory
  std::vector<CacheRead> caches;
};

std::vector<std::string> isas_of(const Machine& machine, const Arguments& args) {
  if (args.text("isa") != "auto") return {isa_of(machine)};
  std::vector<std::string> all;
  for (const CpuIsa& isa : cpu_isas()) {
    if (isa.usable) all.emplace_back(isa.name);
  }
  return all;
}

Column column(const std::vector<std::string>& isas, int threads) {
  Column c;
  c.peaks.push_back(measure_peak(isas.front(), threads));
  for (std::size_t i = 1; i < isas.size(); ++i)
    c.peaks.push_back(with_isa(c.peaks.front(), isas[i]));
  c.caches = cache_bandwidth(threads);
  return c;
}

// One line of the table: a number for each column.
template <class Of>
void print_line(const std::string& name, const char* unit, const std::vector<Column>& columns,
                const Of& of) {
  std::string text = "  " + ink(Ink::cyan, format("%-26s", name.c_str()), stdout);
  for (const Column& c : columns) {
    const double value = of(c);
    text += format("%12s", value > 0 ? format("%.1f", value).c_str() : "-");
  }
  print(text + "  " + unit + "\n");
}

void print_text(const std::vector<Column>& columns) {
  const Column& first = columns.front();
  std::string heading = format("%-28s", "This machine");
  for (const Column& c : columns) {
    const int threads = c.peaks.front().threads;
    heading += format("%4d thread%s", threads, threads == 1 ? " " : "s");
  }
  print(ink(Ink::bold, heading, stdout) + "\n");
  for (std::size_t i = 0; i < first.peaks.size(); ++i) {
    print_line("multiply-adds, " + first.peaks[i].isa, "GFLOP/s", columns,
               [i](const Column& c) { return c.peaks[i].gflops; });
  }
  print_line("dot products of bf16", "GFLOP/s", columns,
             [](const Column& c) { return c.peaks.front().bf16_gflops; });
  print_line("dot products of int8", "GOP/s", columns,
             [](const Column& c) { return c.peaks.front().int8_gops; });
  for (std::size_t i = 0; i < first.caches.size(); ++i) {
    print_line("read, " + first.caches[i].name, "GB/s", columns,
               [i](const Column& c) { return c.caches[i].gbps; });
  }
  print_line("read, memory", "GB/s", columns,
             [](const Column& c) { return c.peaks.front().read_gbps; });
  print_line("copy, memory", "GB/s", columns,
             [](const Column& c) { return c.peaks.front().copy_gbps; });
}

void print_json(const std::vector<Column>& columns) {
  const Peak& best = columns.back().peaks.front();
  Json json;
  json.object().field("peak_gflops", best.gflops).field("peak_gbps", best.read_gbps);
  json.key("rows").array();
  for (const Column& c : columns) {
    for (const Peak& peak : c.peaks) write_peak(json, peak);
  }
  json.end().key("caches").array();
  for (const Column& c : columns) {
    for (const CacheRead& cache : c.caches) {
      json.object()
          .field("level", cache.name)
          .field("threads", c.peaks.front().threads)
          .field("bytes", cache.bytes)
          .field("read_gbps", cache.gbps)
          .end();
    }
  }
  print(json.end().end().text() + "\n");
}

ExitCode run(const Arguments& args) {
  const Machine machine = open_machine(args);
  const std::vector<std::string> isas = isas_of(machine, args);
  std::vector<Column> columns = {column(isas, 1)};
  if (machine.threads > 1) columns.push_back(column(isas, machine.threads));
  if (args.flag("json")) print_json(columns);
  else print_text(columns);
  return ExitCode::ok;
}

// clang-format off
const Example kExamples[] = {{"glass bench peak", "multiply-adds, caches and memory, one thread and all"}};
// clang-format on

}   // namespace

extern const Command kBenchPeak = {
    .name = "peak",
    .summary = "what this machine can do at best",
    .about =
        "Multiply-adds from registers with each instruction set, dot products of short "
        "numbers where the processor has them, and reading from half of each cache and from "
        "memory.",
    .examples = kExamples,
    .run = run};

}   // namespace glass
