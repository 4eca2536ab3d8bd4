// The guide's questions: POST /api/micro/{action}. Each action is a row of a table, and answers
// from the session's MicroLab.
#include <algorithm>

#include "engine/base/json.h"
#include "tools/api/endpoints.h"
#include "tools/api/micro_lab.h"
#include "tools/api/value_trace.h"

namespace glass {
namespace {

constexpr std::int64_t kMostSteps = 100000;

std::vector<float> short_numbers(std::span<const double> values) {
  std::vector<float> few;   // half the digits: they are looked at, not computed with
  for (const double x : values) few.push_back(static_cast<float>(x));
  return few;
}

void put_tokens(Json& json, const MicroLab& lab, std::span<const int> tokens) {
  json.key("tokens").array();
  for (const int token : tokens) json.value(token);
  json.end().key("strings").array();
  for (const int token : tokens) json.value(lab.letter(token));
  json.end();
}

void put_state(Json& json, const MicroLab& lab) {
  const MicroStart& start = lab.start();
  json.field("steps", lab.steps_done()).field("max_steps", start.options.steps);
  json.field("names", start.names.docs.size()).field("vocab", start.names.vocab());
  json.field("bos", start.names.bos()).field("parameters", start.parameters());
  json.field("positions", kMicroT).field("channels", kMicroC).field("heads", kMicroH);
  json.key("letters").array();
  for (int token = 0; token < start.names.vocab(); ++token) json.value(lab.letter(token));
  json.end();
  json.key("weights").array();
  for (const MicroWeight& w : start.weights)
    json.object().field("name", w.name).field("rows", w.rows).field("columns", w.columns).end();
  json.end();
  json.key("lines").object().field("uniform", lab.lines().uniform);
  json.field("unigram", lab.lines().unigram).field("bigram", lab.lines().bigram).end();
  json.key("next").object();
  put_tokens(json, lab, lab.next_tokens());
  json.end();
  json.field("has_gradients", lab.has_gradients());
}

void put_matrices(Json& json, MicroLab& lab) {
  const std::vector<double> weights = lab.weights();
  std::vector<double> gradients;
  if (lab.has_gradients()) gradients = lab.gradients();
  std::size_t at = 0;
  json.key("weights").array();
  for (const MicroWeight& w : lab.start().weights) {
    const std::size_t count =
        static_cast<std::size_t>(w.rows) * static_cast<std::size_t>(w.columns);
    json.object().field("name", w.name).field("rows", w.rows).field("columns", w.columns);
    json.field("values", short_numbers(std::span(weights).subspan(at, count)));
    if (lab.has_gradients())
      json.field("gradients", short_numbers(std::span(gradients).subspan(at, count)));
    json.end();
    at += count;
  }
  json.end();
}

void state(MicroLab& lab, const Call&, Json& json) { put_state(json, lab); }

void reset(MicroLab& lab, const Call& call, Json& json) {
  MicroOptions options;
  options.steps = static_cast<int>(call.integer("steps", 1, kMostSteps, options.steps));
  options.seed = static_cast<std::uint64_t>(call.integer("seed", 0, 1 << 30, 42));
  lab = MicroLab(options);
  put_state(json, lab);
}

void tokens(MicroLab& lab, const Call& call, Json& json) {
  put_tokens(json, lab, lab.tokens(call.text("text")));
}

void value(MicroLab&, const Call& call, Json& json) {
  const ValueTrace trace = trace_values(call.text("program"));
  json.key("nodes").array();
  for (const ValueNode& node : trace.nodes) {
    json.object().field("id", node.id).field("op", node.op).field("name", node.name);
    json.field("data", node.data).field("grad", node.grad).field("constant", node.constant);
    json.key("in").array();
    for (const ValueNode::Input& in : node.in)
      json.object().field("id", in.id).field("local", in.local).end();
    json.end().end();
  }
  json.end().key("steps").array();
  for (const ValueStep& step : trace.steps) {
    json.object().field("from", step.from).field("to", step.to).field("local", step.local);
    json.field("grad", step.grad).field("add", step.add).field("total", step.total).end();
  }
  json.end().field("loss", trace.loss);
}

void forward(MicroLab& lab, const Call& call, Json& json) {
  const MicroForward seen =
      lab.forward(call.has("text") ? lab.tokens(call.text("text")) : lab.next_tokens());
  put_tokens(json, lab, seen.tokens);
  json.field("loss", seen.loss).field("losses", seen.losses).field("nodes", seen.nodes);
  json.key("positions").array();
  for (const std::vector<MicroRow>& rows : seen.positions) {
    json.array();
    for (const MicroRow& row : rows) {
      json.object().field("name", row.name);
      if (row.head >= 0) json.field("head", row.head);
      json.field("file", row.asked.file).field("line", row.asked.line);
      json.field("made_file", row.made.file).field("made_line", row.made.line);
      json.field("op", row.op).field("values", short_numbers(row.values)).end();
    }
    json.end();
  }
  json.end();
}

void backward(MicroLab& lab, const Call&, Json& json) {
  json.field("loss", lab.backward()).field("step", lab.steps_done());
  put_tokens(json, lab, lab.next_tokens());
  put_matrices(json, lab);
}

void update(MicroLab& lab, const Call&, Json& json) {
  json.field("learning_rate", lab.update()).field("steps", lab.steps_done());
  put_matrices(json, lab);
}

void step(MicroLab& lab, const Call& call, Json& json) {
  const int n = static_cast<int>(call.integer("n", 1, 1000, 1));
  json.field("first", lab.steps_done() + 1).field("losses", lab.losses_of_steps(n));
  json.field("steps", lab.steps_done());
}

void weights(MicroLab& lab, const Call&, Json& json) { put_matrices(json, lab); }

void next(MicroLab& lab, const Call& call, Json& json) {
  std::vector<int> tokens = lab.tokens(call.text("text", ""));
  tokens.pop_back();   // the BOS at the end is what may follow, like any other token
  put_tokens(json, lab, tokens);
  json.field("probs", lab.next_probs(tokens, call.number("temperature", 0.01, 100, 0.5)));
}

void sample(MicroLab& lab, const Call& call, Json& json) {
  const std::int64_t n = call.integer("n", 1, 100, 1);
  const double temperature = call.number("temperature", 0.01, 100, 0.5);
  json.key("samples").array();
  for (std::int64_t i = 0; i < n; ++i) {
    const MicroSample made = lab.sample(temperature);
    json.object().field("name", made.name).key("letters").array();
    for (const MicroLetter& letter : made.letters) {
      json.object().field("token", letter.token);
      json.field("probs", short_numbers(letter.probs)).end();
    }
    json.end().end();
  }
  json.end();
}

void race(MicroLab&, const Call& call, Json& json) {
  const MicroRace raced = race_micro(static_cast<int>(call.integer("steps", 1, 200, 20)));
  json.key("engines").array();
  for (const MicroRace::Engine& engine : raced.engines) {
    json.object().field("name", engine.name).field("device", engine.device);
    json.field("losses", engine.losses).field("ms_per_step", engine.ms_per_step);
    json.field("nodes", engine.nodes).end();
  }
  json.end();
}

struct Action {
  const char* name;
  void (*run)(MicroLab&, const Call&, Json&);   // writes the fields of an open object
};
// clang-format off
const Action kActions[] = {
    {"state",    state},      // what the model is made of, and how far it is
    {"reset",    reset},      // {steps, seed}: begin again
    {"tokens",   tokens},     // {text}
    {"value",    value},      // {program}: nodes, and backward edge by edge
    {"weights",  weights},    // all numbers, and their gradients where there are any
    {"forward",  forward},    // {text}: every vector; without a text, of the next name
    {"backward", backward},   // the gradients of the next name's loss
    {"update",   update},     // learn from them
    {"step",     step},       // {n}: forward, backward and update, n times
    {"next",     next},       // {text, temperature}: what may follow
    {"sample",   sample},     // {n, temperature}: new names
    {"race",     race},       // {steps}: both engines
};
// clang-format on

}   // namespace

Answer api_micro(Session& session, const Call& call) {
  const std::string& name = call.parts.at(0);
  const auto action = std::find_if(std::begin(kActions), std::end(kActions),
                                   [&](const Action& a) { return name == a.name; });
  if (action == std::end(kActions)) {
    std::string all;
    for (const Action& a : kActions) all += (all.empty() ? "" : ", ") + std::string(a.name);
    throw ApiError(404, "not_found", "the guide's model does not know the action " + name,
                   "there are " + all);
  }
  MicroPlace& place = session.micro();
  const std::lock_guard lock(place.guard);
  Json json;
  json.object();
  action->run(place.lab, call, json);
  return {json.end().text()};
}

}   // namespace glass
