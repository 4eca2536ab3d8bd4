// Training from a page: what can be asked for, what runs, and a stream of what happens.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>
#include <thread>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "model/corpora/corpora.h"
#include "model/dataset.h"
#include "model/run_folder.h"
#include "model/tokenizer/open.h"
#include "tools/api/endpoints.h"
#include "tools/api/options.h"
#include "tools/arguments.h"
#include "tools/train_options.h"

namespace glass {

extern const Command kTrain;

namespace {

constexpr auto kBetweenLooks = std::chrono::milliseconds(200);
constexpr std::size_t kRowsAtOnce = 40;   // of a look: a run of tiny steps makes hundreds

// A page may say how a model is made and trained, but no file: neither what it learns from (a data
// set by its name instead) nor what it begins with or where it goes to.
bool is_for_page_of_train(const Option& option) {
  constexpr std::string_view kNot[] = {"DATA",          "CONFIG",  "resume",       "init-from",
                                       "config",        "out",     "force-config", "eval-only",
                                       "compile",       "backend", "wandb-log",    "wandb-project",
                                       "wandb-run-name"};
  if (std::find(std::begin(kNot), std::end(kNot), option.name) != std::end(kNot)) return false;
  return option.name == "tokenizer" || is_for_page(option);
}

Arguments parsed(const std::vector<std::string>& words) {
  return parse(kTrain, "glass train", words, [](const char*) -> const char* { return nullptr; });
}

// Refuses here what the trainer would refuse, so that the page is told and not a log file.
TrainRequest request_of(const std::vector<std::string>& words) {
  TrainRequest request = train_request(parsed(words));
  if (is_tokenizer_path(request.data.tokenizer))
    throw bad_value("\"tokenizer\" must be a name, not a file", "char, bytes, bpe:N, gpt2, ..");
  check_tokenizer_spec(request.data.tokenizer);
  if (find_corpus(request.data.source) == nullptr && !is_made(request.data.source))
    throw bad_value("there is no data set " + in_quotes(request.data.source),
                    "GET /api/train lists them");
  GPTConfig model = request.model;
  model.vocab_size = std::max<std::int64_t>(model.vocab_size, 2);   // the data decide it
  check(model);
  check(request.train);
  return request;
}

// Where to compute, as the person said who started the server.
std::vector<std::string> where_to_compute(const Arguments& args) {
  std::vector<std::string> words;
  for (const char* name : {"device", "isa", "threads", "dtype"}) {
    const Option* option = find_option(args.command(), name);
    if (option != nullptr && args.has(name) && args.source(name) != Source::fallback)
      words.push_back("--" + std::string(name) + "=" + args.said(name));
  }
  return words;
}

RunPlace run_named(Session& session, const std::string& name) {
  for (const RunPlace& run : session.runs().list())
    if (run.name == name) return run;
  throw ApiError(404, "not_found", "there is no run " + in_quotes(name),
                 "GET /api/runs lists them");
}

Answer one_run(Session& session, const RunPlace& run) {
  Json json;
  json.object();
  put_run(json, session, run);
  json.end();
  return {json.text()};
}

// What the page asks for, as words of a command line.
std::vector<std::string> words_asked(Session& session, const Call& call) {
  const JsonValue* options = call.body.find("options");
  static const JsonValue none;
  std::vector<std::string> words =
      words_of(kTrain, options != nullptr ? *options : none, is_for_page_of_train);
  const std::vector<std::string> where = where_to_compute(session.args());
  words.insert(words.begin(), where.begin(), where.end());
  return words;
}

// The value of every option in a run that would be started so: a preset says many of them.
Answer plan(Session& session, const Call& call) {
  const TrainRequest request = request_of(words_asked(session, call));
  Json json;
  json.object().field("preset", request.preset).key("values").object();
  for (const Option* option : options_of(kTrain)) {
    const bool named = is_for_page_of_train(*option) && request.args.has(option->name);
    if (named) json.field(std::string(option->name), request.args.said(option->name));
  }
  json.end().end();
  return {json.text()};
}

Answer begin(Session& session, const Call& call) {
  const std::vector<std::string> words = words_asked(session, call);
  const TrainRequest request = request_of(words);
  const std::string name = call.text("name", request.data.source);
  if (!is_plain_file_name(name) || name.size() > 100)
    throw bad_value(in_quotes(name) + " is no name for a run", "letters, digits, - and _");
  return one_run(session, run_named(session, session.training().begin(name, words)));
}

Answer control(Session& session, const Call& call, const std::string& action) {
  if (!call.has("run")) throw bad_value("\"run\" is missing: which one?");
  const RunPlace run = session.runs().at(call.integer("run", 0, 1 << 30, -1));
  const Training::Now now = session.training().now(run);
  if (action == "resume" && now.state == Training::State::idle) {
    if (!is_run_folder(run.path))
      throw ApiError(409, "nothing_saved", "this run has no checkpoint to go on from");
    session.training().resume(run);
    return one_run(session, run);
  }
  if (!now.trainer)
    throw ApiError(409, "not_running", "nobody trains in this run",
                   "{\"action\": \"resume\"} goes on from its newest checkpoint");
  if (action == "pause") pause(now.trainer);
  else if (action == "resume") go_on(now.trainer);
  else if (action == "stop") stop(now.trainer);
  else if (now.state == Training::State::paused)
    throw ApiError(409, "paused", "a run that is paused cannot save", "resume it first");
  else if (!now.trainer.saves_when_asked)
    throw ApiError(409, "too_old", "this trainer does not save when it is asked",
                   "wait a moment if it just began");
  else save(now.trainer);
  return one_run(session, run);
}

// The runs that somebody trains now, or that this server started.
std::vector<RunPlace> of_interest(Session& session) {
  std::vector<RunPlace> runs;
  for (const RunPlace& run : session.runs().list()) {
    const Training::Now now = session.training().now(run);
    if (now.mine || now.state != Training::State::idle) runs.push_back(run);
  }
  return runs;
}

// ---- the stream ---------------------------------------------------------------------------------

class Watch {
 public:
  Watch(Session& session, RunPlace run, std::int64_t since, Events& events)
      : session_(session), run_(std::move(run)), events_(events), step_(since), sample_(since) {
    for (const std::int64_t step : steps_of(run_)) known_.insert(step);
  }

