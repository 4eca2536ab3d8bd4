// What the runs in the folder did so far.
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "tools/api/endpoints.h"

namespace glass {
namespace {

constexpr std::int64_t kMostRows = 100'000, kMostSamples = 1000;

RunPlace run_asked(Session& session, const Call& call) {
  return session.runs().at(call.index(0, std::int64_t{1} << 30, "run"));
}

std::int64_t since_asked(const Call& call) {
  return call.asked_integer("since", -1, std::int64_t{1} << 53, -1);
}

}   // namespace

void put_run(Json& json, Session& session, const RunPlace& run) {
  const Training::Now now = session.training().now(run);
  const RunLog::Rows log = session.runs().log(run).rows(std::int64_t{1} << 53, 1);
  json.field("id", run.id).field("name", run.name).field("step", log.last);
  json.field("checkpoints", steps_of(run)).field("state", name_of(now.state));
  if (log.best) {
    json.key("best").object().field("step", log.best->step);
    json.field("val_loss", log.best->val_loss).end();
  }
  if (now.trainer) json.field("process", now.trainer.id);
  if (now.ended) json.field("code", now.code);
}

Answer api_runs(Session& session, const Call&) {
  Json json;
  json.object().field("folder", session.runs().folder()).key("runs").array();
  for (const RunPlace& run : session.runs().list()) {
    json.object();
    put_run(json, session, run);
    json.end();
  }
  json.end().end();
  return {json.text()};
}

Answer api_run(Session& session, const Call& call) {
  const RunPlace run = run_asked(session, call);
  const std::vector<std::string> lines = split(text_in(run, "train.log"), '\n');
  constexpr std::size_t kLines = 40;
  Json json;
  json.object();
  put_run(json, session, run);
  json.key("config").object();
  for (const auto& [name, value] : settings_of(run)) json.field(name, value);
  json.end();
  // The end of what the trainer said, if it was started from a page.
  json.field("log", std::vector<std::string>(
                        lines.end() - static_cast<std::ptrdiff_t>(std::min(kLines, lines.size())),
                        lines.end()));
  json.end();
  return {json.text()};
}

Answer api_metrics(Session& session, const Call& call) {
  const RunPlace run = run_asked(session, call);
  const auto most = static_cast<std::size_t>(call.asked_integer("most", 1, kMostRows, 5000));
  const RunLog::Rows log = session.runs().log(run).rows(since_asked(call), most);
  Json json;
  json.object().field("id", run.id).field("last", log.last).field("beginnings", log.beginnings);
  json.field("left_out", log.left_out).key("rows").array();
  for (const LogRow& row : log.rows) put(json, row);
  json.end().end();
  return {json.text()};
}

Answer api_samples(Session& session, const Call& call) {
  const RunPlace run = run_asked(session, call);
  const auto most = static_cast<std::size_t>(call.asked_integer("most", 1, kMostSamples, 20));
  Json json;
  json.object().field("id", run.id).key("samples").array();
  for (const LogSample& sample : session.runs().log(run).samples(since_asked(call), most))
    put(json, sample);
  json.end().end();
  return {json.text()};
}

}   // namespace glass
