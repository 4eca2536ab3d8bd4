// glass bench train: how long a training step takes, and what this machine would need for it at
// best. Several devices, instruction sets, numbers of threads or types take turns, step by step, so
// that whatever else happens on the machine happens to all of them.
#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "engine/base/text.h"
#include "tools/bench.h"
#include "tools/bench_step.h"
#include "tools/device_peak.h"
#include "tools/process_memory.h"
#include "tools/terminal.h"
#include "tools/train_options.h"

namespace glass {
namespace {

struct Contender {
  std::string name;
  std::unique_ptr<StepBench> bench;
  std::vector<StepTimes> times;
  double peak_rss_mib = 0, device_mib = 0;   // device: what tensors took of its memory
  Peak peak;
};

// ---- what is asked for --------------------------------------------------------------------------

struct Sizes {
  GPTConfig model;
  TrainConfig train;
};

Sizes sizes_of(const Arguments& args) {
  Sizes sizes{preset(args.text("preset")), recipe(args.text("preset"))};
  put_chosen(args, sizes.model);
  constexpr std::int64_t kLetters = 65;   // of tinyshakespeare, where the preset leaves it open
  if (sizes.model.vocab_size == 0) sizes.model.vocab_size = kLetters;
  if (args.has("vocab-size")) sizes.model.vocab_size = args.integer("vocab-size");
  if (chosen(args, "batch-size")) sizes.train.batch_size = args.integer("batch-size");
  sizes.train.gradient_accumulation_steps = 1;
  sizes.train.recompute = args.flag("recompute");
  sizes.train.seed = args.integer("seed");
  check(sizes.model);
  check(sizes.train);
  return sizes;
}

// The shared options say what one machine is; here each of them may be a list. Every member is
// checked by the table of the shared options, as if it had been given alone.
const Command kOneMachine = {.name = "train", .summary = ""};
const char* const kLists[] = {"device", "isa", "threads", "dtype"};

// Every combination of what the lists say, the last one turning fastest.
std::vector<Arguments> machines_of(const Arguments& args) {
  std::vector<Arguments> all = {Arguments(kOneMachine, args.path())};
  for (const char* name : kLists) {
    std::vector<Arguments> more;
    for (const Arguments& one : all) {
      for (const std::string& value : split(args.text(name), ',')) {
        more.push_back(one);
        more.back().offer(*find_option(kOneMachine, name), value, args.source(name),
                          "--" + std::string(name));
      }
    }
    all = std::move(more);
  }
  return all;
}

std::string name_of(const Machine& machine) {
  std::string name = machine.device;
  if (!machine.isa.empty()) name += " " + machine.isa;
  if (machine.device == "cpu")
    name += format(", %d thread%s", machine.threads, machine.threads == 1 ? "" : "s");
  return name + ", " + glass::name_of(machine.dtype);
}

// ---- measuring ----------------------------------------------------------------------------------

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A contender that has done its first steps: pages, caches and threads are there. What it holds is
// what the process grew by, on top of what a program without any model holds.
Contender prepare(const Sizes& sizes, const Arguments& machine, std::int64_t warmup,
                  double empty_mib) {
  const double before = resident_mib();
  forget_most_resident();
  Contender c;
  c.bench = std::make_unique<StepBench>(sizes.model, sizes.train, open_machine(machine));
  c.name = name_of(c.bench->machine());
  for (std::int64_t i = 0; i < warmup; ++i) c.bench->step();
  c.peak_rss_mib = most_resident_mib() - before + empty_mib;
  c.device_mib =
      static_cast<double>(c.bench->machine().backend->memory_use().most_used_bytes) / (1 << 20);
  return c;
}

// They take turns. Where nobody said how many steps, as many as about five seconds hold.
void take_turns(std::vector<Contender>& all, std::int64_t steps) {
  constexpr double kSeconds = 5;
  constexpr std::size_t kAtLeast = 3, kAtMost = 2000;
  const double start = now_seconds();
  const auto enough = [&](std::size_t done) {
    if (steps > 0) return done == static_cast<std::size_t>(steps);
    return done == kAtMost || (done >= kAtLeast && now_seconds() - start > kSeconds);
  };
  for (std::size_t done = 0; !enough(done); ++done) {
    for (Contender& c : all) c.times.push_back(c.bench->step());
  }
}

// That of a processor once for each instruction set and number of threads.
void find_peaks(std::vector<Contender>& all) {
  std::map<std::pair<std::string, int>, Peak> known;
  for (Contender& c : all) {
    const Machine& machine = c.bench->machine();
    if (is_gpu(machine)) {
      c.peak = peak_of(machine);
      continue;
    }
    const std::string isa = isa_of(machine);
    const auto key = std::make_pair(isa, machine.threads);
    if (known.count(key) == 0) known[key] = measure_peak(isa, machine.threads);
    c.peak = with_type(known[key], machine.dtype);
  }
}

// ---- telling ------------------------------------------------------------------------------------

struct Spread {
  double median = 0, least = 0, most = 0;
};
Spread spread_of(const std::vector<double>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return {median(values), *least, *most};
}

struct TrainRow {
  const Contender* of;
  const char* name;
  Spread ms;
  double gflops = 0, gbps = 0, fraction_of_peak = 0;
};

struct Result {
  std::string model;   // "char-small: 4 layers of 128, ..."
  std::int64_t params = 0, batch = 0, block = 0, tokens = 0;
  double flops = 0, forward_flops = 0, optimizer_bytes = 0;
  std::vector<TrainRow> rows;   // four for each contender
};

TrainRow row_of(const Contender& c, const char* name, double StepTimes::*part, double flops,
                double bytes) {
  std::vector<double> ms;
  for (const StepTimes& times : c.times) ms.push_back(times.*part);
  TrainRow row{&c, name, spread_of(ms), 0, 0, 0};
  row.gflops = flops / row.ms.median * 1e-6;
  row.gbps = bytes / row.ms.median * 1e-6;
  row.fraction_of_peak = flops > 0 ? row.gflops / c.peak.gflops : row.gbps / memory_gbps(c.peak);
  return row;
}

Result result_of(const std::vector<Contender>& all, const Arguments& args, const Sizes& sizes) {
  StepBench& first = *all.front().bench;
  Result r;
  r.model = args.text("preset");
  r.params = first.model().count();
  r.batch = sizes.train.batch_size, r.block = sizes.model.block_size;
  r.tokens = first.tokens_per_step();
  r.flops = first.flops(), r.forward_flops = first.forward_flops();
  r.optimizer_bytes = first.optimizer_bytes();
  for (const Contender& c : all) {
    r.rows.push_back(row_of(c, "step", &StepTimes::step, r.flops, 0));
    r.rows.push_back(row_of(c, "forward", &StepTimes::forward, r.forward_flops, 0));
    r.rows.push_back(row_of(c, "backward", &StepTimes::backward, r.flops - r.forward_flops, 0));
    r.rows.push_back(row_of(c, "optimizer", &StepTimes::optimizer, 0, r.optimizer_bytes));
  }
  return r;
}

double tokens_per_second(const Result& r, const TrainRow& row) {
  return static_cast<double>(r.tokens) / row.ms.median * 1e3;
}

// How many times as fast as the first one, in the turns they took together.
double times_the_first(const std::vector<Contender>& all, const Contender& c) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < c.times.size(); ++i)
    ratios.push_back(all.front().times[i].step / c.times[i].step);
  return median(ratios);
}

