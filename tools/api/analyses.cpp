// The analyses of `glass interp`, asked for by name. Their options come from the tables of the
// commands, so that a page, a script and a person at a terminal say the same words and get the same
// numbers.
#include <algorithm>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "interp/page/page_json.h"
#include "tools/api/endpoints.h"
#include "tools/arguments.h"
#include "tools/interp/interp.h"

namespace glass {

extern const Command kInterp;

namespace {

// An option that names a file, or says where to compute: the person who started the server decides
// these, not a page.
bool is_for_page(const Option& option) {
  constexpr std::string_view kNot[] = {"ckpt",    "tokenizer", "ranks", "device", "isa",
                                       "threads", "dtype",     "json",  "help",   "overwrite"};
  constexpr std::string_view kFiles[] = {"FILE", "PATH", "DIR", "SOURCE"};
  if (std::find(std::begin(kNot), std::end(kNot), option.name) != std::end(kNot)) return false;
  return std::none_of(std::begin(kFiles), std::end(kFiles), [&](std::string_view file) {
    return option.value.find(file) != std::string_view::npos;
  });
}

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

const char* name_of(Type type) {
  switch (type) {
    case Type::integer:
      return "integer";
    case Type::number:
      return "number";
    case Type::choice:
      return "choice";
    case Type::flag:
      return "flag";
    default:
      return "text";
  }
}

void put(Json& json, const Option& option, bool operand) {
  json.object().field("name", option.name).field("type", name_of(option.type));
  json.field("operand", operand).field("help", option.help).field("group", option.group);
  json.field("value", option.value).field("fallback", option.fallback);
  json.field("required", option.required);
  if (option.type == Type::choice) json.field("choices", split(option.choices, '|'));
  json.field("min", option.min).field("max", option.max).end();   // null: no bound
}

// A value of the body in the words of a command line.
std::string word_of(const std::string& name, const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::boolean:
      return value.boolean ? "true" : "false";
    case JsonValue::Kind::number:
    case JsonValue::Kind::text:
      return value.text;
    default:
      throw ApiError(400, "bad_value",
                     in_quotes(name) + " must be a text, a number, true or false");
  }
}

// The command line that a body means. Refused: what is no option of a page.
std::vector<std::string> words_of(const Command& command, const JsonValue& body) {
  std::vector<std::string> words;
  for (const auto& [name, value] : body.fields) {
    if (value.kind == JsonValue::Kind::null) continue;
    const auto is_it = [&, &said = name](const Option& o) { return o.name == said; };
    if (std::any_of(command.operands.begin(), command.operands.end(), is_it)) continue;
    const Option* option = find_option(command, name);
    if (option == nullptr || !is_for_page(*option))
      throw ApiError(400, "unknown_option", "there is no option " + in_quotes(name) + " here",
                     "GET /api/analyses lists them");
    const std::string word = word_of(name, value);
    if (word == "-")
      throw ApiError(400, "bad_value", in_quotes(name) + " is -, which means stdin at a terminal",
                     "put a space behind it");
    words.push_back("--" + std::string(option->name) + "=" + word);
  }
  for (const Option& operand : command.operands)
    if (const JsonValue* value = body.find(operand.name);
        value != nullptr && value->kind != JsonValue::Kind::null)
      words.push_back(word_of(std::string(operand.name), *value));
  return words;
}

}   // namespace

Answer api_analyses(Session&, const Call&) {
  Json json;
  json.object().key("analyses").array();
  for (const Found& found : all_analyses()) {
    json.object().field("name", id_of(found)).field("command", "glass interp " + found.path);
    json.field("summary", found.command->summary).field("about", found.command->about);
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
  words.insert(words.begin(), {"--ckpt", session.options().ckpt});
  const Arguments args = parse(*found->command, "glass interp " + found->path, words,
                               [](const char*) -> const char* { return nullptr; });
  const auto computing = session.computing();
  const Findings findings = found->command->find(args, Microscope(model, args));
  return {"{\"page\":" + page_json(findings.page) + ",\"data\":" + findings.json + "}"};
}

}   // namespace glass