  // One look; false: nobody listens, or nothing more will come.
  bool look() {
    // What happened until the trainer ended is told before its end.
    const Training::Now now = session_.training().now(run_);
    if (!say_rows() || !say_samples() || !say_checkpoints()) return false;
    if (now.state != said_ && !say_state(now)) return false;
    if (now.state != Training::State::idle) return events_.alive();
    events_.send("end", state_json(now));
    return false;
  }

 private:
  bool say_rows() {
    const RunLog::Rows log = session_.runs().log(run_).rows(step_, kRowsAtOnce);
    for (const LogRow& row : log.rows) {
      Json json;
      put(json, row);
      const bool evaluated = !std::isnan(row.train_loss);
      if (!events_.send(evaluated ? "evaluation" : "step", json.text())) return false;
    }
    step_ = log.last;   // of a log that was cut back, a smaller one
    return true;
  }
  bool say_samples() {
    constexpr std::size_t kMost = 10;
    for (const LogSample& sample : session_.runs().log(run_).samples(sample_, kMost)) {
      Json json;
      put(json, sample);
      if (!events_.send("sample", json.text())) return false;
      sample_ = sample.step;
    }
    return true;
  }
  bool say_checkpoints() {
    for (const std::int64_t step : steps_of(run_)) {
      if (!known_.insert(step).second) continue;
      Json json;
      json.object().field("step", step).end();
      if (!events_.send("checkpoint", json.text())) return false;
    }
    return true;
  }
  bool say_state(const Training::Now& now) {
    said_ = now.state;
    return now.state == Training::State::idle || events_.send("state", state_json(now));
  }

  std::string state_json(const Training::Now& now) const {
    Json json;
    json.object().field("run", run_.id).field("state", name_of(now.state)).field("step", step_);
    if (now.ended) json.field("code", now.code);
    json.end();
    return json.text();
  }

  Session& session_;
  RunPlace run_;
  Events& events_;
  std::int64_t step_, sample_;
  std::set<std::int64_t> known_;
  Training::State said_ = Training::State::idle;
};

}   // namespace

Answer api_training(Session& session, const Call&) {
  Json json;
  json.object().key("runs").array();
  for (const RunPlace& run : of_interest(session)) {
    json.object();
    put_run(json, session, run);
    json.end();
  }
  json.end().key("data").array();
  for (const Corpus& corpus : corpora())
    json.object().field("name", corpus.name).field("about", corpus.what).end();
  json.end().key("presets").array();
  for (const Preset& preset : presets())
    json.object().field("name", preset.name).field("about", preset.about).end();
  json.end().key("options").array();
  for (const Option* option : options_of(kTrain))
    if (is_for_page_of_train(*option)) put(json, *option, false);
  json.end().end();
  return {json.text()};
}

Answer api_train(Session& session, const Call& call) {
  const std::string action = call.text("action");
  if (action == "start") return begin(session, call);
  if (action == "plan") return plan(session, call);
  for (const char* known : {"pause", "resume", "stop", "save"})
    if (action == known) return control(session, call, action);
  throw bad_value("\"action\" must be plan, start, pause, resume, stop or save, not " +
                  in_quotes(action));
}

void api_train_stream(Session& session, const Call& call, Events& events) {
  const std::int64_t since = call.asked_integer("since", -1, std::int64_t{1} << 53, -1);
  std::int64_t id = call.asked_integer("run", 0, 1 << 30, -1);
  if (id < 0) {
    const std::vector<RunPlace> runs = of_interest(session);
    if (runs.empty())
      throw ApiError(404, "not_running", "nobody trains now", "say which run: ?run=0");
    id = runs.back().id;
    for (const RunPlace& run : runs)
      if (session.training().now(run).state != Training::State::idle) id = run.id;
  }
  Watch watch(session, session.runs().at(id), since, events);
  while (watch.look()) std::this_thread::sleep_for(kBetweenLooks);
}

}   // namespace glass
