// glass info: what this program is, what it can compute on, and what this machine can do at best.
// The text and the JSON are two views of the same struct.
#include <sys/utsname.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "engine/tensor.h"
#include "kernels/cpu/peak.h"
#include "kernels/cpu/team.h"
#include "tools/build_info.h"
#include "tools/device_peak.h"
#include "tools/machine.h"
#include "tools/terminal.h"

namespace glass {
namespace {

struct Info {
  std::string version, build, compiler, sanitizer;
  std::string system, processor;
  int physical_cores = 0, logical_cores = 0;
  double memory_bytes = 0;
  std::vector<std::string> features;
  std::vector<DeviceInfo> devices;
  std::vector<MissingDevice> missing;
  Machine machine;
  Peak peak;   // of what was chosen to compute
};

std::string operating_system() {
  utsname name{};
  if (::uname(&name) != 0) return "unknown";
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

// The text behind "model name : " in /proc/cpuinfo, or what macOS calls its processor.
std::string processor_name() {
#ifdef __APPLE__
  char brand[256] = {};
  std::size_t size = sizeof brand - 1;
  if (::sysctlbyname("machdep.cpu.brand_string", brand, &size, nullptr, 0) == 0) return brand;
#else
  if (std::FILE* file = std::fopen("/proc/cpuinfo", "r")) {
    char line[512];
    std::string name;
    while (name.empty() && std::fgets(line, sizeof line, file)) {
      const std::string text = line;
      const std::size_t colon = text.find(": ");
      if (text.compare(0, 10, "model name") == 0 && colon != std::string::npos)
        name = text.substr(colon + 2, text.size() - colon - 3);
    }
    std::fclose(file);
    if (!name.empty()) return name;
  }
#endif
  return "unknown";
}

// What matters to arithmetic, of what the processor says it can do.
std::vector<std::string> processor_features() {
  std::vector<std::string> out;
#if defined(__x86_64__)
  // clang-format off
  if (__builtin_cpu_supports("sse4.2"))     out.emplace_back("sse4.2");
  if (__builtin_cpu_supports("avx"))        out.emplace_back("avx");
  if (__builtin_cpu_supports("avx2"))       out.emplace_back("avx2");
  if (__builtin_cpu_supports("fma"))        out.emplace_back("fma");
  if (__builtin_cpu_supports("avx512f"))    out.emplace_back("avx512f");
  if (__builtin_cpu_supports("avx512dq"))   out.emplace_back("avx512dq");
  if (__builtin_cpu_supports("avx512bw"))   out.emplace_back("avx512bw");
  if (__builtin_cpu_supports("avx512vl"))   out.emplace_back("avx512vl");
  if (__builtin_cpu_supports("avx512vnni")) out.emplace_back("avx512vnni");
  if (__builtin_cpu_supports("avx512bf16")) out.emplace_back("avx512bf16");
    // clang-format on
#elif defined(__aarch64__)
  out.emplace_back("neon");
#endif
  return out;
}

double physical_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? static_cast<double>(pages) * static_cast<double>(size) : 0;
}

// Of a processor its instructions and its memory, of a GPU what runs on it.
Peak measure(const Machine& machine) {
  if (is_gpu(machine)) return device_peak(*machine.backend, machine.dtype);
  const Bandwidth memory = memory_bandwidth(machine.threads);
  Peak peak;
  peak.isa = isa_of(machine), peak.threads = machine.threads;
  peak.gflops = peak_gflops(peak.isa, peak.threads);
  peak.read_gbps = memory.read, peak.copy_gbps = memory.copy;
  return peak;
}

Info gather(const Arguments& args) {
  Info info;
  info.machine = open_machine(args);
  info.version = build_version();
  info.build = build_type();
  info.compiler = build_compiler();
  info.sanitizer = build_sanitizer();
  info.system = operating_system();
  info.processor = processor_name();
  info.physical_cores = usable_cores();
  info.logical_cores = static_cast<int>(std::thread::hardware_concurrency());
  info.memory_bytes = physical_memory();
  info.features = processor_features();
  info.devices = list_devices();
  info.missing = missing_devices();
  info.peak = measure(info.machine);
  return info;
}

void print_json(const Info& info) {
  Json json;
  json.object();
  json.field("version", info.version).field("build", info.build).field("compiler", info.compiler);
  json.field("sanitizer", info.sanitizer)
      .field("system", info.system)
      .field("processor", info.processor);
  json.field("physical_cores", info.physical_cores).field("logical_cores", info.logical_cores);
  json.field("memory_bytes", info.memory_bytes).field("features", info.features);
  json.field("device", info.machine.device)
      .field("isa", info.machine.isa)
      .field("threads", info.machine.threads);
  json.key("devices").array();
  for (const DeviceInfo& device : info.devices) {
    json.object()
        .field("name", device.name)
        .field("description", device.description)
        .field("isas", device.isas)
        .end();
  }
  json.end();
  json.key("missing").array();
  for (const MissingDevice& device : info.missing)
    json.object().field("name", device.name).field("why", device.why).end();
  json.end();
  if (is_gpu(info.machine)) {
    json.field("peak_gflops", info.peak.product_gflops);
    json.field("peak_gbps", info.peak.copy_gbps).field("copy_gbps", info.peak.copy_gbps);
  } else {
    json.field("peak_gflops", info.peak.gflops).field("peak_gbps", memory_gbps(info.peak));
    json.field("read_gbps", info.peak.read_gbps).field("copy_gbps", info.peak.copy_gbps);
  }
  json.end();
  print(json.text() + "\n");
}

void print_row(std::string_view name, std::string_view value) {
  const std::string pad(name.size() < 16 ? 16 - name.size() : 1, ' ');
  print("  " + ink(Ink::cyan, name, stdout) + pad + std::string(value) + "\n");
}

void print_measured(const Info& info) {
  const Peak& peak = info.peak;
  print("\n" + ink(Ink::bold, "Measured now", stdout) + "\n");
  if (is_gpu(info.machine)) {
    const long long n = peak.product_size;
    print_row("arithmetic", format("%.0f GFLOP/s, a product of %lld x %lld matrices in %s",
                                   peak.product_gflops, n, n, name_of(info.machine.dtype)));
    print_row("memory", format("%.1f GB/s copied", peak.copy_gbps));
    return;
  }
  print_row("arithmetic", format("%.0f GFLOP/s, %s multiply-adds on %d thread%s", peak.gflops,
                                 peak.isa.c_str(), peak.threads, peak.threads == 1 ? "" : "s"));
  print_row("memory", format("%.1f GB/s read, %.1f GB/s copied", peak.read_gbps, peak.copy_gbps));
}

void print_text(const Info& info) {
  const std::string checked =
      info.sanitizer.empty() ? "" : ", checked by the " + info.sanitizer + " sanitizer";
  print(ink(Ink::bold, "glass " + info.version, stdout) + "  " + info.build + ", " + info.compiler +
        checked + "\n");
  print("\n" + ink(Ink::bold, "Machine", stdout) + "\n");
  print_row("processor", info.processor);
  print_row("cores", std::to_string(info.physical_cores) + " physical, " +
                         std::to_string(info.logical_cores) + " logical");
  print_row("memory", human_bytes(info.memory_bytes));
  print_row("features", join(info.features, " "));
  print_row("system", info.system);
  print("\n" + ink(Ink::bold, "Devices", stdout) + "\n");
  for (const DeviceInfo& device : info.devices) {
    const std::string isas = device.isas.empty() ? "" : " (" + join(device.isas, ", ") + ")";
    print_row(device.name, device.description + isas);
  }
  for (const MissingDevice& device : info.missing)
    print_row(device.name, "not here: " + device.why);
  print_row("chosen here", info.machine.backend->name());
  print_measured(info);
}

const Example kExamples[] = {{"glass info", "what this machine can do"},
                             {"glass info --json --isa avx2", "the same for scripts"}};

ExitCode run(const Arguments& args) {
  const Info info = gather(args);
  if (args.flag("json")) print_json(info);
  else print_text(info);
  return ExitCode::ok;
}

}   // namespace

extern const Command kInfo = {.name = "info",
                              .summary = "this build, this machine, and what it can do at best",
                              .examples = kExamples,
                              .run = run};

}   // namespace glass
