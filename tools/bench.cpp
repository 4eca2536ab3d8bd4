// glass bench: how fast every kernel is, beside how fast this machine could be at all.
#include "tools/bench.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <iterator>
#include <stdexcept>

#include "engine/base/text.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/peak.h"
#include "tools/device_peak.h"
#include "tools/machine.h"
#include "tools/terminal.h"

namespace glass {

extern const Command kBenchPeak;     // bench_peak.cpp
extern const Command kBenchDecode;   // bench_decode.cpp
extern const Command kBenchGrow;     // bench_grow.cpp
extern const Command kBenchMicro;    // bench_micro.cpp
extern const Command kBenchSteps;    // bench_steps.cpp
extern const Command kBenchTokenizer;   // bench_tokenizer.cpp
extern const Command kBenchTrain;    // bench_train.cpp

// Measuring

Peak measure_peak(const std::string& isa, int threads) {
  const Bandwidth memory = memory_bandwidth(threads);
  Peak peak;
  peak.threads = threads, peak.read_gbps = memory.read, peak.copy_gbps = memory.copy;
  return with_isa(peak, isa);
}
Peak with_isa(Peak peak, const std::string& isa) {
  peak.isa = isa, peak.gflops = peak_gflops(isa, peak.threads);
  peak.bf16_gflops = peak_dot_gflops(isa, ShortDot::bf16, peak.threads);
  peak.int8_gops = peak_dot_gflops(isa, ShortDot::int8, peak.threads);
  return peak;
}

Peak with_type(Peak peak, DType dtype) {
  if (dtype == DType::bf16 && peak.bf16_gflops > 0) peak.gflops = peak.bf16_gflops;
  return peak;
}
double memory_gbps(const Peak& peak) { return std::max(peak.read_gbps, peak.copy_gbps); }

std::string isa_of(const Machine& machine) {
  if (!machine.isa.empty()) return machine.isa;
  for (const CpuIsa& isa : cpu_isas()) {
    if (isa.usable) return isa.name;
  }
  return "scalar";
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

Timing time_it(const std::function<void()>& call, const std::function<void()>& finish) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [&](std::int64_t repeats) {
    const Clock::time_point start = Clock::now();
    for (std::int64_t i = 0; i < repeats; ++i) call();
    finish();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  seconds(1);   // pages, caches and threads come into being
  std::int64_t repeats = 1;
  while (seconds(repeats) < 2e-4 && repeats < (1 << 20)) repeats *= 2;
  std::vector<double> runs;
  for (double spent = 0; runs.size() < 5 || (spent < 0.1 && runs.size() < 200);) {
    runs.push_back(seconds(repeats));
    spent += runs.back();
  }
  const double to_ms = 1e3 / static_cast<double>(repeats);
  return {median(runs) * to_ms, *std::min_element(runs.begin(), runs.end()) * to_ms};
}

Operands::~Operands() {
  for (const auto& [data, bytes] : blocks_) backend_.release(data, bytes);
}

View Operands::upload(const Sizes& shape, DType dtype, const std::vector<std::uint32_t>& bits) {
  View v{};
  v.dtype = dtype, v.rank = static_cast<int>(shape.size());
  std::int64_t stride = 1;
  for (int axis = v.rank - 1; axis >= 0; --axis) {
    v.shape[axis] = shape[static_cast<std::size_t>(axis)], v.stride[axis] = stride;
    stride *= v.shape[axis];
  }
  blocks_.emplace_back(backend_.allocate(bits.size() * 4), bits.size() * 4);
  v.data = blocks_.back().first;
  backend_.upload(v.data, bits.data(), bits.size() * 4);
  return v;
}

namespace {

std::size_t elements(const Operands::Sizes& shape) {
  std::size_t n = 1;
  for (const std::int64_t size : shape) n *= static_cast<std::size_t>(size);
  return n;
}
// A number that looks random, from its place: what it is does not matter, only that no two rows are
// alike.
std::uint32_t scrambled(std::size_t i) {
  std::uint32_t x = static_cast<std::uint32_t>(i) * 0x9E3779B9u;
  x ^= x >> 15, x *= 0x85EBCA6Bu, x ^= x >> 13;
  return x;
}

}   // namespace

View Operands::numbers(const Sizes& shape, DType dtype) {
  std::vector<std::uint32_t> bits(elements(shape));
  std::byte* to = reinterpret_cast<std::byte*>(bits.data());
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const float x = static_cast<float>(scrambled(i)) * 0x1p-31f - 1;
    const auto half = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x) >> 16);
    if (dtype == DType::bf16) std::memcpy(to + 2 * i, &half, 2);
    else std::memcpy(to + 4 * i, &x, 4);
  }
  return upload(shape, dtype, bits);
}
View Operands::ids(const Sizes& shape, std::int64_t limit) {
  std::vector<std::uint32_t> bits(elements(shape));
  for (std::size_t i = 0; i < bits.size(); ++i)
    bits[i] = scrambled(i) % static_cast<std::uint32_t>(limit);
  return upload(shape, DType::i32, bits);
}