void print_profile(const std::vector<OpTime>& ops, const Contender& c) {
  double sum = 0;
  for (const OpTime& op : ops) sum += op.forward_ms + op.backward_ms;
  print("\n" + ink(Ink::bold, "Where the time goes", stdout) + "  " + c.name + "\n");
  print(ink(Ink::dim,
            format("  %-18s %-20s %-18s %5s %9s %9s %7s %9s\n", "op", "where", "shape", "nodes",
                   "forward", "backward", "share", "GFLOP/s"),
            stdout));
  constexpr double kWorthALine = 1e-3;   // of the whole
  double rest = 0;
  for (const OpTime& op : ops) {
    const double ms = op.forward_ms + op.backward_ms;
    if (ms < kWorthALine * sum) {
      rest += ms;
      continue;
    }
    print(format("  %-18s %-20s %-18s %5d %9.3f %9.3f %5.1f %% %9s\n", op.op.c_str(),
                 op.scope.c_str(), op.shape.c_str(), op.count, op.forward_ms, op.backward_ms,
                 100 * ms / sum,
                 op.flops > 0 ? format("%.0f", 3 * op.flops / ms * 1e-6).c_str() : "-"));
  }
  print(format("  everything else %.3f ms, together %.3f ms\n", rest, sum));
}

