// glass grads: loss and gradients for one batch, as a file that other programs can compare with
// theirs.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <optional>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "model/formats/elements.h"
#include "model/formats/llmc.h"
#include "model/formats/npy.h"
#include "tools/saved.h"
#include "tools/terminal.h"

namespace glass {
namespace {

// B rows of T + 1 tokens: the first T of a row are read, the last T are what should be predicted.
struct Batch {
  std::int64_t B = 0, T = 0;
  std::vector<std::int32_t> inputs, targets;
};

// How far our numbers are from those that a debug state of llm.c holds, which are PyTorch's.
struct Comparison {
  double loss = 0;       // theirs
  double logits = 0;     // the largest difference
  double gradient = 0;   // of the worst tensor: |difference| / |theirs|
  std::string worst;     // its name
};

struct Result {
  double loss = 0, grad_norm = 0;
  std::vector<StoredTensor> tensors;   // what goes into the file
  std::optional<Comparison> comparison;
};

Batch read_npy_batch(const std::string& path, const GPTConfig& config) {
  const IntegerArray array = load_npy_integers(path);
  const auto refuse = [&](const std::string& reason) {
    fail(ContentError(in_quotes(path) + " " + reason));
  };
  if (array.shape.size() != 2 || array.shape[0] < 1 || array.shape[1] < 2)
    refuse("must hold B rows of T + 1 tokens, as an array with two dimensions.");
  Batch batch{array.shape[0], array.shape[1] - 1, {}, {}};
  if (batch.T > config.block_size) {
    refuse("has rows of " + std::to_string(batch.T) + " + 1 tokens, and this model reads " +
           std::to_string(config.block_size) + " at most.");
  }
  for (std::size_t i = 0; i < array.values.size(); ++i) {
    const std::int64_t id = array.values[i];
    const std::int64_t column = static_cast<std::int64_t>(i) % (batch.T + 1);
    if (id < 0 || id >= config.vocab_size) {
      refuse("holds the token " + std::to_string(id) + " in row " +
             std::to_string(static_cast<std::int64_t>(i) / (batch.T + 1)) +
             ", and this model knows 0 .. " + std::to_string(config.vocab_size - 1) + ".");
    }
    if (column < batch.T) batch.inputs.push_back(static_cast<std::int32_t>(id));
    if (column > 0) batch.targets.push_back(static_cast<std::int32_t>(id));
  }
  return batch;
}

// A weight that the loss does not depend on has a gradient too: zeros.
Tensor gradient_of(const Parameter& p) {
  return p.touched ? p.grad : Tensor::full(p.value.device(), p.value.shape(), 0, p.value.dtype());
}

double squares_of(const Tensor& x) {
  double sum = 0;
  for (const double value : x.to_host()) sum += value * value;
  return sum;
}

Result compute(LanguageModel& model, const Batch& batch) {
  Result r;
  const Tensor inputs = Tensor::ids(model.device(), batch.inputs, {batch.B, batch.T});
  const Tensor targets = Tensor::ids(model.device(), batch.targets, {batch.B, batch.T});
  Tape tape;
  Pass learning(&tape), looking;
  for (Parameter* p : model.parameters()) p->zero_grad();
  const Tensor loss = model.loss(learning, inputs, targets);
  tape.backward(loss);
  r.loss = loss.item();
  double squares = 0;
  for (const Parameter* p : model.parameters()) {
    const Tensor grad = gradient_of(*p);
    squares += squares_of(grad);
    r.tensors.push_back(stored(p->name, grad));
  }
  r.grad_norm = std::sqrt(squares);
  r.tensors.push_back(stored("logits", model.logits(looking, inputs)));
  StoredTensor scalar = stored("loss", loss);
  scalar.shape = {};
  r.tensors.push_back(scalar);
  if (!std::isfinite(r.loss) || !std::isfinite(r.grad_norm)) {
    fail(NonFiniteError("the loss is " + shortest(r.loss) + " and the norm of the gradient " +
                        shortest(r.grad_norm) + ": the weights of this model are damaged."));
  }
  return r;
}

// What is not finite is as far away as can be: std::max would drop it.
double finite_or_infinite(double x) {
  return std::isfinite(x) ? x : std::numeric_limits<double>::infinity();
}

struct Distance {
  double most = 0;       // the largest difference of two numbers
  double relative = 0;   // |difference| / |theirs|
};

// Of two tensors with as many numbers, whatever types they have.
Distance distance(const StoredTensor& ours, const StoredTensor& theirs) {
  const StoredTensor a = as_type(ours, StoredType::f64), b = as_type(theirs, StoredType::f64);
  std::vector<double> x(a.bytes.size() / sizeof(double)), y(x.size());
  std::memcpy(x.data(), a.bytes.data(), a.bytes.size());
  std::memcpy(y.data(), b.bytes.data(), b.bytes.size());
  Distance found;
  double squares = 0, length = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double d = x[i] - y[i];
    found.most = std::max(found.most, finite_or_infinite(std::abs(d)));
    squares += d * d, length += y[i] * y[i];
  }
  if (squares != 0) found.relative = finite_or_infinite(std::sqrt(squares / length));
  return found;
}

// Gradients that a model has and llm.c has not (or the other way around) are left out: a model
// without biases has zeros for them in llm.c's files. To compare nothing is no agreement.
Comparison compare(const Result& ours, const LlmcDebug& theirs, const std::string& what) {
  Comparison found;
  found.loss = static_cast<double>(theirs.loss);
  bool logits = false;
  std::vector<StoredTensor> all = theirs.gradients;
  all.push_back(theirs.logits);
  for (const StoredTensor& tensor : all) {
    const auto same = std::find_if(
        ours.tensors.begin(), ours.tensors.end(),
        [&](const StoredTensor& t) { return t.name == tensor.name && t.shape == tensor.shape; });
    if (same == ours.tensors.end()) continue;
    const Distance d = distance(*same, tensor);
    if (tensor.name == "logits") found.logits = d.most, logits = true;
    else if (found.worst.empty() || d.relative > found.gradient)
      found.gradient = d.relative, found.worst = tensor.name;
  }
  if (!logits || found.worst.empty())
    fail(ContentError(what + " has no " + (logits ? "gradient" : "logits") +
                      " of this model's shape: there is nothing to compare."));
  return found;
}

ExitCode run(const Arguments& args) {
  const Opened opened = open_saved(args);
  const std::string& path = args.text("tokens-file");
  const FileSource file(path);
  std::optional<LlmcDebug> debug;
  if (is_llmc(file, kLlmcDebug)) {
    debug = read_llmc_debug(file, llmc_header_for(opened.config(), opened.saved.path));
    if (debug->T > opened.config().block_size)
      fail(ContentError(file.name() + " has rows of " + std::to_string(debug->T) +
                        " tokens, and this model reads " +
                        std::to_string(opened.config().block_size) + " at most."));
  }
  const Batch batch =
      debug ? Batch{debug->B, debug->T, debug->x, debug->y} : read_npy_batch(path, opened.config());
  Result r = compute(opened.model(), batch);
  if (debug) r.comparison = compare(r, *debug, file.name());
  if (args.has("out")) {
    save_safetensors(args.text("out"), r.tensors,
                     {{"checkpoint", opened.saved.path}, {"digest", opened.saved.digest}});
  }
  if (args.flag("json")) {
    Json json;
    begin_json(json, args, opened);
    json.field("loss", r.loss).field("grad_norm", r.grad_norm);
    json.field("batch", std::vector<std::int64_t>{batch.B, batch.T});
    if (r.comparison) {
      json.key("theirs").object().field("loss", r.comparison->loss);
      json.field("logits_differ", r.comparison->logits);
      json.field("gradients_differ", r.comparison->gradient).field("worst", r.comparison->worst);
      json.end();
    }
    if (args.has("out")) json.field("out", args.text("out"));
    print(json.end().text() + "\n");
    return ExitCode::ok;
  }
  print(format("loss %.6f, norm of the gradient %.6f, over %s rows of %s tokens\n", r.loss,
               r.grad_norm, with_commas(batch.B).c_str(), with_commas(batch.T).c_str()));
  if (r.comparison) {
    print(
        format("theirs: loss %.6f; logits differ by at most %.2g, gradients by %.2g of their "
               "length (%s)\n",
               r.comparison->loss, r.comparison->logits, r.comparison->gradient,
               r.comparison->worst.c_str()));
  }
  if (args.has("out")) print("gradients and logits in " + args.text("out") + "\n");
  return ExitCode::ok;
}

// clang-format off
const Option kOptions[] = {
    kCkptOption,
    {.name = "tokens-file", .value = "FILE", .help = "a .npy with B rows of T + 1 tokens, or a debug state "
     "of llm.c: then its numbers are compared with ours",
     .group = "Batch", .required = true},
    {.name = "out", .value = "FILE.safetensors", .help = "write the gradient of every parameter under its name, "
     "logits (B, T, V), and loss", .also = "o", .group = "Result"},
};
const Example kExamples[] = {
    {"glass grads --ckpt out/names --tokens-file batch.npy -o grads.safetensors", "for comparing with another program"},
};
// clang-format on

}   // namespace

extern const Command kGrads = {.name = "grads",
                               .summary = "compute loss and gradients for one batch",
                               .about = "",
                               .examples = kExamples,
                               .options = kOptions,
                               .run = run};

}   // namespace glass
