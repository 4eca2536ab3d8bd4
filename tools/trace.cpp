// glass trace: one step of a small program, node by node: what ran, where it stands in the source,
// what it cost.
#include "engine/trace.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "model/builtin_names.h"
#include "model/microgpt_tensor.h"
#include "tools/interp/interp.h"
#include "tools/machine.h"
#include "tools/model_step.h"
#include "tools/terminal.h"
#include "tools/text_options.h"

namespace glass {
namespace {

constexpr Option kModelOption = [] {
  Option option = kCkptOption;
  option.help = "a step of this model instead: a checkpoint, a run, handmade:induction";
  option.group = {};
  option.required = false;
  return option;
}();

// clang-format off
const Option kOptions[] = {
    {.name = "program", .type = Type::choice, .fallback = "tensor",
     .choices = "tensor|scalar|scalar-microgpt",
     .help = "tensor: a training step of microgpt on arrays; scalar: one neuron, number by number; "
             "scalar-microgpt: the step of microgpt, number by number", .group = "What runs"},
    kModelOption,
    kTokenizerOption,
    kRanksOption,
    {.name = "prompt", .value = "TEXT", .help = "with --ckpt, the text of the step; - reads it from stdin"},
    {.name = "tokens", .value = "1,2,3", .help = "the text as token ids"},
    {.name = "scale", .type = Type::number, .value = "X", .fallback = "1",
     .help = "multiply the starting weights: see how too large or too small ones show in |value| "
             "and |grad|"},
    {.name = "seed", .type = Type::integer, .value = "N", .fallback = "42", .min = 0,
     .help = "of the starting weights and the choice of the name"},
    {.name = "debug-nan", .type = Type::flag,
     .help = "stop at the first value or gradient that is not finite, and name its node"},
    {.name = "compare", .type = Type::choice, .value = "DEVICE", .choices = "cpu|reference",
     .help = "run the step on this device too, and stop at the first value or gradient that "
             "differs; exit code 1 if one does"},
    {.name = "tolerance", .type = Type::number, .value = "X", .fallback = "1e-4", .min = 0,
     .help = "what --compare lets pass, as a part of a tensor's size (the root of the mean of its "
             "squares)"},
    {.name = "dot", .type = Type::flag, .help = "write the graph for Graphviz", .group = "Output"},
    {.name = "svg", .type = Type::flag, .help = "write the graph as a picture"},
    {.name = "output", .value = "FILE", .help = "write into a file instead of standard output",
     .also = "o"},
    {.name = "last", .type = Type::integer, .value = "N", .fallback = "100", .min = 0,
     .help = "show only the last N nodes; 0: all of them"},
};
const Example kExamples[] = {
    {"glass trace", "every op of one training step, with its cost"},
    {"glass trace --ckpt handmade:induction --prompt abcabc", "the same of a model, on one text"},
    {"glass trace --svg -o step.svg", "the same as a picture"},
    {"glass trace --program scalar", "one neuron: slopes and gradients, number by number"},
    {"glass trace --compare reference", "do the fast kernels compute what the obvious ones do?"},
};
// clang-format on

MicroStart start_of(const Arguments& args) {
  MicroOptions options;
  options.seed = static_cast<std::uint64_t>(args.integer("seed"));
  MicroStart start(read_names(builtin_names(), "The list of names"), options);
  for (MicroWeight& w : start.weights) {
    for (double& x : w.values) x *= args.number("scale");
  }
  return start;
}

std::string title_of(const MicroStart& start, const char* engine) {
  const std::vector<int> tokens = start.names.tokens(0);
  return "one training step of microgpt on the name " +
         start.names.text(std::span(tokens).subspan(1, tokens.size() - 2)) + ", " + engine;
}

// One neuron of chapter 1, and how far its answer is from 3.
Trace trace_neuron() {
  scalar::Tape tape;
  const scalar::Value x = tape.number(2), w = tape.number(-3), b = tape.number(10);
  const scalar::Value y = relu(w * x + b);
  const scalar::Value loss = pow(y - 3, 2);
  tape.backward(loss);
  Trace trace = trace_of(tape);
  trace.program = "loss = (relu(w x + b) - 3)^2 at x = 2, w = -3, b = 10";
  return trace;
}

Trace trace_scalar(const Arguments& args) {
  ScalarMicrogpt model(start_of(args));
  const std::vector<int> tokens = model.start().names.tokens(0);
  model.backward(model.loss_of(tokens));
  Trace trace = trace_of(model.tape());
  trace.program = title_of(model.start(), "number by number");
  return trace;
}

// A step of microgpt on one machine, with everything kept that somebody may want to look at.
struct TensorStep {
  TensorMicrogpt model;
  Trace trace;

