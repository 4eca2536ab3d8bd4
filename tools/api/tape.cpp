// The tape of one training step: a forward and a backward of the open model, for one text, with
// what every op took and kept. The rows are those of `glass trace --json` (engine/trace.h); the
// scope of a weight is its name.
#include <algorithm>
#include <set>

#include "engine/base/text.h"
#include "engine/trace.h"
#include "tools/api/endpoints.h"
#include "tools/api/prompt.h"
#include "tools/sources.h"

namespace glass {
namespace {

constexpr std::int64_t kMostWeights = std::int64_t{1} << 28;   // their gradients take 1 GiB

// Of each time the least: whoever else computes on this machine only ever adds to it.
constexpr int kRuns = 3;
void keep_least(Trace& trace, Trace run) {
  for (std::size_t i = 0; i < trace.nodes.size(); ++i) {
    TraceNode &one = run.nodes.at(i), &other = trace.nodes[i];
    one.forward_ms = std::min(one.forward_ms, other.forward_ms);
    one.backward_ms = std::min(one.backward_ms, other.backward_ms);
  }
  trace = std::move(run);
}

// Every token is asked for the one behind it.
struct Step {
  std::vector<std::int32_t> read, next;
  explicit Step(const std::vector<std::int32_t>& ids)
      : read(ids.begin(), ids.end() - 1), next(ids.begin() + 1, ids.end()) {}

  Tensor row(const std::vector<std::int32_t>& ids, const Device& device) const {
    return Tensor::ids(device, ids, {1, static_cast<std::int64_t>(ids.size())});
  }
  double run(LanguageModel& model, Tape& tape) const {
    Pass pass(&tape);
    pass.mode = Mode::train;
    const Tensor loss = model.loss(pass, row(read, model.device()), row(next, model.device()));
    tape.backward(loss);
    return loss.item();
  }
};

// Gradients are of no use to a model that nobody trains; their memory goes back.
class Gradients {
 public:
  explicit Gradients(LanguageModel& model) : model_(model) { forget(); }
  ~Gradients() {
    for (Parameter* p : model_.parameters()) p->grad = {};
    forget();
  }
  Gradients(const Gradients&) = delete;
  Gradients& operator=(const Gradients&) = delete;
  void forget() {
    for (Parameter* p : model_.parameters()) p->zero_grad();
  }

 private:
  LanguageModel& model_;
};

// Those of the files on the tape that GET /api/source can show.
void put_sources(Json& json, const Trace& trace) {
  std::set<std::string> files;
  for (const TraceNode& node : trace.nodes) files.insert(node.file);
  json.key("sources").array();
  for (const std::string& file : files)
    if (const SourceFile* source = find_source(file))
      json.object().field("path", source->path).field("name", source->name).end();
  json.end();
}

}   // namespace

Answer api_tape(Session& session, const Call& call) {
  const auto opened = session.model();
  const std::vector<std::int32_t> ids = tokens_asked(call, *opened);
  if (ids.size() < 2)
    throw bad_value("a step needs two tokens at least: what comes behind the first one");
  LanguageModel& model = opened->model();
  if (model.count() > kMostWeights)
    throw ApiError(413, "too_much",
                   "the gradients of " + with_commas(model.count()) +
                       " weights are more than a page should ask for",
                   "a smaller model has the same tape");
  const Step step(ids);

  const auto computing = session.computing();
  Gradients gradients(model);
  Tape tape;
  double loss = step.run(model, tape);   // pays for memory and cold caches
  Trace trace;
  for (int run = 0; run < kRuns; ++run) {
    tape.clear();
    gradients.forget();
    Tracer tracer(tape);
    loss = step.run(model, tape);
    keep_least(trace, tracer.take());
  }
  trace.program = "one training step on " + std::to_string(step.read.size()) + " tokens";
  trace.device = opened->machine.backend->name();

  Json json;
  json.object().field("tokens", ids).field("strings", texts_of(*opened, ids)).field("loss", loss);
  put_sources(json, trace);
  json.key("trace");
  write(json, trace);
  json.end();
  return {json.text()};
}

}   // namespace glass