PackedWeight Operands::packed(PackedType type, std::int64_t N, std::int64_t K) {
  std::vector<float> w(elements({N, K}));
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(scrambled(i)) * 0x1p-31f - 1;
  std::vector<std::byte> bytes(packed_bytes(type, N, K));
  pack(bytes.data(), type, N, K, w.data(), K, 1);
  blocks_.emplace_back(backend_.allocate(bytes.size()), bytes.size());
  backend_.upload(blocks_.back().first, bytes.data(), bytes.size());
  return {blocks_.back().first, type, N, K};
}

BenchRow measure(const BenchCase& one, Backend& backend, const Peak& peak) {
  Operands operands(backend);
  const std::function<void()> call = one.prepare(operands);
  const Timing time = time_it(call, [&] { backend.wait(); });
  const double at_best =
      std::max(one.flops / peak.gflops, one.bytes / memory_gbps(peak)) * 1e-6;   // ms
  return {one.group,
          one.name,
          one.shape,
          peak.isa,
          time,
          one.flops / time.ms * 1e-6,
          one.bytes / time.ms * 1e-6,
          at_best / time.ms};
}

// Telling

namespace {

std::string padded(const std::string& text, std::size_t width) {
  return text.size() < width ? text + std::string(width - text.size(), ' ') : text + " ";
}
std::string padded_left(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : " " + text;
}
std::string time_text(double ms) {
  return ms < 1e-3 ? format("%.0f ns", ms * 1e6)
         : ms < 1  ? format("%.1f us", ms * 1e3)
                   : format("%.2f ms", ms);
}
std::string rate_text(double rate) {
  return rate <= 0 ? "-" : format(rate < 100 ? "%.1f" : "%.0f", rate);
}

std::string bar(double fraction) {
  constexpr int kCells = 20;
  const char* const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * kCells * 8 + 0.5);
  std::string text;
  for (int i = 0; i < filled / 8; ++i) text += "█";
  text += eighths[filled % 8];
  const int cells = filled / 8 + (filled % 8 > 0 ? 1 : 0);
  const Ink colour = fraction >= 0.6 ? Ink::green : fraction >= 0.3 ? Ink::yellow : Ink::red;
  return ink(colour, text, stdout) + std::string(static_cast<std::size_t>(kCells - cells), ' ');
}

void print_heading(const std::string& group, const std::string& columns) {
  print("\n" + ink(Ink::bold, padded(group, 47), stdout) + ink(Ink::dim, columns, stdout) + "\n");
}

}   // namespace

static void print_gpu_peak(const Peak& peak) {
  const char* const whose = peak.published ? "published" : "the product";
  print(ink(Ink::bold, "This GPU", stdout) + "  " + peak.device + "\n");
  print("  " + ink(Ink::cyan, "multiply-adds ", stdout) +
        format("%8.1f TFLOP/s, %s\n", 1e-3 * peak.gflops, whose));
  print("  " + ink(Ink::cyan, "a product     ", stdout) +
        format("%8.1f TFLOP/s, of %lld cubed\n", 1e-3 * peak.product_gflops,
               static_cast<long long>(peak.product_size)));
  print("  " + ink(Ink::cyan, "memory, copy  ", stdout) + format("%8.1f GB/s", peak.copy_gbps) +
        (peak.published ? format(" of %.0f published\n", peak.read_gbps) : "\n"));
}

void print_peak(const Peak& peak) {
  if (!peak.device.empty()) return print_gpu_peak(peak);
  print(ink(Ink::bold, "This machine", stdout) + format("  %s, %d thread%s\n", peak.isa.c_str(),
                                                        peak.threads,
                                                        peak.threads == 1 ? "" : "s"));
  print("  " + ink(Ink::cyan, "multiply-adds ", stdout) + format("%8.1f GFLOP/s\n", peak.gflops));
  print("  " + ink(Ink::cyan, "memory, read  ", stdout) + format("%8.1f GB/s\n", peak.read_gbps));
  print("  " + ink(Ink::cyan, "memory, copy  ", stdout) + format("%8.1f GB/s\n", peak.copy_gbps));
}

