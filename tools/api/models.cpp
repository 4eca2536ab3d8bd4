// Which models can be opened: those written by hand, what the runs in the folder saved, and the one
// that the server was started with. A page picks one of the list; no path ever comes from it.
#include <algorithm>
#include <filesystem>

#include "engine/base/text.h"
#include "model/handmade.h"
#include "model/run_folder.h"
#include "tools/api/endpoints.h"

namespace glass {
namespace {

struct Offered {
  std::string name;   // "handmade:induction", "names", "names/1200", "names/best"
  std::string ckpt;   // as --ckpt says it
  const char* kind;   // "given", "handmade", "run", "checkpoint"
  std::string about;
  int run = -1;
  std::int64_t step = -1;
};

void add_run(std::vector<Offered>& all, const RunPlace& run) {
  const std::vector<std::int64_t> steps = steps_of(run);
  std::error_code ignored;
  const bool best = std::filesystem::exists(run.path + "/" + kBestName, ignored);
  if (steps.empty() && !best) return;
  const std::string size = size_of(run);
  const std::string newest =
      steps.empty() ? "its best state" : "after step " + with_commas(steps.back());
  all.push_back({run.name, run.path, "run", newest + (size.empty() ? "" : "; " + size), run.id,
                 steps.empty() ? -1 : steps.back()});
  for (const std::int64_t step : steps)
    all.push_back({run.name + "/" + std::to_string(step), run.path + "/" + checkpoint_name(step),
                   "checkpoint", "after step " + with_commas(step), run.id, step});
  if (best)
    all.push_back({run.name + "/best", run.path + "/" + kBestName, "checkpoint",
                   "where the validation loss was lowest", run.id, -1});
}

std::vector<Offered> offered(Session& session) {
  std::vector<Offered> all;
  for (const Handmade& model : handmade_models()) {
    const std::string name = "handmade:" + std::string(model.name);
    all.push_back({name, name, "handmade", std::string(model.about)});
  }
  for (const RunPlace& run : session.runs().list()) add_run(all, run);
  const std::string& given = session.options().ckpt;
  const auto same = [&](const Offered& o) { return o.ckpt == given; };
  if (!given.empty() && std::none_of(all.begin(), all.end(), same))
    all.insert(all.begin(), {given, given, "given", "what the server was started with"});
  return all;
}

// "ckpt": a name of the list, or its number.
Offered asked_model(Session& session, const Call& call) {
  const std::vector<Offered> all = offered(session);
  const JsonValue* said = call.body.find("ckpt");
  const bool number = said != nullptr && said->kind == JsonValue::Kind::number;
  const std::int64_t id = number ? call.integer("ckpt", 0, 1 << 30, -1) : -1;
  const std::string name = number ? "" : call.text("ckpt");
  std::vector<std::string> names;
  for (const Offered& one : all) {
    if (number ? session.model_number(one.name) == id : one.name == name) return one;
    names.push_back(one.name);
  }
  const std::string near = nearest(name, names);
  throw ApiError(404, "not_found",
                 "there is no model " + (number ? std::to_string(id) : in_quotes(name)),
                 near.empty() ? "GET /api/models lists them" : "did you mean " + near + "?");
}

}   // namespace

Answer api_models(Session& session, const Call&) {
  const std::string now = session.has_model() ? session.model()->ckpt : "";
  Json json;
  json.object().key("models").array();
  for (const Offered& one : offered(session)) {
    json.object().field("id", session.model_number(one.name)).field("name", one.name);
    json.field("kind", one.kind).field("about", one.about).field("open", one.ckpt == now);
    if (one.run >= 0) json.field("run", one.run);
    if (one.step >= 0) json.field("step", one.step);
    json.end();
  }
  json.end().end();
  return {json.text()};
}

Answer api_open(Session& session, const Call& call) {
  session.open(call.flag("again", false) ? session.model()->ckpt : asked_model(session, call).ckpt);
  return api_status(session, call);
}

}   // namespace glass
