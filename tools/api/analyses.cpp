// The analyses of `glass interp`, asked for by name. Their options come from the tables of the
// commands, so that a page, a script and a person at a terminal say the same words and get the same
// numbers.
#include <algorithm>

#include "engine/base/text.h"
#include "interp/page/page_json.h"
#include "tools/api/endpoints.h"
#include "tools/api/options.h"
#include "tools/arguments.h"
#include "tools/interp/interp.h"

namespace glass {

extern const Command kInterp;

namespace {

struct Found {
  const Command* command;
  std::string path;   // "neurons show", as behind glass interp
};

void collect(const Command& command, const std::string& path, std::vector<Found>& all) {
  if (command.find != nullptr) all.push_back({&command, path});
  for (const Command* child : command.commands)
    collect(*child, (path.empty() ? "" : path + " ") + std::string(child->name), all);
}

std::vector<Found> all_analyses() {
  std::vector<Found> all;
  collect(kInterp, "", all);
  return all;
}

// "attention", "neurons-show"
std::string id_of(const Found& found) {
  std::string id = found.path;
  std::replace(id.begin(), id.end(), ' ', '-');
  return id;
}

}   // namespace

Answer api_analyses(Session&, const Call&) {
  Json json;
  json.object().key("analyses").array();
  for (const Found& found : all_analyses()) {
    json.object().field("name", id_of(found)).field("command", "glass interp " + found.path);
    json.field("summary", found.command->summary).field("about", found.command->about);
    put_code_of_analysis(json, id_of(found));
    json.key("options").array();
    for (const Option& operand : found.command->operands) put(json, operand, true);
    for (const Option* option : options_of(*found.command))
      if (is_for_page(*option)) put(json, *option, false);
    json.end().end();
  }
  json.end().end();
  return {json.text()};
}

Answer api_interp(Session& session, const Call& call) {
  const std::vector<Found> all = all_analyses();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Found& f) { return id_of(f) == call.parts.at(0); });
  if (found == all.end())
    throw ApiError(404, "not_found", "there is no analysis " + in_quotes(call.parts.at(0)),
                   "GET /api/analyses lists them");
  const auto model = session.model();
  std::vector<std::string> words = words_of(*found->command, call.body);
  words.insert(words.begin(), {"--ckpt", model->ckpt});
  const Arguments args = parse(*found->command, "glass interp " + found->path, words,
                               [](const char*) -> const char* { return nullptr; });
  const auto computing = session.computing();
  const Findings findings = found->command->find(args, Microscope(model, args));
  return {"{\"page\":" + page_json(findings.page) + ",\"data\":" + findings.json + "}"};
}

}   // namespace glass