void print_row(const BenchRow& row, const BenchRow* before) {
  if (before == nullptr || before->group != row.group) {
    print_heading(row.group, format("%10s%9s%9s   of the nearer limit", "time", "GFLOP/s", "GB/s"));
  }
  print("  " + padded(row.name, 24) + padded(row.shape, 21) +
        padded_left(time_text(row.time.ms), 10) + padded_left(rate_text(row.gflops), 9) +
        padded_left(rate_text(row.gbps), 9) + "   " + bar(row.fraction_of_peak) +
        format("%4.0f %%\n", 100 * row.fraction_of_peak));
  flush_stdout();
}

void print_pair(const BenchRow& a, const BenchRow& b, const BenchRow* before) {
  if (before == nullptr || before->group != a.group) {
    print_heading(a.group,
                  padded_left(a.isa, 10) + padded_left(b.isa, 10) + padded_left("times", 10));
  }
  print("  " + padded(a.name, 24) + padded(a.shape, 21) + padded_left(time_text(a.time.ms), 10) +
        padded_left(time_text(b.time.ms), 10) + format("%9.2fx\n", a.time.ms / b.time.ms));
  flush_stdout();
}

void write_peak(Json& json, const Peak& peak) {
  json.object().field("isa", peak.isa).field("threads", peak.threads).field("gflops", peak.gflops);
  json.field("bf16_gflops", peak.bf16_gflops).field("int8_gops", peak.int8_gops);
  json.field("read_gbps", peak.read_gbps).field("copy_gbps", peak.copy_gbps);
  if (!peak.device.empty()) {
    json.field("device", peak.device).field("published", peak.published);
    json.field("product_gflops", peak.product_gflops).field("product_size", peak.product_size);
  }
  json.end();
}

void write_rows(Json& json, const std::vector<BenchRow>& rows) {
  json.array();
  for (const BenchRow& row : rows) {
    json.object()
        .field("name", row.name)
        .field("shape", row.shape)
        .field("group", row.group)
        .field("isa", row.isa);
    json.field("ms", row.time.ms)
        .field("best_ms", row.time.best_ms)
        .field("gflops", row.gflops)
        .field("gbps", row.gbps);
    json.field("fraction_of_peak", row.fraction_of_peak).end();
  }
  json.end();
}

// The commands

namespace {}   // namespace

std::vector<std::int64_t> sizes_of(const std::string& option, const std::string& text,
                                   std::size_t count) {
  std::vector<std::int64_t> sizes;
  for (const std::string& part : split(text, 'x')) {
    std::int64_t size = 0;
    if (parse_integer(part, size) == NumberFault::none && size > 0 && size <= 1 << 20)
      sizes.push_back(size);
  }
  if (sizes.size() != count || split(text, 'x').size() != count) {
    fail(UsageError("--" + option + " needs " + std::to_string(count) +
                    " sizes from 1 to 1048576, not " + in_quotes(text) +
                    "; see glass bench ops --help."));
  }
  return sizes;
}