void print_text(const std::vector<Contender>& all, const Result& r) {
  print(ink(Ink::bold, "Training step", stdout) +
        format("  %s, %s weights, %lld windows of %lld tokens, %.2f GFLOP\n", r.model.c_str(),
               human_count(static_cast<double>(r.params)).c_str(), static_cast<long long>(r.batch),
               static_cast<long long>(r.block), r.flops * 1e-9));
  for (const Contender& c : all) {
    print("\n");
    print_peak(c.peak);
    print(ink(Ink::dim,
              format("  %-12s %10s %10s %10s %9s %9s %9s\n", "", "ms", "min", "max", "GFLOP/s",
                     "GB/s", "of peak"),
              stdout));
    const TrainRow* step = nullptr;
    for (const TrainRow& row : r.rows) {
      if (row.of != &c) continue;
      if (step == nullptr) step = &row;
      print(format(
          "  %-12s %10.3f %10.3f %10.3f %9s %9s %7.0f %%\n", row.name, row.ms.median, row.ms.least,
          row.ms.most, row.gflops > 0 ? format("%.1f", row.gflops).c_str() : "-",
          row.gbps > 0 ? format("%.1f", row.gbps).c_str() : "-", 100 * row.fraction_of_peak));
    }
    const bool gpu = is_gpu(c.bench->machine());
    print("  " + ink(Ink::bold, c.name, stdout) +
          format(": %s tokens/s, %.0f MiB at most, %.2f times the floor of %.3f ms",
                 with_commas(static_cast<std::int64_t>(tokens_per_second(r, *step))).c_str(),
                 gpu ? c.device_mib : c.peak_rss_mib, step->ms.median / c.bench->floor_ms(c.peak),
                 c.bench->floor_ms(c.peak)) +
          (gpu ? format(", %.1f TFLOP/s, MFU %.1f %%", 1e-3 * step->gflops,
                        100 * step->fraction_of_peak)
               : "") +
          (&c == &all.front() ? "" : format(", %.2fx the first", times_the_first(all, c))) + "\n");
  }
}

void write_profile(Json& json, const std::vector<OpTime>& ops) {
  json.key("profile").array();
  for (const OpTime& op : ops) {
    json.object().field("op", op.op).field("where", op.scope).field("shape", op.shape);
    json.field("nodes", op.count)
        .field("forward_ms", op.forward_ms)
        .field("backward_ms", op.backward_ms)
        .end();
  }
  json.end();
}

void print_json(const std::vector<Contender>& all, const Result& r,
                const std::vector<OpTime>& profile) {
  const TrainRow& first = r.rows.front();
  Json json;
  json.object()
      .field("preset", r.model)
      .field("params", r.params)
      .field("batch_size", r.batch)
      .field("block_size", r.block)
      .field("tokens_per_step", r.tokens)
      .field("flops_per_step", r.flops);
  json.field("ms_per_step", first.ms.median)
      .field("tokens_per_second", tokens_per_second(r, first))
      .field("peak_rss_mb", all.front().peak_rss_mib);
  json.key("peaks").array();
  for (const Contender& c : all) write_peak(json, c.peak);
  json.end().key("rows").array();
  for (const TrainRow& row : r.rows) {
    const Machine& machine = row.of->bench->machine();
    json.object()
        .field("name", row.name)
        .field("device", machine.device)
        .field("isa", machine.isa)
        .field("threads", machine.threads)
        .field("dtype", glass::name_of(machine.dtype));
    json.field("ms", row.ms.median).field("min_ms", row.ms.least).field("max_ms", row.ms.most);
    json.field("gflops", row.gflops)
        .field("gbps", row.gbps)
        .field("fraction_of_peak", row.fraction_of_peak);
    if (std::string(row.name) == "step") {
      json.field("ms_per_step", row.ms.median)
          .field("tokens_per_second", tokens_per_second(r, row))
          .field("peak_rss_mb", row.of->peak_rss_mib)
          .field("device_memory_mb", row.of->device_mib)
          .field("tflops", 1e-3 * row.gflops)
          .field("mfu", row.fraction_of_peak)
          .field("floor_ms", row.of->bench->floor_ms(row.of->peak))
          .field("times_the_first", times_the_first(all, *row.of))
          .field("steps", row.of->times.size());
    }
    json.end();
  }
  json.end();
  if (!profile.empty()) write_profile(json, profile);
  print(json.end().text() + "\n");
}