  TensorStep(const Arguments& args, Machine machine)
      : model(start_of(args), Device(std::move(machine.backend)), machine.dtype) {
    Tape& tape = model.tape();
    tape.stop_at_nonfinite = args.flag("debug-nan");
    tape.keep_values = tape.keep_grads = args.has("compare");
    const std::vector<int> tokens = model.start().names.tokens(0);
    // The first run pays for memory and cold caches; the second is traced.
    model.backward(model.loss_of(tokens));
    tape.clear();
    for (Parameter& p : model.parameters()) p.zero_grad();
    Tracer tracer(tape);
    const Tensor loss = model.loss_of(tokens);
    model.backward(loss);
    trace = tracer.take();
    trace.program = title_of(model.start(), "array by array");
    trace.device = loss.backend().name();
  }
};

// A step of a model that is there already.
Trace trace_model(const Arguments& args) {
  const Opened opened = open_saved(args);
  Trace trace = trace_step(opened.model(), tokens_asked(args, opened)).trace;
  trace.program += " of " + opened.saved.path;
  return trace;
}

void keep_last(Trace& trace, std::int64_t last) {
  const std::size_t all = trace.nodes.size(), most = static_cast<std::size_t>(last);
  if (last == 0 || all <= most) return;
  trace.nodes.erase(trace.nodes.begin(), trace.nodes.end() - static_cast<std::ptrdiff_t>(most));
  std::fprintf(stderr, "the last %s of %s nodes; --last 0 shows all of them\n",
               with_commas(last).c_str(), with_commas(static_cast<std::int64_t>(all)).c_str());
}

void deliver(const Arguments& args, const std::string& text) {
  if (args.has("output")) write_whole_file(args.text("output"), text);
  else print(text);
}

void refuse_nonsense(const Arguments& args) {
  const int forms = args.flag("dot") + args.flag("svg") + args.flag("json");
  if (forms > 1)
    fail(UsageError("--dot, --svg and --json are three forms of one result; choose one."));
  const bool tensor = args.text("program") == "tensor";
  for (const char* name : {"compare", "debug-nan"}) {
    const bool given = std::strcmp(name, "compare") == 0 ? args.has(name) : args.flag(name);
    if (given && !tensor)
      fail(UsageError("--" + std::string(name) +
                      " needs --program tensor; numbers of their own have no device."));
  }
  for (const char* name : {"program", "scale", "compare", "debug-nan"})
    if (args.has("ckpt") && args.source(name) != Source::fallback)
      fail(UsageError("--" + std::string(name) +
                      " is for the steps of microgpt; leave it out, or leave out --ckpt."));
  for (const char* name : {"prompt", "tokens", "tokenizer"})
    if (args.has(name) && !args.has("ckpt"))
      fail(UsageError("--" + std::string(name) + " needs a model that reads it: --ckpt."));
  if (args.has("compare") && (args.flag("dot") || args.flag("svg")))
    fail(UsageError("--compare answers in text or --json, not as a picture."));
}

ExitCode show(const Arguments& args) {
  const std::string& program = args.text("program");
  Trace trace = args.has("ckpt")               ? trace_model(args)
                : program == "scalar"          ? trace_neuron()
                : program == "scalar-microgpt" ? trace_scalar(args)
                                               : TensorStep(args, open_machine(args)).trace;
  keep_last(trace, args.integer("last"));
  constexpr std::size_t kMostInAPicture = 2000;
  if ((args.flag("svg") || args.flag("dot")) && trace.nodes.size() > kMostInAPicture) {
    fail(UsageError("a picture of " + with_commas(static_cast<std::int64_t>(trace.nodes.size())) +
                    " nodes shows nothing; use --last " + std::to_string(kMostInAPicture) +
                    " or fewer."));
  }
  if (args.flag("json")) {
    Json json;
    write(json, trace);
    deliver(args, json.text() + "\n");
  } else if (args.flag("dot")) {
    deliver(args, dot(trace));
  } else if (args.flag("svg")) {
    deliver(args, svg(trace));
  } else {
    const std::string on = trace.device.empty() ? "" : ", on " + trace.device;
    deliver(args, trace.program + on + "\n\n" + str(trace));
  }
  return ExitCode::ok;
}

struct Comparison {
  std::string one, other;   // devices
  std::size_t nodes = 0;
  double tolerance = 0;
  Difference difference;
  std::string node, place, element;   // of the difference
};

std::string index_text(std::int64_t element, const Shape& shape) {
  std::vector<std::string> index(static_cast<std::size_t>(shape.rank));
  for (int axis = shape.rank - 1; axis >= 0; --axis) {
    index[static_cast<std::size_t>(axis)] = std::to_string(element % shape.size[axis]);
    element /= shape.size[axis];
  }
  return "[" + join(index, ",") + "]";
}

std::string text_of(const Comparison& c) {
  const Difference& d = c.difference;
  if (!d.unlike.empty())
    return c.one + " and " + c.other + " did not record the same ops: " + d.unlike + "\n";
  if (!d.found) {
    return c.one + " and " + c.other + " agree in the value and the gradient of all " +
           std::to_string(c.nodes) + " nodes, within " + format("%g", c.tolerance) +
           " of their size\n";
  }
  const std::size_t width = std::max(c.one.size(), c.other.size());
  const auto line = [&](const std::string& device, double x) {
    return "  " + device + std::string(width + 2 - device.size(), ' ') + format("%.9g", x) + "\n";
  };
  return "the first difference is in the " + std::string(d.in_gradient ? "gradient" : "value") +
         " of " + c.node + ", " + c.place + ", at " + c.element + "\n" + line(c.one, d.a) +
         line(c.other, d.b) + "  apart by " + format("%.2g", std::abs(d.a - d.b) / d.size) +
         " of its size, " + format("%g", c.tolerance) + " is allowed\n";
}

std::string json_of(const Comparison& c) {
  const Difference& d = c.difference;
  Json json;
  json.object()
      .field("devices", std::vector<std::string>{c.one, c.other})
      .field("nodes", c.nodes)
      .field("tolerance", c.tolerance);
  json.field("agree", !d.found);
  if (!d.unlike.empty()) json.field("unlike", d.unlike);
  else if (d.found) {
    json.key("first")
        .object()
        .field("node", d.node)
        .field("in", d.in_gradient ? "gradient" : "value")
        .field("op", c.node);
    json.field("place", c.place)
        .field("element", c.element)
        .field("a", d.a)
        .field("b", d.b)
        .field("size", d.size)
        .end();
  }
  return json.end().text() + "\n";
}

ExitCode compare(const Arguments& args) {
  Machine first = open_machine(args), second;
  second.dtype = first.dtype;
  second.backend =
      make_backend(args.text("compare"), "auto", static_cast<int>(args.integer("threads")));
  if (!second.backend->supports(second.dtype)) {
    fail(UsageError("--compare " + args.text("compare") + " does not compute in " +
                    args.text("dtype") + "; use --dtype f32."));
  }
  TensorStep one(args, std::move(first)), other(args, std::move(second));
  Comparison result{one.trace.device,
                    other.trace.device,
                    one.model.tape().size(),
                    args.number("tolerance"),
                    {},
                    "",
                    "",
                    ""};
  result.difference = first_difference(one.model.tape(), other.model.tape(), result.tolerance);
  if (result.difference.node >= 0) {
    const Node& node = one.model.tape().node(static_cast<std::size_t>(result.difference.node));
    result.node = "%" + std::to_string(node.id) + " " + node.op + " " + str(node.shape);
    result.place = std::string(node.where.file) + ":" + std::to_string(node.where.line) +
                   (*node.scope ? std::string(", ") + node.scope : "");
    result.element = index_text(result.difference.element, node.shape);
  }
  deliver(args, args.flag("json") ? json_of(result) : text_of(result));
  return result.difference.found ? ExitCode::internal : ExitCode::ok;
}

ExitCode run(const Arguments& args) {
  refuse_nonsense(args);
  return args.has("compare") ? compare(args) : show(args);
}

}   // namespace

extern const Command kTrace = {
    .name = "trace",
    .summary = "one training step, node by node: what ran, where, what it cost",
    .about =
        "Runs a step and prints its tape: every node with the shape it made, what "
        "it was made from, the line of the source "
        "that made it, the time it took forward and backward, the memory it keeps "
        "for backward, and how large its value and "
        "its gradient are (the root of the sum of squares). Times are of one run, "
        "those of a model with --ckpt the least of three, and include looking at the clock.",
    .examples = kExamples,
    .options = kOptions,
    .run = run};

}   // namespace glass
