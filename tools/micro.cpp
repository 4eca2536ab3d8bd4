// glass micro: train microgpt on a list of names and let it make up new ones. Line for line what
// microgpt.py prints.
#include "tools/micro.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "kernels/backends.h"
#include "model/builtin_names.h"
#include "model/microgpt_tensor.h"
#include "tools/machine.h"
#include "tools/micro_pause.h"
#include "tools/terminal.h"

namespace glass {

MicroNames open_names(const Arguments& args) {
  if (!args.has("NAMES")) return read_names(builtin_names(), "the list in this program");
  const std::string& path = args.text("NAMES");
  return read_names(read_text_file(path, "the names"), in_quotes(path));
}

namespace {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// What one run has to tell; the text and the JSON are two views of it.
struct Result {
  std::string engine, device;
  std::vector<double> losses;   // for the JSON alone: the text has said them
  std::vector<std::string> samples;
  double ms_per_step = 0;       // 0 where a person set the pace
};

// The scalar engine is doubles on one thread of the processor. A wish for anything else must not be
// dropped in silence.
void refuse_machine_options(const Arguments& args) {
  for (const char* name : {"device", "isa", "threads", "dtype"}) {
    if (args.source(name) == Source::command_line) {
      fail(UsageError(
          "--" + std::string(name) +
          " goes with --engine tensor; the scalar engine computes in double, on one thread."));
    }
  }
}

std::unique_ptr<Microgpt> open_model(const Arguments& args, Result& result) {
  MicroStart start(open_names(args), {.steps = static_cast<int>(args.integer("steps")),
                                      .seed = static_cast<std::uint64_t>(args.integer("seed")),
                                      .temperature = args.number("temperature")});
  result.engine = args.text("engine");
  if (result.engine == "scalar") {
    refuse_machine_options(args);
    result.device = "f64, one node for each operation";
    return std::make_unique<ScalarMicrogpt>(std::move(start));
  }
  if (args.flag("pause"))
    fail(UsageError("--pause steps through the scalar engine; leave --engine tensor out."));
  if (args.text("dtype") == "bf16") {
    fail(UsageError("--dtype bf16: microgpt's products are too small to gain from it; leave it out, or train a "
                    "larger model with glass train."));
  }
  Machine machine = open_machine(args);
  result.device = std::string(machine.backend->name()) + ", " + name_of(machine.dtype);
  return std::make_unique<TensorMicrogpt>(std::move(start), std::move(machine.backend),
                                          machine.dtype);
}

// On a terminal the line of a step is written over the one before, as microgpt.py does.
class StepLines {
 public:
  StepLines(int steps, bool rewrite) : steps_(steps), rewrite_(rewrite) {}
  void show(int step, double loss) {
    const bool last = step == steps_, due = ms_since(shown_) > 30;
    if (rewrite_ && !due && !last) return;
    print(format("step %4d / %4d | loss %.4f", step, steps_, loss) +
          (rewrite_ && !last ? "\r" : "\n"));
    if (!due && !last) return;
    flush_stdout();
    shown_ = Clock::now();
  }