ExitCode run(const Arguments& args) {
  const Sizes sizes = sizes_of(args);
  const double empty_mib = resident_mib();
  std::vector<Contender> all;
  for (const Arguments& machine : machines_of(args))
    all.push_back(prepare(sizes, machine, args.integer("warmup-steps"), empty_mib));
  take_turns(all, args.integer("steps"));
  find_peaks(all);
  const Result result = result_of(all, args, sizes);
  std::vector<OpTime> profile;
  if (args.flag("profile")) {
    constexpr std::size_t kMost = 20;
    const std::size_t steps = std::clamp<std::size_t>(all.front().times.size() / 4, 1, kMost);
    profile = all.front().bench->profile(static_cast<int>(steps));
  }
  if (args.flag("json")) {
    print_json(all, result, profile);
    return ExitCode::ok;
  }
  print_text(all, result);
  if (!profile.empty()) print_profile(profile, all.front());
  return ExitCode::ok;
}

// ---- the options --------------------------------------------------------------------------------

// clang-format off
const Option kOwn[] = {
    {.name = "vocab-size",   .type = Type::integer, .value = "N", .min = 1, .max = 16777216, .help = "tokens in the vocabulary; without it the preset's, or 65 letters"},
    {.name = "steps",        .type = Type::integer, .value = "N", .fallback = "0", .min = 0, .max = 1e6, .help = "steps to time, of which the median counts; 0: as many as five seconds hold", .group = "What to measure"},
    {.name = "warmup-steps", .type = Type::integer, .value = "N", .fallback = "2", .min = 1, .max = 1e6, .help = "steps before them"},
    {.name = "profile",      .type = Type::flag, .help = "also time every node of the tape: where the time goes (of the first machine, where several are named)"},
    {.name = "device",  .value = "LIST", .fallback = "auto", .help = "what computes, as in glass train; two of them, as cpu,reference, take turns", .group = "Where it runs"},
    {.name = "isa",     .value = "LIST", .fallback = "auto", .help = "instruction set of the cpu device; avx2,avx512 compares two"},
    {.name = "threads", .value = "LIST", .fallback = "0", .help = "threads to compute with; 0: one for each physical core; 1,2 compares"},
    {.name = "dtype",   .value = "LIST", .fallback = "f32", .help = "numbers to compute in, as in glass train"},
};
const char* const kOfTrain[] = {"preset", "n-layer", "n-head", "n-embd", "block-size", "dropout", "bias", "norm", "norm-type", "act", "pos",
                                "tie", "n-kv-head", "window", "attn-scale", "batch-size", "recompute"};
const Example kExamples[] = {
    {"glass bench train", "char-small, with where its time goes against the floor"},
    {"glass bench train --preset gpt2 --block-size 64 --batch 4 --profile", "GPT-2, and which operations take how long"},
    {"glass bench train --threads 1,2", "what the second thread brings"},
};
// clang-format on

// The sizes are said as to `glass train`: its own options, under their own heading.
std::span<const Option> options() {
  static const std::vector<Option> all = [] {
    std::vector<Option> list;
    for (const char* name : kOfTrain) {
      for (const Option& option : train_options()) {
        if (option.name == name) list.push_back(option);
      }
    }
    list.front().fallback = "char-small";
    for (const Option& option : kOwn) list.push_back(option);
    for (Option& option : list) {
      if (option.name == "batch-size") option.group = "";
    }
    return list;
  }();
  return all;
}

}   // namespace

extern const Command kBenchTrain = {
    .name = "train",
    .summary = "a training step, beside what this machine needs at best",
    .about =
        "Trains a model with random weights on random tokens, with the trainer of glass train. The "
        "floor is the time of the step's matrix products at the peak of multiply-adds, and of the "
        "optimizer's memory traffic at the peak of memory, both measured in the same run.",
    .examples = kExamples,
    .options = options(),
    .run = run};

}   // namespace glass
