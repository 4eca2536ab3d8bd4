// glass bench grow: what a token costs to learn from, as the model grows and as the context grows,
// beside the least it could cost on this machine. One series of training steps for each question.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "engine/base/text.h"
#include "interp/draw/chart.h"
#include "interp/draw/chart_text.h"
#include "tools/bench_step.h"
#include "tools/device_peak.h"
#include "tools/process_memory.h"
#include "tools/terminal.h"
#include "tools/text_options.h"

namespace glass {
namespace {

// ---- the series ---------------------------------------------------------------------------------

struct Case {
  std::int64_t L, H, C, T, B;
};

// Models of nanoGPT's kind, from a toy to GPT-2's size, on windows of one length.
std::vector<Case> sizes(const Arguments& args) {
  const std::int64_t T = 256, B = std::max<std::int64_t>(1, args.integer("tokens") / 16 / T);
  const Case all[] = {{2, 2, 64, T, B},  {4, 4, 128, T, B},   {6, 4, 256, T, B},  {6, 6, 384, T, B},
                      {8, 8, 512, T, B}, {12, 12, 768, T, B}, {12, 14, 896, T, B}};
  std::vector<Case> chosen;
  for (const Case& one : all) {
    if (12.0 * static_cast<double>(one.L * one.C * one.C) <= args.number("largest"))
      chosen.push_back(one);
  }
  return chosen;
}

// One model, the same tokens in every step: many short windows, or few long ones.
std::vector<Case> contexts(const Arguments& args) {
  std::vector<Case> all;
  for (std::int64_t T = 64; T <= args.integer("longest"); T *= 2)
    all.push_back({4, 4, 128, T, std::max<std::int64_t>(1, args.integer("tokens") / T)});
  return all;
}

// ---- measuring ----------------------------------------------------------------------------------

struct GrowRow {
  Case what;
  std::int64_t params = 0, tokens = 0;   // tokens: in a step
  double ms = 0, floor_ms = 0, gflops = 0, fraction_of_peak = 0, peak_rss_mib = 0;
  double ms_per_token() const { return ms / static_cast<double>(tokens); }
  double floor_per_token() const { return floor_ms / static_cast<double>(tokens); }
};

GPTConfig config_of(const Case& one) {
  GPTConfig model = preset("char-small");
  model.n_layer = one.L, model.n_head = one.H, model.n_embd = one.C, model.block_size = one.T;
  model.vocab_size = 65;
  return model;
}

// The median of at least three steps, and of more where they are short, after two that nobody
// counts.
double step_ms(StepBench& bench) {
  constexpr double kEnough = 600;   // ms
  constexpr std::size_t kAtLeast = 3, kAtMost = 40;
  bench.step(), bench.step();
  std::vector<double> ms;
  for (double spent = 0; ms.size() < kAtLeast || (spent < kEnough && ms.size() < kAtMost);) {
    ms.push_back(bench.step().step);
    spent += ms.back();
  }
  return median(ms);
}

// Every case gets a machine of its own: a backend keeps what was released for the next one, which
// would count for nothing then.
GrowRow measure(const Case& one, const Arguments& args, const Peak& peak, double empty_mib) {
  TrainConfig train;
  train.batch_size = one.B;
  give_memory_back();
  const double before = resident_mib();
  forget_most_resident();
  StepBench bench(config_of(one), train, open_machine(args));
  GrowRow row{one, bench.model().count(), bench.tokens_per_step()};
  row.ms = step_ms(bench);
  row.floor_ms = bench.floor_ms(peak);
  row.gflops = bench.flops() / row.ms * 1e-6;
  row.fraction_of_peak = row.gflops / peak.gflops;
  row.peak_rss_mib = most_resident_mib() - before + empty_mib;
  return row;
}

// ---- telling ------------------------------------------------------------------------------------

enum class Growing { size, context };

// A token costs a larger model more by its very size. What is left when that is divided out says
// how well the machine is used.
double cost(const GrowRow& row, double ms, Growing what) {
  const double us = ms / static_cast<double>(row.tokens) * 1e3;
  return what == Growing::size ? us / (static_cast<double>(row.params) * 1e-6) : us;
}

Chart chart_of(const std::vector<GrowRow>& rows, Growing what, const Peak& peak) {
  Chart chart;
  const bool size = what == Growing::size;
  chart.title =
      size ? "A training step as the model grows" : "A training step as the context grows";
  chart.subtitle = format(
      "%s, %d thread%s, %s", peak.isa.c_str(), peak.threads, peak.threads == 1 ? "" : "s",
      size ? "windows of 256 tokens" : "4 layers of 128, the same number of tokens in every step");
  chart.x_label = size ? "weights, in millions" : "context, in tokens";
  chart.y_label = size ? "us a token and a million weights" : "us a token";
  chart.x_scale = size ? Scale::log : Scale::linear;
  Series measured{"measured", {}, kBlue, Emphasis::normal}, floor{"floor", {}, kGreen, {}};
  double most = 0;
  for (const GrowRow& row : rows) {
    const double x =
        size ? 1e-6 * static_cast<double>(row.params) : static_cast<double>(row.what.T);
    measured.points.push_back({x, cost(row, row.ms, what)});
    floor.points.push_back({x, cost(row, row.floor_ms, what)});
    most = std::max(most, measured.points.back().y);
  }
  chart.series = {measured, floor};
  chart.y_range = Range{0, 1.05 * most};
  return chart;
}

void print_table(const std::vector<GrowRow>& rows) {
  print(ink(Ink::dim,
            format("  %-10s %-10s %8s %6s %13s %13s %9s %9s %8s\n", "weights", "layers", "context",
                   "batch", "us a token", "floor", "of floor", "GFLOP/s", "MiB"),
            stdout));
  for (const GrowRow& row : rows) {
    const Case& c = row.what;
    print(format("  %-10s %-10s %8lld %6lld %13.2f %13.2f %8.2fx %9.1f %8.0f\n",
                 human_count(static_cast<double>(row.params)).c_str(),
                 (std::to_string(c.L) + " x " + std::to_string(c.C)).c_str(),
                 static_cast<long long>(c.T), static_cast<long long>(c.B), 1e3 * row.ms_per_token(),
                 1e3 * row.floor_per_token(), row.ms / row.floor_ms, row.gflops, row.peak_rss_mib));
  }
}

void print_text(const std::vector<GrowRow>& rows, Growing what, const Peak& peak) {
  print("\n" + ink(Ink::bold, chart_of(rows, what, peak).title, stdout) + "\n");
  print_table(rows);
  ChartTextOptions options;
  options.columns = terminal_width(stdout);
  options.colour = wants_colour(stdout) ? TextColour::ansi : TextColour::none;
  if (rows.size() > 1) print("\n" + chart_text(chart_of(rows, what, peak), options));
}

void write_rows(Json& json, const std::vector<GrowRow>& rows, Growing what) {
  for (const GrowRow& row : rows) {
    json.object()
        .field("name", what == Growing::size ? "size" : "context")
        .field("params", row.params)
        .field("n_layer", row.what.L)
        .field("n_embd", row.what.C)
        .field("block_size", row.what.T)
        .field("batch_size", row.what.B);
    json.field("ms", row.ms)
        .field("ms_per_token", row.ms_per_token())
        .field("floor_ms_per_token", row.floor_per_token())
        .field("gflops", row.gflops)
        .field("gbps", 0.0)
        .field("fraction_of_peak", row.fraction_of_peak)
        .field("peak_rss_mb", row.peak_rss_mib)
        .end();
  }
}

struct Grown {
  Growing what;
  std::vector<GrowRow> rows;
};

void refuse_nonsense(const Arguments& args) {
  const bool picture = args.has("png") || args.has("svg");
  if (picture && args.text("what") == "both")
    fail(UsageError("a picture shows one thing that grows; add --what size or --what context."));
}

ExitCode run(const Arguments& args) {
  refuse_nonsense(args);
  const double empty_mib = resident_mib();
  const Machine machine = open_machine(args);
  const Peak peak = peak_of(machine);
  const bool json = args.flag("json");
  if (!json) print_peak(peak);
  std::vector<Grown> all;
  for (const Growing what : {Growing::size, Growing::context}) {
    const bool size = what == Growing::size;
    if (args.text("what") == (size ? "context" : "size")) continue;
    all.push_back({what, {}});
    for (const Case& one : size ? sizes(args) : contexts(args))
      all.back().rows.push_back(measure(one, args, peak, empty_mib));
    if (!json) print_text(all.back().rows, what, peak);
  }
  const Grown& last = all.back();
  if (args.has("png"))
    write_whole_file(args.text("png"), png(chart_of(last.rows, last.what, peak)));
  if (args.has("svg"))
    write_whole_file(args.text("svg"), svg(chart_of(last.rows, last.what, peak)));
  if (json) {
    Json text;
    text.object().key("peaks").array();
    write_peak(text, peak);
    text.end().key("rows").array();
    for (const Grown& grown : all) write_rows(text, grown.rows, grown.what);
    print(text.end().end().text() + "\n");
  }
  return ExitCode::ok;
}

// clang-format off
const Option kOptions[] = {
    {.name = "what", .type = Type::choice, .fallback = "both", .choices = "size|context|both", .help = "what grows", .group = "What to measure"},
    {.name = "largest", .type = Type::number, .value = "N", .fallback = "2e8", .min = 1e5, .max = 1e12, .help = "leave models with more weights in their blocks out"},
    {.name = "longest", .type = Type::integer, .value = "T", .fallback = "8192", .min = 64, .max = 1048576, .help = "longest context"},
    {.name = "tokens", .type = Type::integer, .value = "N", .fallback = "8192", .min = 64, .max = 16777216, .help = "tokens in a step of growing contexts; growing models get a sixteenth"},
    {.name = "png", .value = "FILE", .help = "also draw the chart into a picture", .group = "Output"},
    {.name = "svg", .value = "FILE", .help = "the same as SVG"},
};
const Example kExamples[] = {
    {"glass bench grow", "both tables and charts, in about two minutes"},
    {"glass bench grow --what context --png context.png", "the price of a long context, as a picture"},
};
// clang-format on

}   // namespace

extern const Command kBenchGrow = {
    .name = "grow",
    .summary = "what a token costs as model or context grow",
    .about =
        "Training steps of models from 0.1M to 116M weights, and of one model on windows of "
        "64 to 8192 tokens. The floor is what glass bench train says: multiply-adds and the "
        "optimizer's memory traffic at this machine's peaks, measured in the same run.",
    .examples = kExamples,
    .options = kOptions,
    .run = run};

}   // namespace glass
