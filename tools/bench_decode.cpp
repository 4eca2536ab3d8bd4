// glass bench decode: how fast a model reads a prompt and writes, token by token, beside the
// limits.
//
// Writing a token reads every weight once, so its limit is memory: the bytes of the packed weights
// (and of the keys and values so far) over the bandwidth. Reading a prompt uses every weight once
// for each token, so its limit is arithmetic. The bandwidth is measured before and after each row,
// because that of a shared machine drifts; the larger counts.
#include <algorithm>
#include <chrono>

#include "engine/base/text.h"
#include "kernels/cpu/peak.h"
#include "model/kv_cache.h"
#include "tools/bench.h"
#include "tools/device_peak.h"
#include "tools/saved.h"
#include "tools/terminal.h"

namespace glass {
namespace {

struct DecodeRow {
  BenchRow bench;
  PackedType type;
  double tokens_per_second = 0, megabytes = 0;   // of a token, or of the whole prompt
};

// What one token costs behind `past` others.
struct Work {
  double flops = 0, bytes = 0;
};

double product_weights(const std::vector<Parameter*>& parameters) {
  double weights = 0;
  for (const Parameter* p : parameters)
    if (p->packed) weights += static_cast<double>(p->value.numel());
  return weights;
}

Work token_work(LanguageModel& model, std::int64_t past) {
  const GPTConfig& c = model.config();
  const double heard = static_cast<double>(past + 1) * static_cast<double>(c.n_layer);
  const double D = static_cast<double>(c.head_size());
  Work work;
  for (const Parameter* p : model.parameters()) {
    if (p->packed) work.bytes += static_cast<double>(p->packed.bytes());
    else if (p->value.rank() == 1) work.bytes += 4 * static_cast<double>(p->value.numel());
  }
  work.flops =
      2 * product_weights(model.parameters()) + 4 * D * static_cast<double>(c.n_head) * heard;
  work.bytes += 2 * 4 * D * static_cast<double>(c.kv_heads()) * heard;
  return work;
}

// Of T tokens at once, where only the last one meets the head.
double prompt_flops(LanguageModel& model, std::int64_t T) {
  const GPTConfig& c = model.config();
  const double head = static_cast<double>(c.vocab_size * c.n_embd), tokens = static_cast<double>(T);
  const double pairs = tokens * (tokens + 1) / 2 * static_cast<double>(c.n_layer * c.n_head);
  return 2 * ((product_weights(model.parameters()) - head) * tokens + head) +
         4 * static_cast<double>(c.head_size()) * pairs;
}

double ms_of(const std::function<void()>& call) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  call();
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Timing timing_of(const std::vector<double>& ms) {
  return {median(ms), *std::min_element(ms.begin(), ms.end())};
}

// Reads `tokens` behind what the cache holds; the likeliest next one.
std::int32_t read(LanguageModel& model, KVCache& cache, std::span<const std::int32_t> tokens) {
  Pass pass;
  pass.cache = &cache;
  const Tensor ids =
      Tensor::ids(model.device(), tokens, {1, static_cast<std::int64_t>(tokens.size())});
  const std::vector<double> logits = model.logits(pass, ids, Positions::last).to_host();
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// What every row is measured with.
struct Run {
  LanguageModel& model;
  const Machine& machine;
  PackedType type;
  std::int64_t prompt, tokens, past;
  Peak peak;

  double read_gbps() const {
    return is_gpu(machine) ? peak.read_gbps : memory_bandwidth(machine.threads).read;
  }
  std::vector<std::int32_t> text(std::int64_t length) const {
    std::vector<std::int32_t> ids;
    for (std::int64_t i = 0; i < length; ++i)
      ids.push_back(static_cast<std::int32_t>(i * 7919 % model.config().vocab_size));
    return ids;
  }
  DecodeRow row(const char* name, const std::string& shape, const Timing& time, const Work& work,
                std::int64_t count) const {
    DecodeRow row;
    row.type = type;
    row.tokens_per_second = 1e3 / time.ms * static_cast<double>(count);
    row.megabytes = work.bytes * 1e-6;
    row.bench = {name,
                 std::string(name) + ", " + name_of(type),
                 shape,
                 peak.isa,
                 time,
                 work.flops / time.ms * 1e-6,
                 work.bytes / time.ms * 1e-6,
                 0};
    return row;
  }
};

DecodeRow measure_prefill(Run& run) {
  const std::vector<std::int32_t> text = run.text(run.prompt);
  KVCache cache(run.model.config(), run.model.device(), run.model.dtype(), 1, run.prompt);
  std::vector<double> ms;
  for (int i = 0; i < 4; ++i) {
    cache.rewind(0);
    const double once = ms_of([&] { read(run.model, cache, text); });
    if (i > 0) ms.push_back(once);   // pages and threads come into being in the first
  }
  Work work = token_work(run.model, 0);
  work.flops = prompt_flops(run.model, run.prompt);
  DecodeRow row =
      run.row("prefill", std::to_string(run.prompt) + " tokens", timing_of(ms), work, run.prompt);
  if (run.type != PackedType::f32) run.peak = with_type(run.peak, DType::bf16);   // pairs of it
  row.bench.fraction_of_peak = row.bench.gflops / run.peak.gflops;
  return row;
}

DecodeRow measure_decode(Run& run) {
  KVCache cache(run.model.config(), run.model.device(), run.model.dtype(), 1,
                run.past + run.tokens);
  std::vector<double> ms;
  std::int32_t token = 0;
  const double before = run.read_gbps();
  while (ms.size() < 40 && (ms.empty() || ms.size() * ms.front() < 1000)) {
    cache.rewind(0);
    token = read(run.model, cache, run.text(run.past));
    for (std::int64_t i = 0; i < run.tokens; ++i)
      ms.push_back(ms_of([&] { token = read(run.model, cache, {&token, 1}); }));
  }
  run.peak.read_gbps = std::max(before, run.read_gbps());
  DecodeRow row = run.row("decode", std::to_string(run.tokens) + " tokens", timing_of(ms),
                          token_work(run.model, run.past + run.tokens / 2), 1);
  row.bench.fraction_of_peak = row.bench.gbps / run.peak.read_gbps;
  return row;
}

void print_decode(const DecodeRow& row, const Peak& peak) {
  const bool decode = row.bench.group == "decode";
  print(
      format("  %-15s %-11s %9.2f ms %9.1f tokens/s %8.1f MB %8.1f GFLOP/s %7.1f GB/s %5.0f %% of ",
             row.bench.name.c_str(), row.bench.shape.c_str(), row.bench.time.ms,
             row.tokens_per_second, row.megabytes, row.bench.gflops, row.bench.gbps,
             100 * row.bench.fraction_of_peak) +
      format(decode ? "%.1f GB/s\n" : "%.0f GFLOP/s\n", decode ? peak.read_gbps : peak.gflops));
  flush_stdout();
}

void write_decode(Json& json, const DecodeRow& row, const Peak& peak) {
  json.object()
      .field("name", row.bench.name)
      .field("type", std::string(name_of(row.type)))
      .field("shape", row.bench.shape)
      .field("ms", row.bench.time.ms)
      .field("best_ms", row.bench.time.best_ms)
      .field("gflops", row.bench.gflops)
      .field("gbps", row.bench.gbps)
      .field("fraction_of_peak", row.bench.fraction_of_peak)
      .field("tokens_per_second", row.tokens_per_second)
      .field("megabytes", row.megabytes)
      .field("peak_gflops", peak.gflops)
      .field("peak_gbps", peak.read_gbps)
      .end();
}

std::vector<PackedType> types_of(const std::string& text) {
  if (text != "all") return {packed_type(text)};
  return {PackedType::f32, PackedType::bf16, PackedType::int8, PackedType::int4};
}

constexpr std::int64_t kLetters = 65;   // as many as there are in tinyshakespeare

struct Subject {
  std::string name;
  std::unique_ptr<LanguageModel> model;
};
Subject subject_of(const Arguments& args, const Machine& machine) {
  if (args.has("ckpt") && args.source("preset") == Source::command_line)
    fail(UsageError("--preset and --ckpt both name a model; leave one of them out."));
  if (args.has("ckpt")) {
    SavedModel saved = open_model(args.text("ckpt"), machine.backend, machine.dtype, warn);
    return {saved.path, std::move(saved.model)};
  }
  const std::uint64_t seed = static_cast<std::uint64_t>(args.integer("seed"));
  GPTConfig config = preset(args.text("preset"));
  if (config.vocab_size == 0) config.vocab_size = kLetters;   // elsewhere the text decides
  return {args.text("preset"), make_model(config, machine.backend, machine.dtype, seed)};
}

ExitCode run(const Arguments& args) {
  const Machine machine = open_machine(args);
  const Subject subject = subject_of(args, machine);
  LanguageModel& model = *subject.model;
  if (model.config().arch != Arch::gpt)
    fail(UsageError("a bigram multiplies nothing: there is nothing to pack; measure a GPT."));
  const std::int64_t room = model.config().block_size;
  const std::int64_t prompt = std::min(args.integer("prompt"), room);
  const std::int64_t past = std::min(args.integer("past"), room - 1);
  const std::int64_t tokens = std::min(args.integer("tokens"), room - past);

  const bool json_wanted = args.flag("json");
  Json json;
  json.object().field("device", std::string(machine.backend->name())).field("model", subject.name);
  json.field("params", model.count()).field("threads", machine.threads).key("rows").array();
  if (!json_wanted)
    print(subject.name + ", " + with_commas(model.count()) + " weights, " +
          machine.backend->name() + "\n");
  for (const PackedType type : types_of(args.text("type"))) {
    model.pack(type);
    Run one = {model,
               machine,
               type,
               prompt,
               tokens,
               past,
               is_gpu(machine) ? peak_of(machine) : measure_peak(isa_of(machine), machine.threads)};
    for (const auto measure_row : {measure_decode, measure_prefill}) {
      const DecodeRow row = measure_row(one);
      if (json_wanted) write_decode(json, row, one.peak);
      else print_decode(row, one.peak);
    }
  }
  if (json_wanted) print(json.end().end().text() + "\n");
  return ExitCode::ok;
}

// clang-format off
const Option kOptions[] = {
    {.name = "type", .type = Type::choice, .fallback = "all", .choices = "all|f32|bf16|int8|int4",
     .help = "how the weights are packed", .group = "What to measure"},
    {.name = "preset", .value = "NAME", .fallback = "gpt2", .help = "a model with random weights"},
    {.name = "ckpt", .value = "PATH", .help = "a trained model instead"},
    {.name = "tokens", .type = Type::integer, .value = "N", .fallback = "32", .min = 1, .max = 1e6,
     .help = "how many to write", .also = "n"},
    {.name = "past", .type = Type::integer, .value = "N", .fallback = "8", .min = 1, .max = 1e6,
     .help = "how many stand before them"},
    {.name = "prompt", .type = Type::integer, .value = "N", .fallback = "512", .min = 1, .max = 1e6,
     .help = "how many to read at once"},
};
const Example kExamples[] = {
    {"glass bench decode", "GPT-2 124M, all types"},
    {"glass bench decode --type int8 --threads 1", "one of them on one thread"},
    {"glass bench decode --past 900", "with a long cache of keys and values"},
};
// clang-format on

}   // namespace

extern const Command kBenchDecode = {
    .name = "decode",
    .summary = "writing and reading tokens with packed weights",
    .about =
        "For each type: writing token after token (median of a token, beside the bandwidth of "
        "memory) and reading a prompt (beside the multiply-adds this machine can do, of bf16 "
        "where the weights are rounded).",
    .examples = kExamples,
    .options = kOptions,
    .run = run};

}   // namespace glass