namespace {

std::vector<BenchCase> chosen_cases(const Arguments& args, DType dtype) {
  std::vector<BenchCase> cases;
  const auto append = [&](std::vector<BenchCase> more) {
    std::move(more.begin(), more.end(), std::back_inserter(cases));
  };
  if (const std::string product = args.text("product"); !product.empty()) {
    const std::vector<std::int64_t> n = sizes_of("product", product, 3);
    append(product_cases(n[0], n[1], n[2], dtype));
  }
  if (const std::string attention = args.text("attention"); !attention.empty()) {
    const std::vector<std::int64_t> n = sizes_of("attention", attention, 4);
    append(attention_cases(n[0], n[1], n[2], n[3], dtype));
  }
  if (cases.empty()) cases = bench_cases(dtype);
  const std::string filter = args.text("filter");
  const auto unwanted = [&](const BenchCase& c) {
    return (c.name + " " + c.shape).find(filter) == std::string::npos;
  };
  cases.erase(std::remove_if(cases.begin(), cases.end(), unwanted), cases.end());
  if (cases.empty()) {
    fail(UsageError("--filter: no case has " + in_quotes(filter) +
                    " in its name or shape; glass bench ops without --filter shows them all."));
  }
  return cases;
}

// What the cases run on: the machine that was chosen, or the two instruction sets of --compare.
struct Contender {
  std::shared_ptr<Backend> backend;
  Peak peak;
};

std::vector<Contender> contenders(Machine machine, const std::string& compare) {
  std::vector<Contender> all;
  if (compare.empty()) {
    const Peak peak = peak_of(machine);
    all.push_back({std::move(machine.backend), peak});
    return all;
  }
  const std::vector<std::string> isas = split(compare, ',');
  if (isas.size() != 2) {
    fail(UsageError(
        "--compare needs two instruction sets, as in --compare avx2,avx512; see glass info."));
  }
  if (machine.device != "cpu") {
    fail(UsageError("--compare is for the cpu device; the others have no instruction sets."));
  }
  for (const std::string& isa : isas) {
    try {
      all.push_back({make_backend("cpu", isa, machine.threads), {}});
    } catch (const std::invalid_argument& refusal) {
      fail(UsageError(std::string("--compare: ") + refusal.what() + "."));
    }
  }
  const Peak first = measure_peak(isas[0], machine.threads);
  all[0].peak = with_type(first, machine.dtype);
  all[1].peak = with_type(with_isa(first, isas[1]), machine.dtype);
  return all;
}

ExitCode run_ops(const Arguments& args) {
  if (args.has("peer")) return run_peer(args);
  Machine machine = open_machine(args);
  const std::string device = machine.device;
  const DType dtype = machine.dtype == DType::bf16 ? DType::bf16 : DType::f32;
  const std::vector<BenchCase> cases = chosen_cases(args, dtype);
  std::vector<Contender> all = contenders(std::move(machine), args.text("compare"));
  const bool json_wanted = args.flag("json");
  if (!json_wanted) {
    for (const Contender& one : all) print_peak(one.peak);
  }
  std::vector<BenchRow> rows;
  rows.reserve(cases.size() * all.size());
  for (const BenchCase& one : cases) {
    const BenchRow* before = rows.empty() ? nullptr : &rows.back();
    for (const Contender& contender : all)
      rows.push_back(measure(one, *contender.backend, contender.peak));
    if (json_wanted) continue;
    if (all.size() == 2) print_pair(rows[rows.size() - 2], rows.back(), before);
    else print_row(rows.back(), before);
  }
  if (json_wanted) {
    Json json;
    json.object().field("device", device).key("peaks").array();
    for (const Contender& one : all) write_peak(json, one.peak);
    json.end().key("rows");
    write_rows(json, rows);
    json.end();
    print(json.text() + "\n");
  }
  return ExitCode::ok;
}

// clang-format off
const Option kOpsOptions[] = {
    {.name = "filter", .value = "TEXT", .fallback = "", .help = "only cases with this in their name or shape", .group = "What to measure"},
    {.name = "product", .value = "MxNxK", .fallback = "", .help = "only these products: y (M,N) = x (M,K) w (N,K)^T and both gradients"},
    {.name = "attention", .value = "BxHxTxD", .fallback = "", .help = "only attention of this size, forward and backward"},
    {.name = "peer", .value = "LIB.so", .help = "a BLAS to race on matrix products, loaded at run time: libopenblas.so.0, libdnnl.so.2, ...; several with commas between"},
    {.name = "compare", .value = "ISA,ISA", .fallback = "", .help = "two instruction sets side by side"},
};
const Example kOpsExamples[] = {{"glass bench ops --filter linear", "all matrix products with a weight"},
                                {"glass bench ops --compare avx2,avx512", "what wider vectors bring"},
                                {"OPENBLAS_CORETYPE=SkylakeX glass bench ops --peer libopenblas.so.0", "matrix products beside OpenBLAS, turn by turn"}};
const Example kExamples[] = {{"glass bench ops", "every kernel beside this machine's limits"}};
// clang-format on

const Command kOps = {.name = "ops",
                      .summary = "every kernel on the shapes of GPTs",
                      .about =
                          "The median of several runs. The bar is the time that the nearer of the "
                          "two limits would allow (multiply-adds, memory), over the time taken: "
                          "above 100 % the data came from a cache, or was only written.",
                      .examples = kOpsExamples,
                      .options = kOpsOptions,
                      .run = run_ops};
const Command* const kCommands[] = {&kBenchPeak,   &kOps,       &kBenchTokenizer, &kBenchTrain,
                                    &kBenchDecode, &kBenchGrow, &kBenchMicro, &kBenchSteps};

}   // namespace

extern const Command kBench = {.name = "bench",
                               .summary = "how fast, beside how fast this machine could be",
                               .examples = kExamples,
                               .commands = kCommands};

}   // namespace glass
