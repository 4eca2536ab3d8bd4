// glass bench micro: the same training steps on both engines, and in Python if somebody names a
// script.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "kernels/backends.h"
#include "model/builtin_names.h"
#include "model/microgpt_tensor.h"
#include "tools/bench.h"
#include "tools/machine.h"
#include "tools/micro.h"
#include "tools/terminal.h"

namespace glass {
namespace {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Row {
  std::string name;
  double ms = 0, best_ms = 0;   // a step: median and best of the runs
  double gflops = 0;            // of what the matrices alone ask for
  double difference = 0;        // the largest between a loss and that of the scalar engine
};

struct Plan {
  MicroStart start;
  int runs;
  double flops = 0;   // of an average step
};

// Forward is a multiplication and an addition for each weight of a matrix and each position;
// backward is that twice.
double flops_of(const MicroStart& start) {
  const int weights = start.parameters() - kMicroC * (start.names.vocab() + kMicroT);
  double positions = 0;
  for (int step = 0; step < start.options.steps; ++step) {
    const std::size_t letters =
        start.names.docs[static_cast<std::size_t>(step) % start.names.docs.size()].size();
    positions += static_cast<double>(std::min(letters + 1, static_cast<std::size_t>(kMicroT)));
  }
  return 6.0 * weights * positions / start.options.steps;
}

// Trains from the start several times over. The first call leaves its losses, the others are
// compared with them.
Row measure(const Plan& plan, std::vector<double>& losses, const std::string& name,
            const std::function<std::unique_ptr<Microgpt>()>& make) {
  Row row{.name = name};
  std::vector<double> ms;
  const bool first = losses.empty();
  for (int run = 0; run < plan.runs; ++run) {
    const std::unique_ptr<Microgpt> model = make();
    std::vector<double> mine;
    const Clock::time_point began = Clock::now();
    for (int step = 0; step < plan.start.options.steps; ++step) mine.push_back(model->step());
    ms.push_back(ms_since(began) / plan.start.options.steps);
    if (first) losses = mine;
    for (std::size_t i = 0; i < mine.size(); ++i)
      row.difference = std::max(row.difference, std::abs(mine[i] - losses[i]));
  }
  row.ms = median(ms), row.best_ms = *std::min_element(ms.begin(), ms.end());
  row.gflops = plan.flops / row.ms * 1e-6;
  return row;
}

// A folder that goes away with the object.
struct Scratch {
  std::string path = (std::filesystem::temp_directory_path() / "glass-bench-XXXXXX").string();
  Scratch() {
    if (::mkdtemp(path.data()) == nullptr)
      fail(SystemError("cannot make a folder in the temporary folder: " +
                       std::string(std::strerror(errno)) + "."));
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
};

// Runs `python3 SCRIPT input.txt` where input.txt holds the names (microgpt.py opens that file by
// itself), and takes the time between its first step and step `steps`; then it has told us enough.
Row measure_python(const Plan& plan, const std::string& script, int steps) {
  const std::string full = std::filesystem::absolute(script).string();
  if (!std::filesystem::is_regular_file(full))
    fail(SystemError("cannot run " + in_quotes(script) + ": no such file; name a microgpt.py."));
  const Scratch folder;
  std::ofstream names(folder.path + "/input.txt");
  for (std::size_t doc = 0; doc < plan.start.names.docs.size(); ++doc) {
    const std::vector<int> tokens = plan.start.names.tokens(doc);
    names << plan.start.names.text(std::span(tokens).subspan(1, tokens.size() - 2)) << '\n';
  }
  names.close();

  int ends[2];
  if (::pipe(ends) != 0)
    fail(SystemError("cannot make a pipe: " + std::string(std::strerror(errno)) + "."));
  const pid_t child = ::fork();
  if (child < 0)
    fail(SystemError("cannot start python3: " + std::string(std::strerror(errno)) + "."));
  if (child == 0) {
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, 0), ::dup2(ends[1], 1), ::close(ends[0]), ::close(ends[1]);
    if (::chdir(folder.path.c_str()) == 0)
      ::execlp("python3", "python3", "-u", full.c_str(), "input.txt", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string line;
  int seen = 0;
  Clock::time_point first, last;
  for (char c; seen < steps && ::read(ends[0], &c, 1) == 1;) {
    if (c != '\n' && c != '\r') {
      line += c;
      continue;
    }
    if (line.find("| loss") != std::string::npos) (seen++ == 0 ? first : last) = Clock::now();
    line.clear();
  }
  ::close(ends[0]);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (seen < steps) {
    fail(SystemError(in_quotes(script) + " stopped after " + std::to_string(seen) + " steps of " +
                     std::to_string(steps) +
                     "; does python3 run it by hand, and does it print a line for each step?"));
  }
  const double ms = std::chrono::duration<double, std::milli>(last - first).count() / (seen - 1);
  return {.name = "python3 " + std::filesystem::path(script).filename().string(),
          .ms = ms,
          .best_ms = ms,
          .gflops = plan.flops / ms * 1e-6};
}

void print_json(const Plan& plan, const std::vector<Row>& rows) {
  Json json;
  json.object()
      .field("steps", plan.start.options.steps)
      .field("num_docs", plan.start.names.docs.size())
      .key("rows")
      .array();
  for (const Row& row : rows) {
    json.object()
        .field("name", row.name)
        .field("ms", row.ms)
        .field("best_ms", row.best_ms)
        .field("gflops", row.gflops);
    json.field("loss_difference", row.difference).end();
  }
  print(json.end().end().text() + "\n");
}

void print_text(const Plan& plan, const std::vector<Row>& rows) {
  print(ink(Ink::bold,
            format("microgpt, %s names, %d steps",
                   with_commas(static_cast<std::int64_t>(plan.start.names.docs.size())).c_str(),
                   plan.start.options.steps),
            stdout) +
        "\n");
  print(ink(Ink::dim,
            format("  %-44s %10s %10s %9s %9s   %s\n", "", "ms a step", "steps/s", "GFLOP/s", "",
                   "losses differ by"),
            stdout));
  const double slowest = std::max_element(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
                           return a.ms < b.ms;
                         })->ms;
  for (const Row& row : rows) {
    print(format("  %-44s %10.4f %10.0f %9.3f %8.0fx   ", row.name.c_str(), row.ms, 1000 / row.ms,
                 row.gflops, slowest / row.ms) +
          (&row == rows.data() || row.difference == 0 ? "" : format("%.1g", row.difference)) +
          "\n");
  }
}

ExitCode run(const Arguments& args) {
  Plan plan{.start = MicroStart(open_names(args),
                                {.steps = static_cast<int>(args.integer("steps")),
                                 .seed = static_cast<std::uint64_t>(args.integer("seed"))}),
            .runs = static_cast<int>(args.integer("runs"))};
  plan.flops = flops_of(plan.start);
  Machine machine = open_machine(args);
  const Device device = std::move(machine.backend);
  const Device reference = make_reference_backend();

  std::vector<double> losses;
  std::vector<Row> rows;
  rows.push_back(measure(plan, losses, "scalar engine, f64",
                         [&] { return std::make_unique<ScalarMicrogpt>(plan.start); }));
  rows.push_back(measure(plan, losses, "tensor engine, reference, f64", [&] {
    return std::make_unique<TensorMicrogpt>(plan.start, reference, DType::f64);
  }));
  rows.push_back(measure(
      plan, losses, "tensor engine, " + std::string(device->name()) + ", " + name_of(machine.dtype),
      [&] { return std::make_unique<TensorMicrogpt>(plan.start, device, machine.dtype); }));
  if (args.has("python"))
    rows.push_back(
        measure_python(plan, args.text("python"), static_cast<int>(args.integer("python-steps"))));
  if (args.flag("json")) print_json(plan, rows);
  else print_text(plan, rows);
  return ExitCode::ok;
}

// clang-format off
const Option kOperands[] = {
    {.name = "NAMES", .help = "a text file with one name a line; without it, the names in this program"},
};
const Option kOptions[] = {
    {.name = "steps",        .type = Type::integer, .value = "N", .fallback = "1000", .min = 1, .max = 1e6, .help = "training steps of a run", .group = "What to measure"},
    {.name = "runs",         .type = Type::integer, .value = "N", .fallback = "5", .min = 1, .max = 1000, .help = "runs of each engine, of which the median counts"},
    {.name = "python",       .value = "FILE", .help = "a microgpt.py to run beside them, with python3"},
    {.name = "python-steps", .type = Type::integer, .value = "N", .fallback = "30", .min = 2, .max = 1e6, .help = "steps to wait for in Python"},
    {.name = "seed",         .type = Type::integer, .value = "N", .fallback = "42", .min = 0, .help = "where the random numbers start"},
};
const Example kExamples[] = {
    {"glass bench micro", "both engines, side by side"},
    {"glass bench micro --python tests/peers/microgpt.py", "and the same program in Python"},
};
// clang-format on

}   // namespace

extern const Command kBenchMicro = {
    .name = "micro",
    .summary = "microgpt on both engines, and in Python",
    .about =
        "The same training steps, from the same weights, on the scalar tape, on tensors on the "
        "reference device in double, and on "
        "tensors on the device of your choice.",
    .examples = kExamples,
    .operands = kOperands,
    .options = kOptions,
    .run = run};

}   // namespace glass