 private:
  int steps_;
  bool rewrite_;
  Clock::time_point shown_ = {};
};

void print_json(const Arguments& args, const Microgpt& model, const Result& result) {
  Json json;
  json.object()
      .field("num_docs", model.start().names.docs.size())
      .field("vocab_size", model.start().names.vocab());
  json.field("num_params", model.start().parameters())
      .field("engine", result.engine)
      .field("device", result.device);
  json.field("steps", args.integer("steps"))
      .field("seed", args.integer("seed"))
      .field("temperature", args.number("temperature"));
  json.field("losses", result.losses)
      .field("samples", result.samples)
      .field("ms_per_step", result.ms_per_step);
  print(json.end().text() + "\n");
}

ExitCode run(const Arguments& args) {
  const bool text = !args.flag("json");
  if (args.flag("pause") && !text)
    fail(UsageError("--pause is for people and --json for programs; choose one."));
  Result result;
  const std::unique_ptr<Microgpt> model = open_model(args, result);
  if (text) {
    print(format("num docs: %zu\nvocab size: %d\nnum params: %d\n",
                 model->start().names.docs.size(), model->start().names.vocab(),
                 model->start().parameters()));
  }

  const int steps = static_cast<int>(args.integer("steps"));
  StepLines lines(steps, is_terminal(stdout) && !args.flag("pause"));
  if (args.flag("pause")) {
    MicroStepper stepper(static_cast<ScalarMicrogpt&>(*model));
    for (int step = 1; step <= steps; ++step) {
      const double loss = stepper.step();
      if (stepper.left()) return ExitCode::ok;
      lines.show(step, loss);
    }
  } else {
    for (int step = 1; step <= steps; ++step) {
      const auto began = Clock::now();
      const double loss = model->step();
      result.ms_per_step += ms_since(began) / steps;
      if (text) lines.show(step, loss);
      else result.losses.push_back(loss);
    }
  }

  if (text) print("\n--- inference (new, hallucinated names) ---\n");
  for (std::int64_t i = 1; i <= args.integer("samples"); ++i) {
    result.samples.push_back(model->sample());
    if (text) print(format("sample %2d: ", static_cast<int>(i)) + result.samples.back() + "\n");
  }
  flush_stdout();
  if (!text) print_json(args, *model, result);
  if (result.ms_per_step > 0) {
    std::fputs(format("%s engine (%s): %.4f ms a step\n", result.engine.c_str(),
                      result.device.c_str(), result.ms_per_step)
                   .c_str(),
               stderr);
  }
  return ExitCode::ok;
}

// clang-format off
const Option kOperands[] = {
    {.name = "NAMES", .help = "a text file with one name a line; without it, the names in here"},
};
const Option kOptions[] = {
    {.name = "steps", .type = Type::integer, .value = "N", .fallback = "1000", .min = 1, .max = 1e9,
     .help = "training steps, one name each", .also = "max-iters", .group = "Training"},
    {.name = "engine", .type = Type::choice, .fallback = "scalar", .choices = "scalar|tensor",
     .help = "scalar: chapter 1, a node for every single operation. "
             "tensor: chapter 2, the same program on whole matrices"},
    {.name = "seed", .type = Type::integer, .value = "N", .fallback = "42", .min = 0,
     .help = "where the random numbers start; they are Python's, so the output is microgpt.py's"},
    {.name = "pause", .type = Type::flag,
     .help = "stop at every operation and show it: inputs, result, line of the program; then "
             "backward, from the end. Enter goes on, h shows how to go faster"},
    {.name = "samples", .type = Type::integer, .value = "N", .fallback = "20", .min = 0, .max = 1e6,
     .help = "names to make up at the end", .also = "num-samples", .group = "Sampling"},
    {.name = "temperature", .type = Type::number, .value = "X", .fallback = "0.5",
     .min = 0.01, .max = 100, .help = "low is careful, high is daring", .also = "temp"},
};
const Example kExamples[] = {
    {"glass micro", "learn the built-in names in a quarter of a second, then make up twenty"},
    {"glass micro names.txt --engine tensor", "the same program on tensors, on a list of your own"},
    {"glass micro --pause --steps 1", "one training step, one operation at a time"},
};
// clang-format on

}   // namespace

extern const Command kMicro = {.name = "micro",
                               .summary = "train microgpt, the smallest GPT, on names",
                               .about =
                                   "A GPT of 4,192 weights learns which letter follows which. "
                                   "Every addition and multiplication is a node on a tape "
                                   "(engine/value.h), so the whole of training can be looked at. "
                                   "Prints what microgpt.py prints, from the same random numbers.",
                               .examples = kExamples,
                               .operands = kOperands,
                               .options = kOptions,
                               .run = run};

}   // namespace glass
